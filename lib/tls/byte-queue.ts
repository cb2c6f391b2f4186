/**
 * Bytes in order, held between two sides that do not keep pace: first in, first out. Its owner bounds it. What
 * has left it, and what is dropped, is overwritten: it may be a secret.
 */
export class ByteQueue {
  #bytes = new Uint8Array(0);
  #start = 0;
  #end = 0;

  get length(): number {
    return this.#end - this.#start;
  }

  /** Copies `bytes` to the end. */
  push(bytes: Uint8Array): void {
    const { length } = this;
    if (this.#end + bytes.length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(length + bytes.length, 2 * length));
      larger.set(this.#bytes.subarray(this.#start, this.#end));
      this.#bytes.fill(0);
      this.#bytes = larger;
      this.#start = 0;
      this.#end = length;
    }
    this.#bytes.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** The first byte; undefined when there is none. */
  shiftByte(): number | undefined {
    if (this.length === 0) return undefined;
    const byte = this.#bytes[this.#start];
    this.#bytes[this.#start++] = 0;
    if (this.length === 0) this.clear();
    return byte;
  }

  /** Fills `target` with the first bytes, as far as they reach; gives how many those were. */
  shift(target: Uint8Array): number {
    const count = Math.min(target.length, this.length);
    const bytes = this.#bytes.subarray(this.#start, this.#start + count);
    target.set(bytes);
    bytes.fill(0);
    this.#start += count;
    if (this.length === 0) this.clear();
    return count;
  }

  /** Gives the memory back. */
  clear(): void {
    this.#bytes.fill(0);
    this.#bytes = new Uint8Array(0);
    this.#start = 0;
    this.#end = 0;
  }
}
