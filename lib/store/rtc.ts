/**
 * RTC memory, the state that outlives deep sleep: the one codec for all of it. A header with checksum, then
 * sections by type, length and content, ascending by type. What a reset may have kept, lost or torn is decided
 * here: garbage, another secret's image, or a counter that disagrees with flash is a cold start, never an exception.
 *
 *   0  "DORM"     4  version, 2    5  marks    6  length after the header, u16
 *   8  secret id, 4 bytes         12  CRC-32 of all but itself and the marks
 *
 * Version 1, read but no longer written, had the marks under its checksum, and another outbox. A later one is a cold start.
 * Sections of unknown type are dropped: their meaning may hang on the counter and time that this firmware changes.
 */

import { crc32 } from "../crc32.js";
import { withinReservation } from "../sealed/counter.js";
import { decodeCounterSection, encodeCounterSection } from "./rtc-counter.js";
import { type CycleMemory, decodeCycle, encodeCycle } from "./rtc-cycle.js";
import { type DownlinkMemory, decodeDownlink, encodeDownlink } from "./rtc-downlink.js";
import { decodeNetwork, encodeNetwork, type NetworkCache } from "./rtc-network.js";
import { decodeOutbox, decodeOutbox1, encodeOutbox, type FrozenOutbox, type Outbox } from "./rtc-outbox.js";
import { decodeTimeSection, encodeTimeSection, type TimeBase } from "./rtc-time.js";
import { isOf } from "./section.js";

export const rtcHeaderBytes = 16;

const magic = 0x444f524d;
const version = 2;
const sectionHeadBytes = 3;
const marksAt = 5;
/** A crash is being recovered from. */
const recoveryMark = 1;
/** A reading is being taken. */
const sensingMark = 2;
const challengeBytes = 8;
const type = {
  counter: 1,
  time: 2,
  network: 3,
  mqtt: 4,
  tls: 5,
  outbox: 6,
  challenge: 7,
  cycle: 8,
  downlink: 9,
  pause: 10,
} as const;

export interface RtcImage {
  /** The counter of the next message. */
  readonly next: number;
  readonly time?: TimeBase;
  readonly network?: NetworkCache;
  /** What the MQTT session remembers, in its own encoding. */
  readonly mqtt?: Uint8Array;
  /** The TLS session, sealed. */
  readonly tls?: Uint8Array;
  /** For so many wakes there is to be none, 1 to 255. */
  readonly tlsPause?: number;
  readonly outbox: Outbox;
  /** What commands must carry while the device knows no authenticated time, 8 bytes. */
  readonly challenge?: Uint8Array;
  /** Since when the device has not sent, and why. */
  readonly cycle?: CycleMemory;
  readonly downlink?: DownlinkMemory;
}

/** An image that was read back intact: its messages may be sent again. */
export interface TrustedRtcImage extends RtcImage {
  readonly outbox: FrozenOutbox;
  /** A wake ended between taking a reading and storing it. */
  readonly interrupted?: true;
}

/** What RTC memory must agree with: both come from the device record in flash. */
export interface RtcTrust {
  readonly secretId: Uint8Array;
  readonly reservedEnd: number;
  /** Of the secret before, see DeviceRecord: power may have failed before RTC memory had the new one's. */
  readonly formerId?: Uint8Array;
}

type LeftOut = "tls" | "network" | "mqtt";

/**
 * What goes when there is no room: the first of these that makes enough. A handshake in full costs a board more than to
 * find out all of the network anew, so the network goes alone where that is enough.
 */
const leaveOut: readonly (readonly LeftOut[])[] = Object.freeze([
  [],
  ["network"],
  ["tls"],
  ["tls", "network"],
  ["tls", "network", "mqtt"],
]);

export type RtcEncoding =
  /** `leftOut` names what did not fit. */
  | { readonly data: Uint8Array; readonly leftOut: readonly LeftOut[] }
  /** Even without these it takes this many bytes: spill or drop readings first. */
  | { readonly tooLarge: number };

/**
 * The image to write to the beginning of RTC memory, in one step.
 * @param capacity bytes of RTC memory the board gives: 4,096 on ESP32, 512 on ESP8266.
 * @throws RangeError for values out of range.
 */
export function encodeRtc(image: RtcImage, secretId: Uint8Array, capacity: number): RtcEncoding {
  const sections = new Map<number, Uint8Array>([[type.counter, encodeCounterSection(image.next)]]);
  if (image.time) sections.set(type.time, encodeTimeSection(image.time));
  if (image.network) sections.set(type.network, encodeNetwork(image.network));
  if (image.mqtt) sections.set(type.mqtt, image.mqtt);
  if (image.tls) sections.set(type.tls, image.tls);
  sections.set(type.outbox, encodeOutbox(image.outbox));
  if (image.challenge) sections.set(type.challenge, image.challenge);
  if (image.cycle) sections.set(type.cycle, encodeCycle(image.cycle));
  if (image.downlink) sections.set(type.downlink, encodeDownlink(image.downlink));
  if (image.tlsPause) sections.set(type.pause, Uint8Array.of(image.tlsPause));
  const limit = Math.min(capacity, rtcHeaderBytes + 0xffff);
  const whole = sizeOf(sections);
  const sized = (names: readonly LeftOut[]) =>
    names.reduce((size, name) => {
      const content = sections.get(type[name]);
      return content ? size - sectionHeadBytes - content.length : size;
    }, whole);
  const names = leaveOut.find((some) => sized(some) <= limit) ?? leaveOut[leaveOut.length - 1]!;
  const leftOut = names.filter((name) => sections.delete(type[name]));
  const size = sizeOf(sections);
  return size > limit ? { tooLarge: size } : { data: assemble(sections, secretId, size), leftOut };
}

