/**
 * The time floor in flash: Unix seconds, u32, before which it certainly is not, and their CRC-32. Unreadable is no
 * floor: the firmware's own remains.
 */
import { crc32 } from "../crc32.js";

const bytes = 8;

/** @throws RangeError for seconds that do not fit 32 bits */
export function encodeTimeFloor(seconds: number): Uint8Array {
  if (!Number.isInteger(seconds) || seconds < 0 || seconds > 0xffff_ffff)
    throw new RangeError("time floor out of range");
  const data = new Uint8Array(bytes);
  const view = new DataView(data.buffer);
  view.setUint32(0, seconds);
  view.setUint32(4, crc32(data, 0, 4));
  return data;
}

/** Unix seconds; 0 when there is no floor that can be read. */
export function decodeTimeFloor(data: Uint8Array | undefined): number {
  if (data?.length !== bytes) return 0;
  const view = new DataView(data.buffer, data.byteOffset, bytes);
  return view.getUint32(4) === crc32(data, 0, 4) ? view.getUint32(0) : 0;
}
