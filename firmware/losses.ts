/**
 * What flash says of readings that nobody will get, besides the segments that wait there. A reading is taken only when
 * flash or a receiver knows of all that were lost before: so a loss of RTC memory, whatever comes after it, is counted.
 */
import type { KeeperSettings } from "dormouse/cycle/spill";
import { decodeLosses, encodeLosses, type LossesRecord } from "dormouse/store/losses-record";
import type { FrozenOutbox } from "dormouse/store/rtc-outbox";
import { readEntry, writeEntry } from "./provisioned.js";

export function notedLosses(): LossesRecord | undefined {
  return decodeLosses(readEntry("losses"));
}

/**
 * Tells flash of losses that it does not know.
 * @param spills there may be segments
 * @param open how many boots in a row have taken a reading after a loss, with this one
 * @returns the outbox that knows of it, which is the one given where there was nothing to tell; undefined when flash does
 *   not keep it
 */
export function noteLosses(
  outbox: FrozenOutbox,
  { most, drop }: KeeperSettings,
  spills: boolean,
  reservedEnd: number,
  open: number,
): FrozenOutbox | undefined {
  const { losses, spilled } = outbox;
  const { dropped, gap, safeDropped, cold } = losses;
  // Flash is told of those for which it has no room every so many, as `openLost` knows.
  const few = !spills || (drop === "newest" && spilled.first !== spilled.next) ? most : 1;
  if (!cold && dropped - safeDropped < few) return outbox;
  if (!writeEntry("losses", encodeLosses({ reservedEnd, dropped, gap, open }))) return undefined;
  return { ...outbox, losses: { ...losses, safeDropped: dropped, safeGap: gap, cold: false } };
}

/** The wake in which a reading was taken after a loss has ended: should RTC memory be lost again, that is another loss. */
export function closeLosses({ losses: { dropped, gap } }: FrozenOutbox, reservedEnd: number): void {
  writeEntry("losses", encodeLosses({ reservedEnd, dropped, gap, open: 0 }));
}
