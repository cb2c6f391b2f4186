/**
 * In place of mqtt-packet's own numbers.js: the same functions without a cache to fill, and with one small
 * Uint8Array for each number, which on a board saves memory, stack and time.
 */
module.exports = {
  cache: {},
  generateCache() {},
  generateNumber: (number) => Uint8Array.of(number >> 8, number),
  generate4ByteBuffer: (number) => Uint8Array.of(number >>> 24, number >>> 16, number >>> 8, number),

  /** A variable byte integer (MQTT 5 §1.5.5). */
  genBufVariableByteInt(number) {
    if (number < 0x80) return Uint8Array.of(number);
    const low = number | 0x80;
    if (number < 0x4000) return Uint8Array.of(low, number >>> 7);
    const second = (number >>> 7) | 0x80;
    if (number < 0x200000) return Uint8Array.of(low, second, number >>> 14);
    return Uint8Array.of(low, second, (number >>> 14) | 0x80, number >>> 21);
  },
};
