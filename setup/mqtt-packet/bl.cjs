/**
 * What mqtt-packet's parser needs of `bl`: bytes are appended at one end and consumed at the other.
 * CommonJS, because the parser calls the module itself.
 */
const none = new Uint8Array(0);

class BufferList {
  constructor() {
    this.bytes = none;
  }

  get length() {
    return this.bytes.length;
  }

  append(bytes) {
    const old = this.bytes;
    if (old.length === 0) {
      this.bytes = bytes;
      return;
    }
    const joined = new Uint8Array(old.length + bytes.length);
    joined.set(old);
    joined.set(bytes, old.length);
    this.bytes = joined;
  }

  consume(count) {
    this.bytes = this.bytes.subarray(count);
  }

  slice(start, end) {
    return this.bytes.subarray(start, end);
  }

  toString(_encoding, start, end) {
    const { buffer, byteOffset } = this.bytes;
    return String.fromArrayBuffer(buffer.slice(byteOffset + start, byteOffset + end));
  }

  readUInt8(at) {
    return this.bytes[at];
  }

  readUInt16BE(at) {
    return (this.bytes[at] << 8) | this.bytes[at + 1];
  }

  readUInt32BE(at) {
    return this.readUInt16BE(at) * 0x10000 + this.readUInt16BE(at + 2);
  }
}

module.exports = () => new BufferList();
