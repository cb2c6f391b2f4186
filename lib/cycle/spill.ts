/**
 * Segments of the outbox in flash, as data: which of those that flash has still count, how two become one of half the
 * readings, and what is left to send of one. Pure.
 */
import type { FrozenMessage, Reading } from "../store/outbox-items.js";
import type { Segment } from "../store/spill-segment.js";

export type DropPolicy = "oldest" | "newest" | "thin";

export interface KeeperSettings {
  /** So many readings are in RTC memory alone at most: then they go to flash, or some are dropped where there is none. */
  readonly most: number;
  readonly drop: DropPolicy;
}

/** How many segments there may be. While one takes another's place there is one more. */
export function mostSegments(flashBytes: number): number {
  return flashBytes === 0 ? 0 : Math.min(64, Math.max(1, flashBytes >> 7));
}

/** A segment in a few numbers. */
export interface SegmentSummary {
  readonly number: number;
  readonly first: number;
  readonly from: number;
  readonly end: number;
  readonly dropped: number;
  readonly gap: number;
  readonly bytes: number;
}

/**
 * Which segments still count, ascending, of all that flash has: power may have failed before those were deleted that
 * were dropped, or had gone into the one before them.
 */
export function liveSegments(found: readonly SegmentSummary[]): SegmentSummary[] {
  const sorted = [...found].sort((a, b) => a.number - b.number);
  const first = sorted.reduce((most, segment) => Math.max(most, segment.first), 0);
  const live: SegmentSummary[] = [];
  for (const segment of sorted) {
    const end = live[live.length - 1]?.end ?? 0;
    if (segment.number >= first && (segment.end > end || live.length === 0)) live.push(segment);
  }
  return live;
}

/** What of a segment is not done with: `taken` is the sequence number up to which it is. */
export function pendingMessages({ messages }: Segment, taken: number): FrozenMessage[] {
  return messages.filter(({ firstSequence }) => firstSequence >= taken);
}

export function pendingReadings({ readings }: Segment, taken: number): Reading[] {
  return readings.filter(({ sequence }) => sequence >= taken);
}

export function countReadings({ messages, readings }: Pick<Segment, "messages" | "readings">): number {
  return messages.reduce((sum, message) => sum + message.readings, readings.length);
}

/**
 * What is left of one segment, or of two that follow each other, when every second reading goes; a frozen message goes or
 * stays as a whole. Undefined when nothing would go, or the order would.
 */
export function thinned(
  one: Segment,
  other: Segment | undefined,
): (Pick<Segment, "readings" | "messages"> & { readonly fewer: number }) | undefined {
  if (other && one.readings.length > 0 && other.messages.length > 0) return undefined;
  const messages = other ? [...one.messages, ...other.messages] : one.messages;
  const readings = other ? [...one.readings, ...other.readings] : one.readings;
  // The second of each two: so the last of all stays.
  const kept = {
    messages: messages.filter((_, i) => (messages.length - i) % 2 === 1),
    readings: readings.filter((_, i) => (readings.length - i) % 2 === 1),
  };
  const fewer = countReadings({ messages, readings }) - countReadings(kept);
  return fewer === 0 ? undefined : { ...kept, fewer };
}