/**
 * For the boot after a crash: sets the recovery mark in `memory`, to be written back before anything of it is
 * decoded. An image with the mark is not trusted; writing a new one takes it off.
 * @returns false when the mark was there: what is in `memory` has crashed the recovery too
 */
export function markRecovery(memory: Uint8Array): boolean {
  if ((memory[marksAt]! & ~sensingMark) !== 0) return false;
  memory[marksAt]! |= recoveryMark;
  return true;
}

/** Where an image says that a reading is being taken, and what: writing a new image takes it off. */
export const sensing = Object.freeze({ at: marksAt, value: sensingMark });

/** How many bytes the image behind this header takes, header included; 0 when `header` is not one's header. */
export function rtcImageBytes(header: Uint8Array): number {
  if (header.length < rtcHeaderBytes) return 0;
  const view = new DataView(header.buffer, header.byteOffset, rtcHeaderBytes);
  if (view.getUint32(0) !== magic) return 0;
  const marks = header[marksAt]!;
  if (header[4] === 1 ? marks !== 0 : header[4] !== version || (marks & ~sensingMark) !== 0) return 0;
  return rtcHeaderBytes + view.getUint16(6);
}

/**
 * @param memory RTC memory from its beginning; what lies behind the image is ignored.
 * @returns the image, which shares nothing with `memory`; undefined means a cold start.
 */
export function decodeRtc(memory: Uint8Array, trust: RtcTrust): TrustedRtcImage | undefined {
  const size = rtcImageBytes(memory);
  if (size === 0 || size > memory.length || checksum(memory, size) !== storedChecksum(memory))
    return undefined;
  if (!isOf(trust.secretId, memory, 8) && !isOf(trust.formerId, memory, 8)) return undefined;
  // A copy: a frozen message must not change when its owner writes RTC memory again.
  const sections = split(memory.slice(rtcHeaderBytes, size));
  if (!sections) return undefined;
  const next = decodeCounterSection(sections.get(type.counter));
  if (next === undefined || !withinReservation(next, trust.reservedEnd)) return undefined;
  const decode = memory[4] === 1 ? decodeOutbox1 : decodeOutbox;
  const outbox = decode(sections.get(type.outbox), next);
  if (!outbox) return undefined;
  const time = decodeTimeSection(sections.get(type.time));
  const network = decodeNetwork(sections.get(type.network));
  const mqtt = sections.get(type.mqtt);
  const tls = sections.get(type.tls);
  // Version 1 had the pause in the session's place.
  const pause = tls?.length === 1 ? tls : sections.get(type.pause);
  const challenge = sections.get(type.challenge);
  const cycle = decodeCycle(sections.get(type.cycle));
  const downlink = decodeDownlink(sections.get(type.downlink));
  return {
    next,
    outbox,
    ...(memory[marksAt] === sensingMark && { interrupted: true as const }),
    ...(time && { time }),
    ...(network && { network }),
    ...(mqtt && { mqtt }),
    ...(tls && tls.length > 1 && { tls }),
    ...(pause?.length === 1 && pause[0]! > 0 && { tlsPause: pause[0]! }),
    ...(challenge?.length === challengeBytes && { challenge }),
    ...(cycle && { cycle }),
    ...(downlink && { downlink }),
  };
}

function sizeOf(sections: ReadonlyMap<number, Uint8Array>): number {
  let size = rtcHeaderBytes;
  for (const content of sections.values()) size += sectionHeadBytes + content.length;
  return size;
}

function assemble(sections: ReadonlyMap<number, Uint8Array>, secretId: Uint8Array, size: number): Uint8Array {
  if (secretId.length !== 4) throw new RangeError("a secret id has 4 bytes");
  const data = new Uint8Array(size);
  const view = new DataView(data.buffer);
  view.setUint32(0, magic);
  view.setUint8(4, version);
  view.setUint16(6, size - rtcHeaderBytes);
  data.set(secretId, 8);
  let at = rtcHeaderBytes;
  for (const [sectionType, content] of sections) {
    view.setUint8(at, sectionType);
    view.setUint16(at + 1, content.length);
    data.set(content, at + sectionHeadBytes);
    at += sectionHeadBytes + content.length;
  }
  view.setUint32(12, checksum(data, size));
  return data;
}

function split(data: Uint8Array): Map<number, Uint8Array> | undefined {
  const sections = new Map<number, Uint8Array>();
  let previous = 0;
  let at = 0;
  while (at < data.length) {
    if (data.length - at < sectionHeadBytes) return undefined;
    const sectionType = data[at]!;
    const end = at + sectionHeadBytes + data[at + 1]! * 256 + data[at + 2]!;
    if (sectionType <= previous || end > data.length) return undefined;
    sections.set(sectionType, data.subarray(at + sectionHeadBytes, end));
    previous = sectionType;
    at = end;
  }
  return sections;
}

function checksum(data: Uint8Array, size: number): number {
  const head = data[4] === 1 ? crc32(data, 0, 12) : crc32(data, marksAt + 1, 12, crc32(data, 0, marksAt));
  return crc32(data, rtcHeaderBytes, size, head);
}

function storedChecksum(data: Uint8Array): number {
  return new DataView(data.buffer, data.byteOffset, rtcHeaderBytes).getUint32(12);
}
