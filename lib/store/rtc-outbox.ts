/**
 * The outbox section: what waits in RTC memory, what is known of what waits in flash, and what has been lost.
 * dCBOR([nextSequence, losses, spilled, [reading …], [message …]]): losses are 0 or
 * [dropped, gap, told dropped, told gap, told by or nil, safe dropped, safe gap, cold]; spilled is the number of the
 * next segment, or with segments in flash [first, next, taken, end, bytes, foreign].
 * Refuses what cannot be: sequences or counters that do not ascend, or that lie at or above the next one.
 */
import { encode } from "../cbor/encode.js";
import type { CborValue } from "../cbor/value.js";
import type { Frozen, Numbered } from "../sealed/frozen.js";
import {
  decodeMessages,
  decodeReadings,
  encodeMessages,
  encodeReadings,
  type OutboxDraft,
  type Reading,
} from "./outbox-items.js";
import { decodeArray, isCount } from "./section.js";

/** Readings that nobody will get, counted since RTC memory was last lost; those of segments in flash are among them. */
export interface Losses {
  /** By the drop policy. */
  readonly dropped: number;
  /** With RTC memory, at most; and by a wake that ended between taking a reading and storing it. */
  readonly gap: number;
  /** What the last message that told of them said, and its counter while nobody has acknowledged it. */
  readonly toldDropped: number;
  readonly toldGap: number;
  readonly toldBy: number | null;
  /** What flash says of them too, or what has been acknowledged. */
  readonly safeDropped: number;
  readonly safeGap: number;
  /** RTC memory was lost, and neither flash nor a receiver knows how much that was. */
  readonly cold: boolean;
}

/** The segments in flash; there are none when `first` is `next`. */
export interface Spilled {
  /** The number of the oldest, and of the next to be written. */
  readonly first: number;
  readonly next: number;
  /** Of the oldest what comes before this sequence number is done with, or stands in RTC memory as a message. */
  readonly taken: number;
  /** Behind the last of them. */
  readonly end: number;
  readonly bytes: number;
  /** Segments below this number were written before RTC memory was lost: their clock was another. */
  readonly foreign: number;
}

export interface Outbox<M extends Numbered<OutboxDraft> = Numbered<OutboxDraft>> {
  /** The sequence number of the next reading. */
  readonly nextSequence: number;
  readonly losses: Losses;
  readonly spilled: Spilled;
  /** Ascending by sequence; none of them is in flash. */
  readonly readings: readonly Reading[];
  /** Ascending by counter. While there are segments, those with readings hold some of the oldest segment. */
  readonly messages: readonly M[];
}

export type FrozenOutbox = Outbox<Frozen<OutboxDraft>>;

export const noLosses: Losses = Object.freeze({
  dropped: 0,
  gap: 0,
  toldDropped: 0,
  toldGap: 0,
  toldBy: null,
  safeDropped: 0,
  safeGap: 0,
  cold: false,
});

export const nothingSpilled: Spilled = Object.freeze({
  first: 0,
  next: 0,
  taken: 0,
  end: 0,
  bytes: 0,
  foreign: 0,
});

export const emptyOutbox: Outbox<never> = Object.freeze({
  nextSequence: 0,
  losses: noLosses,
  spilled: nothingSpilled,
  readings: Object.freeze([]),
  messages: Object.freeze([]),
});

export function encodeOutbox({ nextSequence, losses, spilled, readings, messages }: Outbox): Uint8Array {
  return encode([
    nextSequence,
    encodeLosses(losses),
    encodeSpilled(spilled),
    encodeReadings(readings),
    encodeMessages(messages),
  ]);
}

/**
 * @param nextCounter every frozen message has a counter below it.
 * @returns undefined when it cannot be read; contents and plaintexts are views of `data`.
 */
export function decodeOutbox(data: Uint8Array | undefined, nextCounter: number): FrozenOutbox | undefined {
  const parts = decodeArray(data, 5);
  if (!parts) return undefined;
  const losses = decodeLosses(parts[1]);
  const spilled = decodeSpilled(parts[2]);
  return losses && spilled && decodeItems(parts[0], losses, spilled, parts[3], parts[4], nextCounter);
}

/** As version 1 of RTC memory had it: dCBOR([nextSequence, dropped, [reading …], [message …]]). */
export function decodeOutbox1(data: Uint8Array | undefined, nextCounter: number): FrozenOutbox | undefined {
  const parts = decodeArray(data, 4);
  if (!parts || !isCount(parts[1])) return undefined;
  const losses = { ...noLosses, dropped: parts[1] };
  return decodeItems(parts[0], losses, nothingSpilled, parts[2], parts[3], nextCounter);
}

function decodeItems(
  nextSequence: CborValue,
  losses: Losses,
  spilled: Spilled,
  readingParts: CborValue,
  messageParts: CborValue,
  nextCounter: number,
): FrozenOutbox | undefined {
  if (!isCount(nextSequence)) return undefined;
  const readings = decodeReadings(readingParts, nextSequence);
  const messages = decodeMessages(messageParts, nextCounter);
  if (!readings || !messages || spilled.end > nextSequence) return undefined;
  if (messages.some((message) => message.firstSequence + message.readings > nextSequence)) return undefined;
  return { nextSequence, losses, spilled, readings, messages };
}

function encodeLosses(losses: Losses): CborValue {
  const { dropped, gap, toldDropped, toldGap, toldBy, safeDropped, safeGap, cold } = losses;
  if (dropped === 0 && gap === 0) return 0;
  return [dropped, gap, toldDropped, toldGap, toldBy, safeDropped, safeGap, cold];
}

function decodeLosses(value: CborValue): Losses | undefined {
  if (value === 0) return noLosses;
  if (!Array.isArray(value) || value.length !== 8) return undefined;
  const [dropped, gap, toldDropped, toldGap, toldBy, safeDropped, safeGap, cold] = value;
  if (!isCount(dropped) || !isCount(gap) || !isCount(toldDropped, dropped) || !isCount(toldGap, gap))
    return undefined;
  if (!isCount(safeDropped, dropped) || !isCount(safeGap, gap) || typeof cold !== "boolean") return undefined;
  if (toldBy !== null && !isCount(toldBy)) return undefined;
  return { dropped, gap, toldDropped, toldGap, toldBy, safeDropped, safeGap, cold };
}

function encodeSpilled({ first, next, taken, end, bytes, foreign }: Spilled): CborValue {
  return first === next ? next : [first, next, taken, end, bytes, foreign];
}

function decodeSpilled(value: CborValue): Spilled | undefined {
  if (value === 0) return nothingSpilled;
  if (isCount(value)) return { ...nothingSpilled, first: value, next: value };
  if (!Array.isArray(value) || value.length !== 6) return undefined;
  const [first, next, taken, end, bytes, foreign] = value;
  if (!isCount(next) || !isCount(first, next - 1) || !isCount(end) || !isCount(taken, end)) return undefined;
  if (!isCount(bytes) || !isCount(foreign, next)) return undefined;
  return { first, next, taken, end, bytes, foreign };
}
