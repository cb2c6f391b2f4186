/**
 * Plaintext on its way to the owner. It stays in the native session until it is read; only what the owner leaves
 * lying is set aside, so that what comes after it can be decrypted, as TCP's own buffer would hold it.
 */
import type { Session } from "dormouse/native/tls";
import { type ByteBuffer, bytesOf } from "./byte-buffer.js";
import { ByteQueue } from "./byte-queue.js";

/** No more is set aside than this: then the server has to wait. One record of the largest size. */
const maxAsideBytes = 4096;
/** What a read of a single byte takes from the session at once. */
const readAheadBytes = 64;

export class Incoming {
  #session: Session | undefined;
  /** What comes before the session's own. */
  readonly #aside = new ByteQueue();
  #announced = 0;

  /** @param session none when there is nothing to come */
  constructor(session: Session | undefined) {
    this.#session = session;
  }

  get length(): number {
    return this.#aside.length + this.#inSession;
  }

  get #inSession(): number {
    return this.#session?.readable ?? 0;
  }

  /** Whether the session can be fed, or has ended and is read out. */
  get hungry(): boolean {
    return this.#session ? this.#session.readable === 0 : this.#aside.length === 0;
  }

  /** All there is, if some of it is news to the owner; else 0. */
  announce(): number {
    const { length } = this;
    if (length <= this.#announced) return 0;
    this.#announced = length;
    return length;
  }

  /** At most `count` bytes. @throws RangeError for none */
  read(count: number): ArrayBuffer {
    const byteLength = Math.min(Math.trunc(count), this.length);
    if (!(byteLength > 0)) throw new RangeError("no bytes are asked for");
    let bytes = this.#aside.length === 0 ? this.#session?.read(byteLength) : undefined;
    if (!bytes) {
      bytes = new ArrayBuffer(byteLength);
      this.#fill(new Uint8Array(bytes));
    }
    this.#announced = this.length;
    return bytes;
  }

  /** Fills the buffer as far as the bytes reach; gives how many. */
  readInto(buffer: ByteBuffer): number {
    const target = bytesOf(buffer);
    const byteLength = Math.min(target.length, this.length);
    this.#fill(target.subarray(0, byteLength));
    this.#announced = this.length;
    return byteLength;
  }

  readByte(): number | undefined {
    if (this.#aside.length === 0) this.#setAside(Math.min(readAheadBytes, this.#inSession));
    const byte = this.#aside.shiftByte();
    this.#announced = this.length;
    return byte;
  }

  /** Whether the owner knows of all there is, leaves some in the session, and it can be set aside. */
  get left(): boolean {
    const { length } = this;
    return this.#inSession > 0 && length <= this.#announced && length <= maxAsideBytes;
  }

  setAside(): void {
    this.#setAside(this.#inSession);
  }

  /** The session is about to be freed: what it still has is gone, what is set aside can be read. */
  detach(): void {
    this.#session = undefined;
  }

  clear(): void {
    this.#aside.clear();
    this.detach();
  }

  #fill(target: Uint8Array): void {
    const count = this.#aside.shift(target);
    if (count === target.length) return;
    const bytes = this.#session?.read(target.length - count);
    if (bytes) target.set(new Uint8Array(bytes), count);
  }

  #setAside(byteLength: number): void {
    const bytes = byteLength > 0 ? this.#session?.read(byteLength) : undefined;
    if (bytes) this.#aside.push(new Uint8Array(bytes));
  }
}
