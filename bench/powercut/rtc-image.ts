/** Whether RTC memory has an image that a board may use (docs/storage.md), read with other eyes than the board's. */
import { crc32 } from "../../lib/crc32.js";

const headerBytes = 16;
const crcAt = 12;

/** @returns undefined when there is none, or it is damaged */
export function readRtcImage(rtc: Uint8Array): { readonly bytes: number } | undefined {
  const view = new DataView(rtc.buffer, rtc.byteOffset, rtc.length);
  if (view.getUint32(0) !== 0x444f524d) return undefined;
  const bytes = headerBytes + view.getUint16(6);
  if (bytes > rtc.length) return undefined;
  const right = crc32(rtc, headerBytes, bytes, crc32(rtc, 0, crcAt));
  return right === view.getUint32(crcAt) ? { bytes } : undefined;
}
