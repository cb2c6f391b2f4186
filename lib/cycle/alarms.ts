/**
 * Which alarms a reading sets off, as bits: the profile's thresholds, the lowest bit first; what app.ts says; a pin that woke the
 * board.
 */
import type { Measurement } from "../senml/measurement.js";
import type { Alarm } from "../store/cycle-settings.js";

/** What `alarm()` in app.ts says. */
export const appAlarm = 0x100;
/** The board was woken by its pin. */
export const pinAlarm = 0x200;

/**
 * @param before as they were at the reading before: what is not measured now stays as it was
 * @returns the bits of the thresholds that a value is beyond
 */
export function thresholdBits(
  alarms: readonly Alarm[],
  measurements: readonly Measurement[],
  before: number,
): number {
  let bits = 0;
  for (let i = 0; i < alarms.length; i++) {
    const { name, above, below } = alarms[i]!;
    let beyond: boolean | undefined;
    for (const { name: measured, value } of measurements) {
      if (measured !== name || typeof value !== "number") continue;
      beyond ||= (above !== undefined && value > above) || (below !== undefined && value < below);
    }
    if (beyond ?? (before & (1 << i)) !== 0) bits |= 1 << i;
  }
  return bits;
}
