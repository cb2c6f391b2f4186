/** A flash entry with its CRC-32 behind it, 4 bytes, big-endian: what is torn or worn is told from what was written. */
import { crc32 } from "../crc32.js";

const crcBytes = 4;

/** @returns new bytes */
export function checksummed(content: Uint8Array): Uint8Array {
  const data = new Uint8Array(content.length + crcBytes);
  data.set(content);
  new DataView(data.buffer).setUint32(content.length, crc32(data, 0, content.length));
  return data;
}

/** @returns the content, a view of `data`; undefined when there is none, or it is not intact */
export function intactContent(data: Uint8Array): Uint8Array | undefined {
  const end = data.length - crcBytes;
  if (end <= 0) return undefined;
  const stored = new DataView(data.buffer, data.byteOffset, data.length).getUint32(end);
  return stored === crc32(data, 0, end) ? data.subarray(0, end) : undefined;
}
