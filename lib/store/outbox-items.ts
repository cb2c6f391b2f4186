/**
 * What waits to be sent, as it stands in RTC memory and in flash alike: readings, each with its sequence number,
 * [sequence, topic, content], and messages frozen with counter and exact plaintext,
 * [counter, topic, firstSequence, readings, content type or 0, plaintext].
 */
import type { CborValue } from "../cbor/value.js";
import { type Draft, type Frozen, type Numbered, thaw } from "../sealed/frozen.js";
import { type ContentType, plainCbor, senmlJson } from "../sealed/header.js";
import { isCount } from "./section.js";

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

/** A SenML pack of readings in sequence; or the answer to a command, which holds none. */
export interface OutboxDraft extends Draft {
  readonly topic: number;
  readonly firstSequence: number;
  readonly readings: number;
}

export type FrozenMessage = Frozen<OutboxDraft>;

export function encodeReadings(readings: readonly Reading[]): CborValue {
  return readings.map(({ sequence, topic, content }) => [sequence, topic, content]);
}

export function encodeMessages(messages: readonly Numbered<OutboxDraft>[]): CborValue {
  return messages.map((message) => [
    message.counter,
    message.topic,
    message.firstSequence,
    message.readings,
    message.contentType ?? 0,
    message.plaintext,
  ]);
}

/**
 * @param end every sequence number is below it
 * @returns undefined unless they ascend; contents are views of what `value` was decoded from
 */
export function decodeReadings(value: CborValue, end: number): Reading[] | undefined {
  const readings = decodeList(value, decodeReading);
  return readings && ascendingBelow(readings, "sequence", end) ? readings : undefined;
}

/**
 * @param nextCounter every counter is below it
 * @returns undefined unless counters ascend; plaintexts are views of what `value` was decoded from
 */
export function decodeMessages(value: CborValue, nextCounter: number): FrozenMessage[] | undefined {
  const messages = decodeList(value, decodeMessage);
  return messages && ascendingBelow(messages, "counter", nextCounter) ? messages : undefined;
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

function decodeMessage(value: CborValue): FrozenMessage | undefined {
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

function ascendingBelow<K extends "sequence" | "counter">(
  items: readonly { readonly [key in K]: number }[],
  key: K,
  limit: number,
): boolean {
  return items.every((item, i) => item[key] < (items[i + 1]?.[key] ?? limit));
}
