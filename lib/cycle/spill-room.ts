/** Makes room in flash for one more segment: by leaving out the oldest, or by thinning what there is. */
import { absoluteTimeMs } from "../senml/measurement.js";
import type { FrozenOutbox } from "../store/rtc-outbox.js";
import type { Segment } from "../store/spill-segment.js";
import { isOfLife } from "./lives.js";
import { dateReadings, toldAnew } from "./outbox.js";
import type { Shelf } from "./shelf.js";
import { countReadings, pendingMessages, pendingReadings, thinned } from "./spill.js";

/** What flash will be like once the next segment is written, and these deleted. */
export interface Room {
  readonly first: number;
  readonly taken: number;
  readonly bytes: number;
  /** Readings, counted as the outbox does. */
  readonly dropped: number;
  readonly gone: readonly number[];
}

/** As it is. */
export function presentRoom({ spilled: { first, taken, bytes }, losses: { dropped } }: FrozenOutbox): Room {
  return { first, taken, bytes, dropped, gone: [] };
}

/** From which sequence number on the next segment accounts for what there was. */
export function spillFrom({ spilled, messages, readings, nextSequence }: FrozenOutbox): number {
  if (spilled.first !== spilled.next) return spilled.end;
  return messages.find((one) => one.readings > 0)?.firstSequence ?? readings[0]?.sequence ?? nextSequence;
}

/** What remains in RTC memory once a segment of so many bytes stands in flash. */
export function spilledOutbox(outbox: FrozenOutbox, room: Room, bytes: number): FrozenOutbox {
  const { spilled, messages } = outbox;
  const none = spilled.first === spilled.next;
  const { dropped } = room;
  const losses = room.gone.length > 0 ? toldAnew(outbox.losses) : outbox.losses;
  const { gap } = losses;
  return {
    ...outbox,
    losses: { ...losses, dropped, safeDropped: dropped, safeGap: gap, cold: false },
    spilled: {
      ...spilled,
      first: room.first,
      next: spilled.next + 1,
      taken: none ? spillFrom(outbox) : room.taken,
      end: outbox.nextSequence,
      bytes: (none ? 0 : room.bytes) + bytes,
    },
    readings: [],
    messages: none || room.gone.length > 0 ? messages.filter((one) => one.readings === 0) : messages,
  };
}

/** Without its oldest segment, and without the messages in RTC memory that hold some of it. */
export function withoutOldest(room: Room, outbox: FrozenOutbox, shelf: Shelf): Room {
  const number = room.first;
  const shelved = shelf.read(number);
  const gone = [...room.gone, number];
  // Where it cannot be read, whoever comes to its place counts what is missing.
  if (!shelved) return { ...room, first: number + 1, gone };
  const { segment, bytes } = shelved;
  let lost = countReadings(segment);
  if (number === outbox.spilled.first) {
    const messages = pendingMessages(segment, room.taken);
    lost = countReadings({ messages, readings: pendingReadings(segment, room.taken) });
    lost += countReadings({ messages: outbox.messages, readings: [] });
  }
  return {
    first: number + 1,
    taken: segment.end,
    bytes: Math.max(0, room.bytes - bytes),
    dropped: room.dropped + lost,
    gone,
  };
}

/**
 * Every second reading of all segments goes, two segments becoming one; the oldest stays as it is when some of it is on
 * its way. Each is written over the first of its two, or over one that has been taken up before: then its end says that
 * those behind it do not count.
 * @param stored writes RTC memory; only then are those deleted that have been taken up
 * @returns whether there is more room than before
 */
export function thinAll(before: FrozenOutbox, shelf: Shelf, stored: (outbox: FrozenOutbox) => void): boolean {
  let outbox = before;
  const { first, next } = before.spilled;
  const numbers: number[] = [];
  for (let number = first; number < next; number++) if (shelf.read(number)) numbers.push(number);
  let to = first;
  if (numbers[0] === first && isBusy(before, shelf)) {
    numbers.shift();
    to++;
  }
  for (let i = 0; i < numbers.length; i += 2) {
    const one = shelf.read(numbers[i]!);
    const other = i + 1 < numbers.length ? shelf.read(numbers[i + 1]!) : undefined;
    if (!one) break;
    const { foreign } = outbox.spilled;
    const left =
      thinned(asBefore(one.segment, other?.segment, foreign), other?.segment) ??
      (other ? undefined : { ...one.segment, fewer: 0 });
    if (!left) break;
    const last = (other ?? one).segment;
    const dropped = outbox.losses.dropped + left.fewer;
    const { gap } = outbox.losses;
    const data = shelf.encode({
      number: to,
      first,
      from: one.segment.from,
      end: last.end,
      dropped,
      gap,
      clockMs: last.clockMs,
      readings: left.readings,
      messages: left.messages,
    });
    if (!shelf.write(to, data)) break;
    const done = i + 2 >= numbers.length;
    outbox = {
      ...outbox,
      losses: { ...toldAnew(outbox.losses), dropped, safeDropped: dropped, safeGap: gap },
      spilled: {
        ...outbox.spilled,
        next: done ? to + 1 : next,
        // From here on all are of the present life.
        foreign: last.number >= foreign ? Math.min(foreign, to) : foreign,
        bytes: Math.max(0, outbox.spilled.bytes - one.bytes - (other?.bytes ?? 0) + data.length),
      },
    };
    stored(outbox);
    for (const number of [numbers[i]!, numbers[i + 1]])
      if (number !== undefined && number !== to) shelf.remove(number);
    to++;
  }
  const { spilled } = outbox;
  return spilled.bytes < before.spilled.bytes || spilled.next < next;
}

/** The first of two segments that become one, with readings without a date by the clock of the other. */
function asBefore(one: Segment, other: Segment | undefined, foreign: number): Segment {
  if (!other || one.clockMs >= absoluteTimeMs || other.clockMs >= absoluteTimeMs) return one;
  const parted = one.number < foreign && other.number >= foreign;
  if (!parted && isOfLife(one.clockMs, other)) return one;
  const readings = dateReadings(one.readings, (timeMs) =>
    timeMs < absoluteTimeMs ? timeMs - one.clockMs : timeMs,
  );
  return { ...one, readings };
}

function isBusy({ spilled, messages }: FrozenOutbox, shelf: Shelf): boolean {
  if (messages.some(({ readings }) => readings > 0)) return true;
  const from = shelf.read(spilled.first)?.segment.from;
  return from !== undefined && spilled.taken > from;
}
