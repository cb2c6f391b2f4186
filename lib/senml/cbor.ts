/** SenML packs as CBOR (RFC 8428 §6), deterministic: integer labels, shortest numbers. */
import { decode } from "../cbor/decode.js";
import { encode } from "../cbor/encode.js";
import { CborError, CborFloat, type CborKey, type CborValue } from "../cbor/value.js";
import { cborLabels, recordOf, type SenmlLabel, type SenmlRecord } from "./record.js";

/** @throws RangeError for a record that SenML does not allow. */
export function encodePackCbor(records: readonly SenmlRecord[]): Uint8Array {
  return encode(records.map((record) => mapOf(recordOf(definedEntries(record)))));
}

/** @throws RangeError when `data` is no pack of this kind. */
export function decodePackCbor(data: Uint8Array): SenmlRecord[] {
  const pack = decode(data);
  if (!Array.isArray(pack) || pack.length === 0) throw new CborError("not a SenML pack");
  return pack.map((item: CborValue) => {
    if (!(item instanceof Map)) throw new CborError("not a SenML record");
    return recordOf([...item].map(([key, value]) => [nameOf(key), numberOf(value)]));
  });
}

/** Entries of a record without those that are undefined. */
export function definedEntries(record: SenmlRecord): [string, unknown][] {
  return Object.entries(record).filter(([, value]) => value !== undefined);
}

function mapOf(record: SenmlRecord): Map<CborKey, CborValue> {
  const map = new Map<CborKey, CborValue>();
  for (const label of Object.keys(record) as SenmlLabel[]) map.set(cborLabels[label], record[label]);
  return map;
}

function nameOf(key: CborKey): string {
  for (const label of Object.keys(cborLabels) as SenmlLabel[]) if (cborLabels[label] === key) return label;
  throw new RangeError("a SenML label not known here");
}

function numberOf(value: CborValue): CborValue {
  return value instanceof CborFloat ? value.value : value;
}
