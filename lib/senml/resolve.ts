/** Resolved records (RFC 8428 §4.6): every record stands alone, base values applied. */
import { isName } from "./name.js";
import { type SenmlRecord, senmlVersion } from "./record.js";

export interface SenmlReading {
  readonly name: string;
  readonly unit?: string;
  /** Null: there is only a sum. */
  readonly value: number | string | boolean | Uint8Array | null;
  /** The integral of the value over time. */
  readonly sum?: number;
  /** Seconds since 1970, or, below 2^28, relative to when the pack was received. */
  readonly time: number;
  /** Seconds until the next measurement, at most. */
  readonly updateTime?: number;
  /**
   * Of a device of ours: which of its readings it is. The same number again, in another message, is the same reading; the
   * records of one reading have the same.
   */
  readonly sequence?: number;
}

/**
 * Of all names and units together, in UTF-16 units: base values let a small pack stand for a large one, which grows with
 * the square of what was sent.
 */
const mostText = 1 << 20;

/**
 * @returns one reading for each record that has a value or a sum
 * @throws RangeError when a full name breaks RFC 8428 §4.5.1, records are of different versions, or there would be too
 *   much of it
 */
export function resolvePack(records: readonly SenmlRecord[]): SenmlReading[] {
  const base: { [label in "bn" | "bu"]?: string } & { [label in "bt" | "bv" | "bs"]?: number } = {};
  const version = records[0]?.bver ?? senmlVersion;
  const readings: SenmlReading[] = [];
  let text = 0;
  let sequence: number | undefined;
  for (const record of records) {
    if (record.bver !== undefined && record.bver !== version)
      throw new RangeError("SenML records of different versions");
    const { bn, bt, bu, bv, bs } = { ...base, ...record };
    Object.assign(base, { bn, bt, bu, bv, bs });
    // Up to the next number, or to what the device says of itself.
    if (record.seq !== undefined) sequence = record.seq;
    else if (record.n?.startsWith("state.")) sequence = undefined;
    const number = record.v === undefined ? undefined : record.v + (bv ?? 0);
    const value = number ?? record.vs ?? record.vb ?? record.vd ?? null;
    const sum = record.s === undefined && bs === undefined ? undefined : (record.s ?? 0) + (bs ?? 0);
    if (value === null && record.s === undefined) continue;
    const name = (bn ?? "") + (record.n ?? "");
    const unit = record.u ?? bu;
    text += name.length + (unit?.length ?? 0);
    if (text > mostText) throw new RangeError("a SenML pack that resolves to too much text");
    if (!isName(name)) throw new RangeError("not a SenML name");
    const time = (bt ?? 0) + (record.t ?? 0);
    if (!Number.isFinite(number ?? 0) || !Number.isFinite(sum ?? 0) || !Number.isFinite(time))
      throw new RangeError("a SenML number beyond all bounds");
    readings.push({
      name,
      ...(unit !== undefined && { unit }),
      value,
      ...(sum !== undefined && { sum }),
      time,
      ...(record.ut !== undefined && { updateTime: record.ut }),
      ...(sequence !== undefined && { sequence }),
    });
  }
  return readings;
}
