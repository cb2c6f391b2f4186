/** A body that both sides can make, and a sum that shows a byte lost, doubled or out of place. */
export function bodyByte(index: number): number {
  return (index * 31 + (index >> 8) * 7) & 0xff;
}

/** FNV-1a, 32 bits. */
export const startSum = 0x811c9dc5;

export function sum(before: number, bytes: Uint8Array): number {
  let value = before;
  for (const byte of bytes) value = Math.imul(value ^ byte, 0x01000193);
  return value >>> 0;
}
