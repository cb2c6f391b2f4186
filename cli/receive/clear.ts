/** SenML in clear (RFC 8428): each record by itself (§4.6), as JSON or CBOR, with absolute times. */
import { encodePackCbor } from "../../lib/senml/cbor.js";
import { encodePackJson } from "../../lib/senml/json.js";
import type { SenmlRecord } from "../../lib/senml/record.js";
import type { SenmlReading } from "../../lib/senml/resolve.js";
import { timeOf } from "./records.js";

export const clearFormats = ["json", "cbor"] as const;
export type ClearFormat = (typeof clearFormats)[number];

/** The media types of RFC 8428 §12.3. */
export const mediaTypes: Readonly<Record<ClearFormat, string>> = {
  json: "application/senml+json",
  cbor: "application/senml+cbor",
};

/** @param atMs when it arrived, since 1970: relative times count from there */
export function clearPack(reading: readonly SenmlReading[], atMs: number, format: ClearFormat): Uint8Array {
  const records = reading.map((one) => recordOf(one, atMs));
  return format === "json" ? encodePackJson(records) : encodePackCbor(records);
}

function recordOf(one: SenmlReading, atMs: number): SenmlRecord {
  const { name, unit, sum, updateTime, sequence } = one;
  return {
    n: name,
    ...(unit !== undefined && { u: unit }),
    t: timeOf(one, atMs) / 1000,
    ...ownValue(one),
    ...(sum !== undefined && { s: sum }),
    ...(updateTime !== undefined && { ut: updateTime }),
    ...(sequence !== undefined && { seq: sequence }),
  };
}

function ownValue({ value }: SenmlReading): Pick<SenmlRecord, "v" | "vs" | "vb" | "vd"> {
  if (value === null) return {};
  if (typeof value === "number") return { v: value };
  if (typeof value === "string") return { vs: value };
  return typeof value === "boolean" ? { vb: value } : { vd: value };
}
