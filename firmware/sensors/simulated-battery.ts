/**
 * A lithium cell that needs no hardware: it falls from full to empty within a year, and is charged then. A function of
 * the time alone, so that a run can be repeated. Replace it by your board's divider in app.ts.
 */
const yearMs = 365 * 86_400_000;
const fullVolts = 4.2;
const emptyVolts = 3.3;

/** @param timeMs milliseconds since the epoch, or since power-on where the time is unknown */
export function readBattery(timeMs: number): number {
  const volts = fullVolts - ((fullVolts - emptyVolts) * (timeMs % yearMs)) / yearMs;
  return Math.round(volts * 100) / 100;
}
