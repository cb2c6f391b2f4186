/**
 * Consistent Overhead Byte Stuffing (Cheshire and Baker, IEEE/ACM Transactions on Networking 7(2), 1999): bytes without
 * a zero among them, so that a zero can stand between frames and nowhere else. A code byte says how far the next zero
 * is; 255 says that none comes in the 254 bytes after it.
 */

/** The most that `length` bytes become: one code byte, and one more for every 254 bytes. */
export function maxCobsBytes(length: number): number {
  return length + 1 + Math.floor(length / 254);
}

/** Writes `data` stuffed into `out` from `at` on; returns the offset after it. */
export function cobsWrite(data: Uint8Array, out: Uint8Array, at: number): number {
  let code = at;
  let next = at + 1;
  for (let i = 0; i < data.length; i++) {
    const byte = data[i]!;
    if (byte !== 0) out[next++] = byte;
    const run = next - code;
    if (byte !== 0 && (run < 255 || i === data.length - 1)) continue;
    out[code] = run;
    code = next++;
  }
  out[code] = next - code;
  return next;
}

/**
 * Takes the stuffing out of `stuffed` between `start` and `end`.
 * @returns new bytes, or undefined when a code byte points past the end, is a zero, or ends a run of 254 with which the
 *   data is over (the writer leaves that one out: one form for each data)
 */
export function cobsRead(stuffed: Uint8Array, start: number, end: number): Uint8Array | undefined {
  if (start >= end) return undefined;
  const data = new Uint8Array(end - start - 1);
  let length = 0;
  let code = 0;
  for (let at = start; at < end; ) {
    // Between two runs was a zero, unless the first was a full one.
    if (at > start && code < 255) data[length++] = 0;
    const afterFull = code === 255;
    code = stuffed[at]!;
    if (code === 0 || at + code > end) return undefined;
    for (let i = at + 1; i < at + code; i++) {
      const byte = stuffed[i]!;
      if (byte === 0) return undefined;
      data[length++] = byte;
    }
    at += code;
    if (afterFull && code === 1 && at === end) return undefined;
  }
  return data.subarray(0, length);
}
