/** The TLS session in an image of RTC memory, found and replaced by other code than lib/store/rtc.ts. */
import { crc32 } from "../../lib/crc32.js";

/** Where the TLS session's content lies. */
export interface Section {
  readonly at: number;
  readonly length: number;
}

const headerBytes = 16;
const tlsType = 5;

function sizeOf(rtc: Uint8Array): number {
  return headerBytes + rtc[6]! * 256 + rtc[7]!;
}

export function tlsSection(rtc: Uint8Array): Section | undefined {
  for (let at = headerBytes; at < sizeOf(rtc); ) {
    const length = rtc[at + 1]! * 256 + rtc[at + 2]!;
    if (rtc[at] === tlsType) return { at: at + 3, length };
    at += 3 + length;
  }
  return undefined;
}

export function sectionBytes(rtc: Uint8Array): Uint8Array {
  const { at, length } = tlsSection(rtc)!;
  return rtc.slice(at, at + length);
}

/** RTC memory with another TLS section, and the checksum of that. */
export function withTlsSection(rtc: Uint8Array, edit: (section: Uint8Array) => Uint8Array): Uint8Array {
  const { at, length } = tlsSection(rtc)!;
  const section = edit(rtc.slice(at, at + length));
  const behind = rtc.slice(at + length, sizeOf(rtc));
  const forged = new Uint8Array(rtc.length);
  forged.set(rtc.subarray(0, at));
  forged.set(section, at);
  forged.set(behind, at + section.length);
  const view = new DataView(forged.buffer);
  view.setUint16(at - 2, section.length);
  const size = at + section.length + behind.length;
  view.setUint16(6, size - headerBytes);
  view.setUint32(12, crc32(forged, headerBytes, size, crc32(forged, 0, 12)));
  return forged;
}
