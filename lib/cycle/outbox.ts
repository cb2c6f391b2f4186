/**
 * What happens to the outbox in RTC memory: readings are queued, packed, frozen into messages, acknowledged, and dropped
 * when there is no room; so are the answers to commands, which go before any reading does. Pure: each function gives a
 * new outbox. Storing it is the keeper's, and what of it goes to flash.
 */
import type { Numbered } from "../sealed/frozen.js";
import { plainCbor, senmlJson } from "../sealed/header.js";
import { dateReading, type Packing, packReadings } from "../senml/measurement.js";
import { type OutboxDraft, type Reading, readingsTopic, resultsTopic } from "../store/outbox-items.js";
import type { FrozenOutbox, Losses, Outbox } from "../store/rtc-outbox.js";

/**
 * At most. No sequence number in a message is as high as so many times the end of the counters' reservation: so flash
 * knows from where on none was ever given when RTC memory is lost.
 */
export const readingsPerMessage = 64;

export function queueReading(outbox: FrozenOutbox, content: Uint8Array): FrozenOutbox {
  const { nextSequence, readings } = outbox;
  return {
    ...outbox,
    nextSequence: nextSequence + 1,
    readings: [...readings, { sequence: nextSequence, topic: readingsTopic, content }],
  };
}

/** The clock was set: its earlier times, so those of the readings that wait, are now known to have been others. */
export function dateReadings(readings: readonly Reading[], date: (timeMs: number) => number): Reading[] {
  return readings.map((reading) => ({ ...reading, content: dateReading(reading.content, date) }));
}

/**
 * The first of `readings` as the draft of one message; undefined when there are none.
 * @param maxContentBytes how many bytes of readings one message holds; at least one reading goes into it
 */
export function draftMessage(
  readings: readonly Reading[],
  packing: Packing,
  nowMs: number,
  maxContentBytes: number,
): OutboxDraft | undefined {
  const [first] = readings;
  if (!first) return undefined;
  const taken: Reading[] = [];
  let bytes = 0;
  for (const reading of readings) {
    // A gap in the sequence starts another message: a message says which readings it holds by two numbers.
    if (reading.sequence !== first.sequence + taken.length || taken.length === readingsPerMessage) break;
    if (taken.length > 0 && bytes + reading.content.length > maxContentBytes) break;
    taken.push(reading);
    bytes += reading.content.length;
  }
  return {
    plaintext: packReadings(packing, taken, nowMs),
    ...(packing.format === "json" && { contentType: senmlJson }),
    topic: first.topic,
    firstSequence: first.sequence,
    readings: taken.length,
  };
}

/** The draft of a command's answer. */
export function draftResult({ nextSequence }: FrozenOutbox, plaintext: Uint8Array): OutboxDraft {
  return {
    plaintext,
    contentType: plainCbor,
    topic: resultsTopic,
    firstSequence: nextSequence,
    readings: 0,
  };
}

/** The outbox with `message` in the place of the readings it holds, where those are in RTC memory. */
export function withMessage<M extends Numbered<OutboxDraft>>(outbox: Outbox<M>, message: M): Outbox<M> {
  const end = message.firstSequence + message.readings;
  return {
    ...outbox,
    readings: outbox.readings.filter(({ sequence }) => sequence < message.firstSequence || sequence >= end),
    messages: [...outbox.messages, message],
  };
}

/** The broker has the message. */
export function acknowledge(outbox: FrozenOutbox, counter: number): FrozenOutbox {
  return { ...outbox, messages: outbox.messages.filter((message) => message.counter !== counter) };
}

/** How many readings wait in RTC memory, alone or in messages. */
export function waiting({ readings, messages }: FrozenOutbox): number {
  return messages.reduce((sum, message) => sum + message.readings, readings.length);
}

/** How many readings wait in RTC memory and nowhere else. */
export function exposed(outbox: FrozenOutbox): number {
  const { first, next } = outbox.spilled;
  return first === next ? waiting(outbox) : outbox.readings.length;
}

