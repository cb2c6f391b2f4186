/**
 * What mqtt-packet needs of Node's Buffer, over plain Uint8Arrays: nothing is assigned to a prototype, so it
 * loads where the primordials are frozen. Strings go through a conversion that XS has built in.
 */
export class Buffer extends Uint8Array {
  static from(bytes) {
    return Uint8Array.of(...bytes);
  }

  /** The one kind of Buffer that is written through its methods, and only while mqtt-packet loads. */
  static alloc(size) {
    return new Buffer(size);
  }

  static allocUnsafe(size) {
    return new Uint8Array(size);
  }

  static isBuffer(value) {
    return value instanceof Uint8Array;
  }

  static byteLength(source) {
    return typeof source === "string" ? ArrayBuffer.fromString(source).byteLength : source.length;
  }

  /** mqtt-packet asks `field instanceof Buffer`: any Uint8Array is good enough here. */
  static [Symbol.hasInstance](value) {
    return value instanceof Uint8Array;
  }

  writeUInt8(value, at) {
    this[at] = value;
  }
}
