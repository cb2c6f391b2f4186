/**
 * SenML packs as CBOR (RFC 8428 §6). Written deterministically: integer labels, shortest numbers. Read from anyone who
 * writes CBOR: in any order, numbers in any form, decimal fractions among them.
 */
import { type DecodeLimits, decode } from "../cbor/decode.js";
import { encode } from "../cbor/encode.js";
import { CborError, CborFloat, type CborKey, CborTagged, type CborValue } from "../cbor/value.js";
import { cborLabels, checkRecord, recordOf, type SenmlLabel, type SenmlRecord } from "./record.js";

/** @throws RangeError for a record that SenML does not allow. */
export function encodePackCbor(records: readonly SenmlRecord[]): Uint8Array {
  return encode(records.map(mapOf));
}

/** One record as it stands in a pack. */
export function encodeRecordCbor(record: SenmlRecord): Uint8Array {
  return encode(mapOf(record));
}

const limits: DecodeLimits = Object.freeze({ maxDepth: 8, unsorted: true, longForms: true });

/**
 * @returns records whose `vd` are views of `data`.
 * @throws RangeError when `data` is no pack of this kind.
 */
export function decodePackCbor(data: Uint8Array): SenmlRecord[] {
  const pack = decode(data, limits);
  if (!Array.isArray(pack) || pack.length === 0) throw new CborError("not a SenML pack");
  return pack.map((item: CborValue) => {
    if (!(item instanceof Map)) throw new CborError("not a SenML record");
    return recordOf([...item].map(([key, value]) => [nameOf(key), numberOf(value)]));
  });
}

function mapOf(record: SenmlRecord): Map<CborKey, CborValue> {
  checkRecord(record);
  const map = new Map<CborKey, CborValue>();
  for (const label of Object.keys(record) as SenmlLabel[]) map.set(cborLabels[label], record[label]);
  return map;
}

/** Table 4 has all the integer labels there will be; what is known has no other. */
function nameOf(key: CborKey): string {
  if (typeof key === "string") {
    if (Object.hasOwn(cborLabels, key) && cborLabels[key as SenmlLabel] !== key)
      throw new RangeError("a SenML label as text that is an integer in CBOR");
    return key;
  }
  for (const label of Object.keys(cborLabels) as SenmlLabel[]) if (cborLabels[label] === key) return label;
  return "";
}

const decimalFraction = 4;

function numberOf(value: CborValue): CborValue {
  if (value instanceof CborFloat) return value.value;
  if (!(value instanceof CborTagged) || value.tag !== decimalFraction) return value;
  const [exponent, mantissa, ...rest] = Array.isArray(value.value) ? value.value : [];
  if (!Number.isInteger(exponent) || !Number.isInteger(mantissa) || rest.length > 0)
    throw new RangeError("not a decimal fraction");
  return Number(`${mantissa}e${exponent}`);
}