/** About as many as they take in RTC memory, or in flash. */
export function contentBytes(readings: readonly Reading[]): number {
  return readings.reduce((sum, { content }) => sum + content.length + 8, 0);
}

/** How many answers to commands wait. */
export function waitingResults({ messages }: FrozenOutbox): number {
  return messages.filter(({ topic }) => topic === resultsTopic).length;
}

/** Drops the oldest answer to a command; undefined when there is none. */
export function dropResult(outbox: FrozenOutbox): FrozenOutbox | undefined {
  const oldest = outbox.messages.find(({ topic }) => topic === resultsTopic);
  return oldest && acknowledge(outbox, oldest.counter);
}

/** What is no longer there was dropped, and with it perhaps the message that told of losses before. */
export function withDropped(outbox: FrozenOutbox, readings: number): FrozenOutbox {
  const losses = toldAnew(outbox.losses);
  return { ...outbox, losses: { ...losses, dropped: losses.dropped + readings } };
}

/** The message that told of them, if it is not acknowledged, may not come to anyone. */
export function toldAnew(losses: Losses): Losses {
  return losses.toldBy === null ? losses : { ...losses, toldDropped: 0, toldGap: 0, toldBy: null };
}

/** Readings were lost that nobody has; so many at most. */
export function withGap(outbox: FrozenOutbox, readings: number): FrozenOutbox {
  const { losses } = outbox;
  return { ...outbox, losses: { ...losses, gap: losses.gap + readings } };
}

/** Drops the oldest readings in RTC memory, of which a frozen message holds some; undefined when there are none. */
export function dropOldest(outbox: FrozenOutbox): FrozenOutbox | undefined {
  const message = outbox.messages.find((one) => one.readings > 0);
  if (message) return withDropped(acknowledge(outbox, message.counter), message.readings);
  const [reading, ...readings] = outbox.readings;
  return reading && withDropped({ ...outbox, readings }, 1);
}

/** Drops the newest reading in RTC memory; undefined when there is none. */
export function dropNewest(outbox: FrozenOutbox): FrozenOutbox | undefined {
  const { readings } = outbox;
  return readings.length > 0 ? withDropped({ ...outbox, readings: readings.slice(0, -1) }, 1) : undefined;
}

/** Drops every second reading in RTC memory, the first of each two; undefined when there is but one. */
export function dropHalf(outbox: FrozenOutbox): FrozenOutbox | undefined {
  const { readings } = outbox;
  const fewer = readings.filter((_, i) => i % 2 === 1 || i === readings.length - 1);
  if (fewer.length === readings.length) return undefined;
  return withDropped({ ...outbox, readings: fewer }, readings.length - fewer.length);
}

/** Whether a message is to say how many were dropped, and lost, since one has said it last. */
export function untold({ dropped, gap, toldDropped, toldGap }: Losses): {
  readonly dropped: boolean;
  readonly gap: boolean;
} {
  return { dropped: dropped !== toldDropped, gap: gap !== toldGap };
}

/**
 * After a crash: no answers, and the newer half of what is in RTC memory alone, so that whatever did not fit the machine's
 * memory fits one day. What also stands in flash is made into messages again.
 */
export function recovered(before: FrozenOutbox): FrozenOutbox {
  let outbox: FrozenOutbox = { ...before, messages: before.messages.filter(({ readings }) => readings > 0) };
  const { spilled } = outbox;
  const [first] = outbox.messages;
  if (first && spilled.first !== spilled.next)
    outbox = {
      ...outbox,
      messages: [],
      losses: toldAnew(outbox.losses),
      spilled: { ...spilled, taken: first.firstSequence },
    };
  const keep = waiting(outbox) >> 1;
  while (waiting(outbox) > keep) outbox = dropOldest(outbox) ?? outbox;
  return outbox;
}
