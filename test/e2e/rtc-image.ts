/** The sections of an image of RTC memory, found and replaced by other code than lib/store/rtc.ts. */
import { crc32 } from "../../lib/crc32.js";

/** Where a section's content lies. */
export interface Section {
  readonly at: number;
  readonly length: number;
}

const headerBytes = 16;
export const mqttType = 4;
export const pauseType = 10;
const tlsType = 5;

function sizeOf(rtc: Uint8Array): number {
  return headerBytes + rtc[6]! * 256 + rtc[7]!;
}

export function section(rtc: Uint8Array, type: number): Section | undefined {
  for (let at = headerBytes; at < sizeOf(rtc); ) {
    const length = rtc[at + 1]! * 256 + rtc[at + 2]!;
    if (rtc[at] === type) return { at: at + 3, length };
    at += 3 + length;
  }
  return undefined;
}

export function tlsSection(rtc: Uint8Array): Section | undefined {
  return section(rtc, tlsType);
}

export function sectionBytes(rtc: Uint8Array, type = tlsType): Uint8Array {
  const { at, length } = section(rtc, type)!;
  return rtc.slice(at, at + length);
}

/** RTC memory with another section of this type, or (undefined) none, and the checksum of that. */
export function withSection(
  rtc: Uint8Array,
  type: number,
  edit: (section: Uint8Array) => Uint8Array | undefined,
): Uint8Array {
  const { at, length } = section(rtc, type)!;
  const edited = edit(rtc.slice(at, at + length));
  const head = edited ? [type, edited.length >> 8, edited.length & 0xff] : [];
  const body = [
    ...rtc.subarray(0, at - 3),
    ...head,
    ...(edited ?? []),
    ...rtc.subarray(at + length, sizeOf(rtc)),
  ];
  const forged = new Uint8Array(rtc.length);
  forged.set(body);
  const view = new DataView(forged.buffer);
  view.setUint16(6, body.length - headerBytes);
  view.setUint32(12, crc32(forged, headerBytes, body.length, crc32(forged, 6, 12, crc32(forged, 0, 5))));
  return forged;
}

/** RTC memory with another TLS section, and the checksum of that. */
export function withTlsSection(rtc: Uint8Array, edit: (section: Uint8Array) => Uint8Array): Uint8Array {
  return withSection(rtc, tlsType, edit);
}
