/**
 * Readings in flash that were taken while nobody had told the board the time: they go by a clock that begins anew each time
 * the power fails. How long the power was off nobody knows; how long the board has lived since, its segments tell.
 */
import { absoluteTimeMs, decodeReading } from "../senml/measurement.js";
import type { Segment } from "../store/spill-segment.js";
import type { Shelf } from "./shelf.js";

/** Whether a segment went by the same clock as the one before it, which was written when that showed `clockMs`. */
export function isOfLife(clockMs: number, next: Segment): boolean {
  return next.clockMs >= clockMs && firstMs(next) >= clockMs;
}

/**
 * What a segment's clock would show at the beginning of the present life, as far as is known; 0 for one that needs none of this.
 * No more than one segment is in memory at a time: a small board has no room for two.
 * @param foreign segments from this number on are of the present life
 */
export function lifeEndMs(shelf: Shelf, number: number, foreign: number): number {
  let end = 0;
  let next = -1;
  let first = -1;
  for (let at = foreign - 1; at >= number; at--) {
    const segment = shelf.read(at)?.segment;
    if (!segment) continue;
    const { clockMs } = segment;
    const known = clockMs >= absoluteTimeMs;
    if (known) end = 0;
    // On the same clock the next one's end is its own.
    else if (next < clockMs || first < clockMs) end += clockMs;
    next = known ? -1 : clockMs;
    first = firstMs(segment);
  }
  return end;
}

function firstMs({ clockMs, readings: [first] }: Segment): number {
  return first ? decodeReading(first.content).timeMs : clockMs;
}
