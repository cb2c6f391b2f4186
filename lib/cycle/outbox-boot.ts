/**
 * What the outbox is at boot: as RTC memory has kept it, brought into line with flash where power may have failed between
 * the two; or, where RTC memory was lost, what flash has of it.
 */
import type { FrozenOutbox, Spilled } from "../store/rtc-outbox.js";
import { emptyOutbox } from "../store/rtc-outbox.js";
import { readingsPerMessage, withGap } from "./outbox.js";
import type { Shelf } from "./shelf.js";
import type { KeeperSettings, SegmentSummary } from "./spill.js";

export interface OpenedOutbox {
  readonly outbox: FrozenOutbox;
  /** RTC memory does not have it like this. */
  readonly changed: boolean;
  /** Readings that may have been lost since. */
  readonly gap: number;
}

/**
 * RTC memory was kept.
 * @param interrupted a wake ended between taking a reading and storing it
 * @param clean it ended with deep sleep: what RTC memory says of flash is so
 */
export function openKept(
  kept: FrozenOutbox,
  shelf: Shelf | undefined,
  { interrupted, clean }: { readonly interrupted: boolean; readonly clean: boolean },
): OpenedOutbox {
  let outbox = kept;
  if (interrupted) outbox = { ...withGap(outbox, 1), nextSequence: outbox.nextSequence + 1 };
  if (shelf && !clean) outbox = reconciled(outbox, shelf.scan(outbox.spilled.first));
  return { outbox, changed: outbox !== kept, gap: interrupted ? 1 : 0 };
}

/** Power may have failed between a write to flash and the one to RTC memory that follows it. */
function reconciled(outbox: FrozenOutbox, live: readonly SegmentSummary[]): FrozenOutbox {
  const oldest = live[0];
  const newest = live[live.length - 1];
  // None where there should be some: that is for whoever loads them to find, who counts what is lost.
  if (!oldest || !newest) return outbox;
  const { spilled, losses } = outbox;
  const none = spilled.first === spilled.next;
  const added = newest.number >= spilled.next;
  if (none && !added) return outbox;
  const made = newest.first > spilled.first;
  const dropped = live.reduce((most, one) => Math.max(most, one.dropped), losses.dropped);
  const gap = live.reduce((most, one) => Math.max(most, one.gap), losses.gap);
  const first = added && (none || made) ? oldest.number : spilled.first;
  return {
    ...outbox,
    nextSequence: Math.max(outbox.nextSequence, newest.end),
    losses: { ...losses, dropped, gap },
    spilled: {
      ...spilled,
      first,
      next: Math.max(spilled.next, newest.number + 1),
      taken:
        first === spilled.first && !none ? spilled.taken : Math.max(oldest.from, none ? 0 : spilled.taken),
      end: newest.end,
      bytes: live.reduce((sum, { bytes }) => sum + bytes, 0),
    },
    ...(added && {
      readings: outbox.readings.filter(({ sequence }) => sequence >= newest.end),
      // They are in the new segment, or of one that was dropped for it.
      messages: none || made ? outbox.messages.filter(({ readings }) => readings === 0) : outbox.messages,
    }),
  };
}

/**
 * RTC memory was lost: what was in it alone is a gap, and its sequence numbers are not given again.
 * @param reservedEnd of the counters: no message had a reading beyond so many times 64
 * @param fresh nothing has ever been measured under this secret
 * @param noted what flash says besides its segments
 */
export function openLost(
  shelf: Shelf | undefined,
  settings: KeeperSettings,
  reservedEnd: number,
  fresh: boolean,
  noted?: { readonly dropped: number; readonly gap: number },
): OpenedOutbox {
  const live = shelf?.scan() ?? [];
  const oldest = live[0];
  const newest = live[live.length - 1];
  if (fresh && !newest) return { outbox: emptyOutbox, changed: true, gap: 0 };
  const bytes = live.reduce((sum, one) => sum + one.bytes, 0);
  const dropped = live.reduce((most, one) => Math.max(most, one.dropped), noted?.dropped ?? 0);
  const before = live.reduce((most, one) => Math.max(most, one.gap), noted?.gap ?? 0);
  const lost = lossBound(settings, shelf !== undefined, newest !== undefined);
  const gap = before + lost;
  const spilled: Spilled = {
    first: oldest?.number ?? 0,
    next: (newest?.number ?? -1) + 1,
    taken: oldest?.from ?? 0,
    end: newest?.end ?? 0,
    bytes,
    foreign: (newest?.number ?? -1) + 1,
  };
  return {
    outbox: {
      ...emptyOutbox,
      nextSequence: Math.max(readingsPerMessage * reservedEnd, spilled.end),
      losses: {
        dropped,
        gap,
        toldDropped: 0,
        toldGap: 0,
        toldBy: null,
        safeDropped: dropped,
        safeGap: gap,
        cold: true,
      },
      spilled,
    },
    changed: true,
    gap: lost,
  };
}

/** How many readings are nowhere else than in RTC memory, one that is being taken among them. */
function lossBound({ most, drop }: KeeperSettings, spills: boolean, spilled: boolean): number {
  // Flash is told of what was dropped every so many, then too.
  if (!spills) return 2 * most + 1;
  // Where flash was full new readings were dropped, of which it is told every so many.
  return Math.max(2, most) + (spilled && drop === "newest" ? most : 0);
}
