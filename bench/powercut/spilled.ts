/** Which readings lie in flash: the campaign's own look into the entries that a board spills. */
import type { FlashEntry } from "../../host-sim/flash.js";

/** @returns the numbers of readings */
export function spilledIn(_flash: readonly FlashEntry[]): number[] {
  return [];
}
