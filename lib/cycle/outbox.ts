/**
 * What happens to the outbox: readings are queued, packed, frozen into messages, acknowledged, and dropped
 * oldest first when there is no room; so are the answers to commands, which go before any reading does. Pure: each
 * function gives a new outbox. Storing it is the shell's.
 */

import type { Numbered } from "../sealed/frozen.js";
import { plainCbor, senmlJson } from "../sealed/header.js";
import { dateReading, type Packing, packReadings } from "../senml/measurement.js";
import {
  type FrozenOutbox,
  type Outbox,
  type OutboxDraft,
  readingsTopic,
  resultsTopic,
} from "../store/rtc-outbox.js";

export function queueReading(outbox: FrozenOutbox, content: Uint8Array): FrozenOutbox {
  const { nextSequence, readings } = outbox;
  return {
    ...outbox,
    nextSequence: nextSequence + 1,
    readings: [...readings, { sequence: nextSequence, topic: readingsTopic, content }],
  };
}

/** The clock was set: its earlier times, so those of the readings that wait, are now known to have been others. */
export function dateReadings(outbox: FrozenOutbox, date: (timeMs: number) => number): FrozenOutbox {
  const readings = outbox.readings.map((reading) => ({
    ...reading,
    content: dateReading(reading.content, date),
  }));
  return { ...outbox, readings };
}

/**
 * The oldest readings as the draft of one message; undefined when none wait.
 * @param maxContentBytes how many bytes of readings one message holds; at least one reading goes into it
 */
export function draftMessage(
  outbox: FrozenOutbox,
  packing: Packing,
  nowMs: number,
  maxContentBytes: number,
): OutboxDraft | undefined {
  const [first] = outbox.readings;
  if (!first) return undefined;
  const contents: Uint8Array[] = [];
  let bytes = 0;
  for (const { sequence, content } of outbox.readings) {
    // A gap in the sequence starts another message: a message says which readings it holds by two numbers.
    if (sequence !== first.sequence + contents.length) break;
    if (contents.length > 0 && bytes + content.length > maxContentBytes) break;
    contents.push(content);
    bytes += content.length;
  }
  return {
    plaintext: packReadings(packing, contents, nowMs),
    ...(packing.format === "json" && { contentType: senmlJson }),
    topic: first.topic,
    firstSequence: first.sequence,
    readings: contents.length,
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

/** The outbox with `message` in the place of the readings it holds. */
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

/** How many readings wait, alone or in messages. */
export function waiting({ readings, messages }: FrozenOutbox): number {
  return messages.reduce((sum, message) => sum + message.readings, readings.length);
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

/**
 * Drops the oldest: an answer before any reading, a frozen message before any other. Undefined when there is nothing
 * left to drop.
 */
export function dropOldest(outbox: FrozenOutbox): FrozenOutbox | undefined {
  const fewer = dropResult(outbox);
  if (fewer) return fewer;
  const [message, ...messages] = outbox.messages;
  if (message) return { ...outbox, messages, dropped: outbox.dropped + message.readings };
  const [reading, ...readings] = outbox.readings;
  return reading && { ...outbox, readings, dropped: outbox.dropped + 1 };
}
