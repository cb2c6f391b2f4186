/** Resolved records (RFC 8428 §4.6): every record stands alone, base values applied. */
import { isName } from "./name.js";
import type { SenmlRecord } from "./record.js";

export interface SenmlReading {
  readonly name: string;
  readonly unit?: string;
  readonly value: number | string | boolean;
  /** Seconds since 1970, or, below 2^28, relative to when the pack was received. */
  readonly time: number;
}

/** @throws RangeError when a full name breaks RFC 8428 §4.5.1. */
export function resolvePack(records: readonly SenmlRecord[]): SenmlReading[] {
  let baseName = "";
  let baseTime = 0;
  let baseUnit: string | undefined;
  return records.map((record) => {
    baseName = record.bn ?? baseName;
    baseTime = record.bt ?? baseTime;
    baseUnit = record.bu ?? baseUnit;
    const name = baseName + (record.n ?? "");
    if (!isName(name)) throw new RangeError("not a SenML name");
    const unit = record.u ?? baseUnit;
    const value = record.v ?? record.vs ?? record.vb!;
    return { name, ...(unit !== undefined && { unit }), value, time: baseTime + (record.t ?? 0) };
  });
}
