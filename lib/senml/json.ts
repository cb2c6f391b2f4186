/** SenML packs as JSON (RFC 8428 §5), UTF-8, written without white space. */
import { base64urlLength, readBase64url, writeBase64url } from "../auth/base64url.js";
import { utf8Decode, utf8Encode } from "../cbor/utf8.js";
import { checkRecord, recordOf, type SenmlRecord } from "./record.js";

/** @throws RangeError for a record that SenML does not allow. */
export function encodePackJson(records: readonly SenmlRecord[]): Uint8Array {
  return utf8Encode(JSON.stringify(records.map(objectOf)));
}

/** One record as it stands in a pack. */
export function encodeRecordJson(record: SenmlRecord): Uint8Array {
  return utf8Encode(JSON.stringify(objectOf(record)));
}

/** @throws RangeError when `data` is no pack of this kind. */
export function decodePackJson(data: Uint8Array): SenmlRecord[] {
  const pack = parsed(utf8Decode(data));
  if (!Array.isArray(pack) || pack.length === 0) throw new RangeError("not a SenML pack");
  return pack.map((item: unknown) => {
    if (typeof item !== "object" || item === null || Array.isArray(item))
      throw new RangeError("not a SenML record");
    return recordOf(
      Object.entries(item).map(([label, value]) => [label, label === "vd" ? bytesOf(value) : value]),
    );
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new RangeError("not JSON");
  }
}

function objectOf(record: SenmlRecord): object {
  checkRecord(record);
  return record.vd === undefined ? record : { ...record, vd: textOf(record.vd) };
}

function textOf(bytes: Uint8Array): string {
  const out = new Uint8Array(base64urlLength(bytes.length));
  writeBase64url(bytes, out, 0);
  return utf8Decode(out);
}

function bytesOf(value: unknown): Uint8Array {
  if (typeof value !== "string") throw new RangeError("SenML vd is no text");
  return readBase64url(value);
}
