/**
 * The outbox section: readings that wait, each with its sequence number, and messages frozen with counter and
 * exact plaintext. dCBOR([nextSequence, dropped, [[sequence, topic, content] …],
 * [[counter, topic, firstSequence, readings, content type or 0, plaintext] …]]).
 * Refuses what cannot be: sequences or counters that do not ascend, or that lie at or above the next one.
 */
import { encode } from "../cbor/encode.js";
import type { CborValue } from "../cbor/value.js";
import { type Draft, type Frozen, type Numbered, thaw } from "../sealed/frozen.js";
import { type ContentType, plainCbor, senmlJson } from "../sealed/header.js";
import { decodeArray, isCount } from "./section.js";

/** Topics of messages, by their numbers in RTC memory. */
export const readingsTopic = 0;
export const resultsTopic = 1;

export interface Reading {
  readonly sequence: number;
  /** `readingsTopic`, so far. */
  readonly topic: number;
  /** What `sense()` returned, as the caller encoded it. */
  readonly content: Uint8Array;
}

/** A SenML pack of consecutive readings; or the answer to a command, which holds none. */
export interface OutboxDraft extends Draft {
  readonly topic: number;
  readonly firstSequence: number;
  readonly readings: number;
}

export interface Outbox<M extends Numbered<OutboxDraft> = Numbered<OutboxDraft>> {
  /** The sequence number of the next reading. */
  readonly nextSequence: number;
  /** Readings dropped by policy since this secret was written. */
  readonly dropped: number;
  /** Ascending by sequence. */
  readonly readings: readonly Reading[];
  /** Ascending by counter. */
  readonly messages: readonly M[];
}

export type FrozenOutbox = Outbox<Frozen<OutboxDraft>>;

export const emptyOutbox: Outbox<never> = { nextSequence: 0, dropped: 0, readings: [], messages: [] };

export function encodeOutbox(outbox: Outbox): Uint8Array {
  return encode([
    outbox.nextSequence,
    outbox.dropped,
    outbox.readings.map(({ sequence, topic, content }) => [sequence, topic, content]),
    outbox.messages.map((message) => [
      message.counter,
      message.topic,
      message.firstSequence,
      message.readings,
      message.contentType ?? 0,
      message.plaintext,
    ]),
  ]);
}

/**
 * @param nextCounter every frozen message has a counter below it.
 * @returns undefined when it cannot be read; contents and plaintexts are views of `data`.
 */
export function decodeOutbox(data: Uint8Array | undefined, nextCounter: number): FrozenOutbox | undefined {
  const parts = decodeArray(data, 4);
  if (!parts) return undefined;
  const [nextSequence, dropped, readingParts, messageParts] = parts;
  if (!isCount(nextSequence) || !isCount(dropped)) return undefined;
  const readings = decodeList(readingParts, decodeReading);
  const messages = decodeList(messageParts, decodeMessage);
  if (!readings || !messages) return undefined;
  const sequences = readings.map(({ sequence }) => sequence);
  const counters = messages.map(({ counter }) => counter);
  if (!ascendingBelow(sequences, nextSequence) || !ascendingBelow(counters, nextCounter)) return undefined;
  if (messages.some((message) => message.firstSequence + message.readings > nextSequence)) return undefined;
  return { nextSequence, dropped, readings, messages };
}

function decodeList<T>(value: CborValue, decodeItem: (value: CborValue) => T | undefined): T[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const items: T[] = [];
  for (const part of value) {
    const item = decodeItem(part);
    if (item === undefined) return undefined;
    items.push(item);
  }
  return items;
}

function decodeReading(value: CborValue): Reading | undefined {
  if (!Array.isArray(value) || value.length !== 3) return undefined;
  const [sequence, topic, content] = value as readonly CborValue[];
  if (!isCount(sequence) || !isCount(topic, 255) || !(content instanceof Uint8Array)) return undefined;
  return { sequence, topic, content };
}

function decodeMessage(value: CborValue): Frozen<OutboxDraft> | undefined {
  if (!Array.isArray(value) || value.length !== 6) return undefined;
  const [counter, topic, firstSequence, readings, type, plaintext] = value as readonly CborValue[];
  if (!isCount(counter) || !isCount(topic, resultsTopic) || !isCount(firstSequence) || !isCount(readings))
    return undefined;
  const contentType = contentTypeOf(type);
  if (contentType === undefined || !(plaintext instanceof Uint8Array)) return undefined;
  const message = { counter, topic, firstSequence, readings, plaintext };
  // It was read back intact from where it had been persisted.
  return thaw(contentType === 0 ? message : { ...message, contentType });
}

/** Before there were commands it was said whether the content is JSON. */
function contentTypeOf(value: CborValue | undefined): ContentType | 0 | undefined {
  if (value === 0 || value === false) return 0;
  if (value === senmlJson || value === true) return senmlJson;
  return value === plainCbor ? plainCbor : undefined;
}

function ascendingBelow(values: readonly number[], limit: number): boolean {
  return values.every((value, i) => value < (values[i + 1] ?? limit));
}
