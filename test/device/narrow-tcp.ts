/**
 * The platform's TCP through a narrow opening: it announces few bytes at once, both ways, and more only later.
 * Asking for more than was announced throws, as with any ECMA-419 socket.
 */

import TCP from "embedded:io/socket/tcp";
import Timer from "timer";
import type { TCPSocket, TCPSocketOptions } from "../../lib/tls/tcp.js";

const writableBytes = 97;
const readableBytes = 61;

export class NarrowTCP implements TCPSocket {
  readonly #options: TCPSocketOptions;
  readonly #tcp: TCP;
  #timer: Timer | undefined;
  #closed = false;
  #room = 0;
  #wrote = true;
  /** In TCP, and how much of that was announced. */
  #there = 0;
  #announced = 0;

  constructor(options: TCPSocketOptions) {
    this.#options = options;
    this.#tcp = new TCP({
      ...options,
      onReadable: (byteLength) => {
        this.#there = byteLength;
        this.#later();
      },
      onWritable: () => this.#later(),
      onError: () => options.onError(),
    });
  }

  get remoteAddress(): string | undefined {
    return this.#tcp.remoteAddress;
  }

  get remotePort(): number | undefined {
    return this.#tcp.remotePort;
  }

  read(byteLength: number): ArrayBuffer | undefined {
    if (byteLength > this.#announced) throw new Error("invalid");
    this.#announced -= byteLength;
    this.#there -= byteLength;
    const bytes = this.#tcp.read(byteLength);
    if (this.#announced === 0 && this.#there > 0) this.#later();
    return bytes as ArrayBuffer | undefined;
  }

  write(bytes: ArrayBuffer | Uint8Array): number | undefined {
    if (bytes.byteLength > this.#room) throw new Error("would block");
    this.#room -= bytes.byteLength;
    this.#wrote = true;
    this.#tcp.write(bytes);
    return this.#room;
  }

  close(): void {
    Timer.clear(this.#timer);
    this.#timer = undefined;
    this.#closed = true;
    this.#tcp.close();
  }

  #later(): void {
    this.#timer ??= Timer.set(() => {
      this.#timer = undefined;
      if (this.#announced === 0 && this.#there > 0) {
        this.#announced = Math.min(this.#there, readableBytes);
        this.#options.onReadable(this.#announced);
      }
      if (!this.#wrote || this.#closed) return;
      this.#wrote = false;
      this.#room = writableBytes;
      this.#options.onWritable(this.#room);
    }, 1);
  }
}
