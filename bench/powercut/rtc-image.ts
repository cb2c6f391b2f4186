/** Whether RTC memory has an image that a board may use (docs/storage.md), read with other eyes than the board's. */
import { crc32 } from "../../lib/crc32.js";

const headerBytes = 16;
const marksAt = 5;
const crcAt = 12;
/** A reading is being taken: the one mark that leaves an image good. */
const sensingMark = 2;

/** @returns undefined when there is none, or it is damaged */
export function readRtcImage(rtc: Uint8Array): { readonly bytes: number } | undefined {
  const view = new DataView(rtc.buffer, rtc.byteOffset, rtc.length);
  const marks = rtc[marksAt]!;
  if (view.getUint32(0) !== 0x444f524d || rtc[4] !== 2 || (marks & ~sensingMark) !== 0) return undefined;
  const bytes = headerBytes + view.getUint16(6);
  if (bytes > rtc.length) return undefined;
  const head = crc32(rtc, marksAt + 1, crcAt, crc32(rtc, 0, marksAt));
  return crc32(rtc, headerBytes, bytes, head) === view.getUint32(crcAt) ? { bytes } : undefined;
}
