/**
 * Plaintext on its way to the server. What the owner was granted is taken in any number of pieces, although each
 * record costs more than its content: pieces that the session or TCP has no room for wait here, and so do those
 * that belong together.
 */
import type { Session } from "dormouse/native/tls";
import { ByteQueue } from "./byte-queue.js";
import type { TCPSocket } from "./tcp.js";

export class Outgoing {
  readonly #session: Session;
  readonly #tcp: TCPSocket;
  readonly #waiting = new ByteQueue();
  #tcpRoom = 0;
  #granted = 0;
  #closing = false;

  constructor(session: Session, tcp: TCPSocket) {
    this.#session = session;
    this.#tcp = tcp;
  }

  /** How much TCP takes now. */
  set tcpRoom(byteLength: number) {
    this.#tcpRoom = byteLength;
  }

  /** Whether everything is out and the owner may go on. */
  get ready(): boolean {
    return !this.#closing && this.#waiting.length === 0 && this.#session.pending === 0;
  }

  /** When `ready`: what the owner may write from now on. */
  grant(): number {
    this.#granted = this.#session.writable;
    return this.#granted;
  }

  /**
   * @param more whether what follows belongs to it: then `flush` is to be called, at the latest when the turn ends
   * @returns what is left of the grant, or a new one when everything is out
   * @throws Error when more is given than was granted
   */
  write(bytes: Uint8Array, more: boolean): number {
    if (bytes.length > this.#granted) throw new Error("would block");
    this.#granted -= bytes.length;
    this.queue(bytes, more);
    if (!more) this.flush();
    return this.ready ? this.grant() : this.#granted;
  }

  /** Before anything that the owner writes, and not of its grant. */
  push(bytes: Uint8Array): void {
    this.#waiting.push(bytes);
  }

  /** As much as there is room for, on to TCP. */
  flush(): void {
    for (;;) {
      this.makeRecord();
      if (this.#tcpRoom <= 0) return;
      const bytes = this.#session.drain(this.#tcpRoom);
      if (bytes === undefined) return;
      this.#tcpRoom = this.#tcp.write(bytes) ?? this.#tcpRoom - bytes.byteLength;
    }
  }

  /** close_notify follows what waits; nothing can be written any more. */
  shutdown(): void {
    this.#closing = true;
    this.#granted = 0;
    this.flush();
  }

  clear(): void {
    this.#waiting.clear();
  }

  private queue(bytes: Uint8Array, more: boolean): void {
    if (more || this.#waiting.length > 0 || this.#session.writable < bytes.length) this.#waiting.push(bytes);
    else if (bytes.length > 0) this.#session.write(bytes);
  }

  /** Of what waits; not of less than that because of what is still pending: small records are dear. */
  private makeRecord(): void {
    const { length } = this.#waiting;
    const { writable } = this.#session;
    if (length === 0) {
      if (this.#closing) this.#session.shutdown();
    } else if (writable >= length || (writable > 0 && this.#session.pending === 0)) {
      const record = new Uint8Array(Math.min(length, writable));
      this.#waiting.shift(record);
      this.#session.write(record);
      record.fill(0);
    }
  }
}
