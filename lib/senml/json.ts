/** SenML packs as JSON (RFC 8428 §5), UTF-8, without white space. */
import { utf8Decode, utf8Encode } from "../cbor/utf8.js";
import { definedEntries } from "./cbor.js";
import { recordOf, type SenmlRecord } from "./record.js";

/** @throws RangeError for a record that SenML does not allow. */
export function encodePackJson(records: readonly SenmlRecord[]): Uint8Array {
  return utf8Encode(JSON.stringify(records.map((record) => recordOf(definedEntries(record)))));
}

/** @throws RangeError when `data` is no pack of this kind. */
export function decodePackJson(data: Uint8Array): SenmlRecord[] {
  const pack = parsed(utf8Decode(data));
  if (!Array.isArray(pack) || pack.length === 0) throw new RangeError("not a SenML pack");
  return pack.map((item: unknown) => {
    if (typeof item !== "object" || item === null || Array.isArray(item))
      throw new RangeError("not a SenML record");
    return recordOf(Object.entries(item));
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new RangeError("not JSON");
  }
}
