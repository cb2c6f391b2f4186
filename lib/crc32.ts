/** CRC-32 (ISO-HDLC, as in Ethernet and zip), four bits at a time: a table of 16 words, made by nobody at run time. */
const table = [
  0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c, 0xedb88320,
  0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
] as const;

/** The checksum of `data` from `start` up to `end`. `previous` continues an earlier part. */
export function crc32(data: Uint8Array, start = 0, end = data.length, previous = 0): number {
  let crc = ~previous;
  for (let i = start; i < end; i++) {
    crc ^= data[i]!;
    crc = (crc >>> 4) ^ table[crc & 15]!;
    crc = (crc >>> 4) ^ table[crc & 15]!;
  }
  return ~crc >>> 0;
}
