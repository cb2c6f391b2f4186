/**
 * The replay window of one sender, epoch, direction and topic, after RFC 6479's idea, with a piece of each
 * message's identity beside it: the same counter with the same identity is a retry or replay, with another that
 * verified it is two plaintexts under one counter, an alarm. Takes only what `open` has verified, so
 * nothing unverified moves it. A value: judging returns a new window, and the caller keeps that one.
 */
import { decode } from "../cbor/decode.js";
import { encode } from "../cbor/encode.js";
import { CborError } from "../cbor/value.js";
import { maxCounter } from "./header.js";
import type { Verified } from "./opened.js";

export type Verdict = "fresh" | "duplicate" | "conflict" | "stale";

export interface ReplayWindow {
  /** How many counters, the highest included, are told apart: a multiple of 8. */
  readonly size: number;
  /** The highest counter seen, -1 for none. */
  readonly highest: number;
  /** One bit for each counter seen, at counter % size. */
  readonly seen: Uint8Array;
  /** The first bytes of each identity seen, at (counter % size) * tagBytes. */
  readonly tags: Uint8Array;
}

/**
 * 64 bits of a tag or hash: by chance two messages agree in them once in 2^64. Whoever holds the key could search
 * for a pair and turn the alarm into a `duplicate`, which is dropped just the same.
 */
const tagBytes = 8;
const minSize = 8;
const maxSize = 4096;

/** @param size 64 on a device, 4,096 on hosts; a multiple of 8 from 8 to 4,096. */
export function emptyWindow(size: number): ReplayWindow {
  if (!isWindowSize(size)) throw new RangeError("a window has a multiple of 8, from 8 to 4096 counters");
  return { size, highest: -1, seen: new Uint8Array(size / 8), tags: new Uint8Array(size * tagBytes) };
}

/** The verdict, and the window to keep: the same object unless the verdict is `fresh`. */
export function judge(
  window: ReplayWindow,
  message: Verified,
): { readonly verdict: Verdict; readonly window: ReplayWindow } {
  const { size, highest } = window;
  const { counter, identity } = message;
  if (counter <= highest - size) return { verdict: "stale", window };
  const slot = counter % size;
  if (counter <= highest && has(window.seen, slot))
    return { verdict: sameTag(window.tags, slot, identity) ? "duplicate" : "conflict", window };
  const seen = window.seen.slice();
  if (counter > highest) forget(seen, size, highest + 1, counter);
  seen[slot >> 3]! |= 1 << (slot & 7);
  const tags = window.tags.slice();
  tags.set(identity.subarray(0, tagBytes), slot * tagBytes);
  return { verdict: "fresh", window: { size, highest: Math.max(highest, counter), seen, tags } };
}

/** For a store; read back by `decodeWindow`. */
export function encodeWindow({ size, highest, seen, tags }: ReplayWindow): Uint8Array {
  return encode([size, highest, seen, tags]);
}

/** @returns undefined for anything that `encodeWindow` did not write. The bytes are copied. */
export function decodeWindow(data: Uint8Array): ReplayWindow | undefined {
  try {
    const parts = decode(data);
    if (!Array.isArray(parts) || parts.length !== 4) return undefined;
    const [size, highest, seen, tags] = parts;
    if (!isWindowSize(size) || !validHighest(highest)) return undefined;
    if (!(seen instanceof Uint8Array && seen.length === size / 8)) return undefined;
    if (!(tags instanceof Uint8Array && tags.length === size * tagBytes)) return undefined;
    return { size, highest, seen: seen.slice(), tags: tags.slice() };
  } catch (error) {
    if (error instanceof CborError) return undefined;
    throw error;
  }
}

/** A multiple of 8 from 8 to 4,096. */
export function isWindowSize(size: unknown): size is number {
  return (
    Number.isInteger(size) &&
    (size as number) % 8 === 0 &&
    (size as number) >= minSize &&
    (size as number) <= maxSize
  );
}

function validHighest(highest: unknown): highest is number {
  return Number.isSafeInteger(highest) && (highest as number) >= -1 && (highest as number) <= maxCounter;
}

function has(seen: Uint8Array, slot: number): boolean {
  return (seen[slot >> 3]! & (1 << (slot & 7))) !== 0;
}

/** The slots of counters from `first` to `last` are about to mean these, no longer those `size` below. */
function forget(seen: Uint8Array, size: number, first: number, last: number): void {
  if (last - first >= size - 1) {
    seen.fill(0);
    return;
  }
  for (let counter = first; counter <= last; counter++) {
    const slot = counter % size;
    seen[slot >> 3]! &= ~(1 << (slot & 7));
  }
}

function sameTag(tags: Uint8Array, slot: number, tag: Uint8Array): boolean {
  for (let i = 0; i < tagBytes; i++) if (tags[slot * tagBytes + i] !== tag[i]) return false;
  return true;
}
