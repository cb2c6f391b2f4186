/**
 * What mqtt-packet needs of Node's Buffer, as a subclass of Uint8Array: nothing is assigned to a prototype,
 * so it loads where the primordials are frozen. Strings go through the two conversions that XS has built in.
 */
export class Buffer extends Uint8Array {
  /** From bytes, or from a string as UTF-8; the bytes are copied. */
  static from(source) {
    if (typeof source === "string") return new Buffer(ArrayBuffer.fromString(source));
    const buffer = new Buffer(source.length);
    buffer.set(source);
    return buffer;
  }

  static alloc(size) {
    return new Buffer(size);
  }

  static allocUnsafe(size) {
    return new Buffer(size);
  }

  static isBuffer(value) {
    return value instanceof Uint8Array;
  }

  static byteLength(source) {
    if (typeof source === "string") return ArrayBuffer.fromString(source).byteLength;
    return source.length;
  }

  /** mqtt-packet asks `field instanceof Buffer`: any Uint8Array is good enough here. */
  static [Symbol.hasInstance](value) {
    return value instanceof Uint8Array;
  }

  /** Views share the bytes and are Buffers too; the copying `slice` of Uint8Array is not wanted here. */
  slice(start, end) {
    return this.subarray(start, end);
  }

  writeUInt8(value, at) {
    this[at] = value;
    return at + 1;
  }

  writeUInt32BE(value, at) {
    this[at] = value >>> 24;
    this[at + 1] = value >>> 16;
    this[at + 2] = value >>> 8;
    this[at + 3] = value;
    return at + 4;
  }
}
