/**
 * How long a board that could not send waits before it tries again: full jitter, a random part of a time that doubles
 * with each failure, so that the boards of a broker that comes back do not come all at once.
 */

export interface Backoff {
  /** What the first failure costs at most. */
  readonly baseMs: number;
  /** The longest wait. */
  readonly maxMs: number;
}

/**
 * @param failures in a row, at least 1
 * @param random from 0 to 1, 1 excluded
 */
export function backoffMs({ baseMs, maxMs }: Backoff, failures: number, random: number): number {
  if (!(failures >= 1)) throw new RangeError("nothing has failed");
  // 2^53 is beyond any wait, and far from infinity.
  return Math.floor(random * Math.min(maxMs, baseMs * 2 ** Math.min(53, failures - 1)));
}
