/**
 * How long a board attends to its serial port and its button: times in milliseconds since it booted. A provisioned board
 * does so after power-on alone, beside its wake and after it; its next wake is not put off by it.
 */

/** After power-on. */
export const windowMs = 10_000;
/** How long the button is to be held, within that window. */
export const holdMs = 5000;
/** A host that has said hello may be silent for so long. */
const silenceMs = 60_000;
/** The longest a host holds up a provisioned board's sleep, or the first boot of one just provisioned. */
const mostMs = 600_000;
/** The longest an unprovisioned board waits for the next frame. */
const patienceMs = 600_000;

/** Whether a button that is pressed now can be held long enough. */
export function countsFrom(pressedAtMs: number): boolean {
  return pressedAtMs + holdMs < windowMs;
}

/** What a host has said; undefined while it has not. */
export interface Heard {
  /** A valid frame. */
  readonly heardAtMs: number | undefined;
  readonly helloAtMs: number | undefined;
}

/** Until when a provisioned board attends. @param dueAtMs when it must sleep so that its next wake is not late */
export function attendsUntilMs({ heardAtMs = 0, helloAtMs }: Heard, dueAtMs: number): number {
  if (helloAtMs === undefined) return windowMs;
  return Math.max(windowMs, Math.min(heardAtMs + silenceMs, mostMs, dueAtMs));
}

/**
 * Until when an unprovisioned board serves.
 * @param lockedAtMs when it was provisioned: no host keeps it from its work for long, whatever it asks
 */
export function servesUntilMs({ heardAtMs = 0 }: Heard, lockedAtMs: number | undefined): number {
  if (lockedAtMs === undefined) return heardAtMs + patienceMs;
  return Math.min(heardAtMs + silenceMs, lockedAtMs + mostMs);
}
