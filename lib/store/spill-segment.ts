/**
 * One entry of what was spilled to flash: readings and frozen messages as they waited in RTC memory.
 *
 *   0  "SP"    2  version, 1    3  zero    4  secret id, 4 bytes    8  CRC-32 of all but itself    12  dCBOR
 *
 * dCBOR([number, first, from, end, dropped, gap, clockMs, [reading …], [message …]]). Anything off: there is no segment.
 */
import { encode } from "../cbor/encode.js";
import { crc32 } from "../crc32.js";
import {
  decodeMessages,
  decodeReadings,
  encodeMessages,
  encodeReadings,
  type FrozenMessage,
  type Reading,
} from "./outbox-items.js";
import { decodeArray, isCount, isOf } from "./section.js";

export interface Segment {
  /** Segments are numbered in the order in which they were written. */
  readonly number: number;
  /** When this was written, those below this number were done with or dropped. */
  readonly first: number;
  /** It accounts for all sequence numbers from here on, up to `end`: those it does not hold were dropped, or never given. */
  readonly from: number;
  readonly end: number;
  /** Counted up to when this was written. */
  readonly dropped: number;
  readonly gap: number;
  /** The device's clock when this was written: readings without a date go by it. */
  readonly clockMs: number;
  /** Ascending by sequence, all behind those in messages. */
  readonly readings: readonly Reading[];
  /** Ascending by counter and by sequence. */
  readonly messages: readonly FrozenMessage[];
}

/** What a segment must agree with. */
export interface SegmentTrust {
  readonly secretId: Uint8Array;
  readonly formerId?: Uint8Array;
  /** Messages have counters below it. */
  readonly reservedEnd: number;
}

const magic = 0x5350;
const version = 1;
const headBytes = 12;

export function encodeSegment(segment: Segment, secretId: Uint8Array): Uint8Array {
  const { number, first, from, end, dropped, gap, clockMs, readings, messages } = segment;
  const body = encode([
    number,
    first,
    from,
    end,
    dropped,
    gap,
    Math.floor(clockMs),
    encodeReadings(readings),
    encodeMessages(messages),
  ]);
  const data = new Uint8Array(headBytes + body.length);
  const view = new DataView(data.buffer);
  view.setUint16(0, magic);
  view.setUint8(2, version);
  data.set(secretId, 4);
  data.set(body, headBytes);
  view.setUint32(8, checksum(data));
  return data;
}

/** The segment in `data`, as read from flash; contents and plaintexts are views of it. */
export function decodeSegment(data: Uint8Array | undefined, trust: SegmentTrust): Segment | undefined {
  if (!data || data.length < headBytes) return undefined;
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  if (view.getUint16(0) !== magic || view.getUint16(2) !== version << 8) return undefined;
  if (view.getUint32(8) !== checksum(data)) return undefined;
  if (!isOf(trust.secretId, data, 4) && !isOf(trust.formerId, data, 4)) return undefined;
  const parts = decodeArray(data.subarray(headBytes), 9);
  if (!parts) return undefined;
  const [number, first, from, end, dropped, gap, clockMs] = parts;
  if (!isCount(number) || !isCount(first, number) || !isCount(end) || !isCount(from, end)) return undefined;
  if (!isCount(dropped) || !isCount(gap) || !isCount(clockMs)) return undefined;
  const readings = decodeReadings(parts[7], end);
  const messages = decodeMessages(parts[8], trust.reservedEnd);
  if (!readings || !messages || !inSequence(from, messages, readings, end)) return undefined;
  return { number, first, from, end, dropped, gap, clockMs, readings, messages };
}

function inSequence(
  from: number,
  messages: readonly FrozenMessage[],
  readings: readonly Reading[],
  end: number,
): boolean {
  let at = from;
  for (const { firstSequence, readings: count } of messages) {
    if (firstSequence < at || count === 0) return false;
    at = firstSequence + count;
  }
  return at <= (readings[0]?.sequence ?? end);
}

function checksum(data: Uint8Array): number {
  return crc32(data, headBytes, data.length, crc32(data, 0, 8));
}
