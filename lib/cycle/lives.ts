/**
 * Readings in flash that were taken while nobody had told the board the time: they go by a clock that begins anew each time
 * the power fails. How long the power was off nobody knows; how long the board has lived since, its segments tell.
 */
import { absoluteTimeMs, decodeReading } from "../senml/measurement.js";
import type { Segment } from "../store/spill-segment.js";
import type { Shelf } from "./shelf.js";

/** Whether a segment went by the same clock as the one before it, which was written when that showed `clockMs`. */
export function isOfLife(clockMs: number, { clockMs: next, readings: [first] }: Segment): boolean {
  return next >= clockMs && (!first || decodeReading(first.content).timeMs >= clockMs);
}

/**
 * What a foreign segment's clock would show at the beginning of the present life, as far as is known.
 * @param foreign segments from this number on are of the present life
 */
export function lifeEndMs(shelf: Shelf, { number, clockMs }: Segment, foreign: number): number {
  let end = clockMs;
  let last = clockMs;
  for (let next = number + 1; next < foreign; next++) {
    const segment = shelf.read(next)?.segment;
    if (!segment) continue;
    if (segment.clockMs >= absoluteTimeMs) break;
    end += segment.clockMs - (isOfLife(last, segment) ? last : 0);
    last = segment.clockMs;
  }
  return end;
}
