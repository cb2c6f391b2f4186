/**
 * MQTT over WebSocket as a transport over TCP or TLS: the shell of lib/websocket. What is written becomes one
 * frame; nothing can be written before the server's answer (RFC 6455 §4.1), so nothing goes as early data either.
 * While its owner leaves something unread, nothing more is read from the stream.
 */
import { nativeCrypto } from "dormouse/crypto/native";
import type { Failure } from "dormouse/failure";
import type { Secured } from "dormouse/tls/session";
import { createWebSocket, step } from "dormouse/websocket/client";
import type { WebSocketEvent, WebSocketState } from "dormouse/websocket/client-state";
import { isSmall } from "./board.js";
import type { Transport, TransportOptions } from "./transport.js";

/** Most bytes taken from the stream at once, so that a board has no second copy of a whole TLS record. */
const pieceBytes = () => (isSmall() ? 64 : 512);
/** Of a frame with up to `maxFrameBytes`. */
const headerBytes = 8;
const maxFrameBytes = 65_535;

export class WebSocketTransport implements Transport {
  readonly #options: TransportOptions;
  #state: WebSocketState;
  #stream: Transport | undefined;
  /** How much the stream takes now. */
  #room = 0;
  readonly #waiting: Uint8Array[] = [];
  /** To go out when nothing else waits; only the newest counts (RFC 6455 §5.5.3). */
  #pong: Uint8Array | undefined;
  /** In the stream. */
  #arrived = 0;
  #unread: Uint8Array | undefined;
  /** Saves a job for each piece that the owner reads at once. */
  #pulling = false;
  /** What the owner is to be told when it has read everything. */
  #end: Failure | undefined;
  #streamFailure: Failure | undefined;

  constructor(options: TransportOptions, state: WebSocketState) {
    this.#options = options;
    this.#state = state;
  }

  /** @param open makes the stream below; its errors are passed on */
  over(open: (options: TransportOptions) => Transport): this {
    const { tls } = this.#options;
    this.#stream = open({
      ...this.#options,
      // What a WebSocket begins with is HTTP (RFC 7301 §6).
      ...(tls && { tls: { ...tls, alpn: ["http/1.1"] } }),
      onReadable: (byteLength) => this.#onReadable(byteLength),
      onWritable: (byteLength) => this.#onWritable(byteLength),
      onEnd: (reason) => this.#onEnd(reason),
    });
    return this;
  }

  get secured(): Secured | undefined {
    return this.#stream?.secured;
  }

  get resumable(): boolean {
    return this.#stream?.resumable ?? false;
  }

  saveSession(): ArrayBuffer | undefined {
    return this.#stream?.saveSession?.();
  }

  read(byteLength: number): ArrayBuffer | undefined {
    const unread = this.#unread;
    if (!unread) return undefined;
    const bytes = unread.slice(0, byteLength);
    this.#unread = bytes.length < unread.length ? unread.subarray(bytes.length) : undefined;
    // Nothing is called back from within the owner's own call.
    if (!this.#unread && !this.#pulling) Promise.resolve().then(() => this.#pull());
    return bytes.buffer as ArrayBuffer;
  }

  write(bytes: Uint8Array): number | undefined {
    // The end may have come in the middle of what the owner is working at.
    if (this.#state.at === "ended") return undefined;
    this.#step({ type: "send", bytes, mask: random(4) });
    return this.#grant;
  }

  close(): void {
    const stream = this.#stream;
    if (!stream) return;
    this.#step({ type: "close", mask: random(4) });
    this.#stream = undefined;
    for (const bytes of this.#waiting) bytes.fill(0);
    stream.close();
  }

  #onWritable(byteLength: number): void {
    this.#room = byteLength;
    if (this.#state.at === "idle") return this.#step({ type: "start" });
    this.#flush();
    this.#tellWritable();
  }

  #onReadable(byteLength: number): void {
    this.#arrived = byteLength;
    return this.#pull();
  }

  #pull(): void {
    this.#pulling = true;
    while (this.#stream && this.#arrived > 0 && !this.#unread) {
      const bytes = this.#stream.read(Math.min(this.#arrived, pieceBytes()));
      if (typeof bytes !== "object") break;
      this.#arrived -= bytes.byteLength;
      this.#step({ type: "received", bytes: new Uint8Array(bytes), mask: random(4) });
    }
    this.#pulling = false;
    this.#tellEnd();
  }

  #onEnd(reason: Failure | undefined): void {
    this.#streamFailure = reason;
    this.#step({ type: "transport-closed" });
  }

  #step(event: WebSocketEvent): void {
    const { state, effects } = step(this.#state, event);
    this.#state = state;
    for (const effect of effects) {
      switch (effect.type) {
        case "send":
          this.#waiting.push(effect.bytes);
          this.#flush();
          break;
        case "pong":
          this.#pong = effect.bytes;
          this.#flush();
          break;
        case "open":
          this.#tellWritable();
          break;
        case "data":
          this.#unread = effect.bytes;
          this.#options.onReadable(effect.bytes.length);
          break;
        case "failed":
          // TLS knows better what went wrong with it.
          this.#end = this.#streamFailure ?? effect.failure;
          this.#tellEnd();
      }
    }
  }

  /** How much may be written: a frame's header must fit too. */
  get #grant(): number {
    if (this.#state.at !== "open") return 0;
    return Math.max(0, Math.min(this.#room - headerBytes, maxFrameBytes));
  }

  #tellEnd(): void {
    const reason = this.#end;
    if (!reason || this.#unread || !this.#stream) return;
    this.#end = undefined;
    this.#options.onEnd(reason);
  }

  #tellWritable(): void {
    const byteLength = this.#grant;
    if (byteLength > 0) this.#options.onWritable(byteLength);
  }

  #flush(): void {
    while (this.#stream && this.#room > 0) {
      const bytes = this.#waiting.shift() ?? this.#pong;
      if (!bytes) return;
      if (bytes === this.#pong) this.#pong = undefined;
      const part = bytes.subarray(0, this.#room);
      this.#room = this.#stream.write(part) ?? this.#room - part.length;
      if (part.length < bytes.length) this.#waiting.unshift(bytes.subarray(part.length));
      // A password lies behind its mask as good as open.
      part.fill(0);
    }
  }
}

/**
 * @returns undefined: MQTT by itself
 * @throws {TypeError | RangeError} for a host or path that cannot be asked for
 */
export function newWebSocket({ broker, tls }: TransportOptions): WebSocketState | undefined {
  const { host, port, websocket } = broker;
  if (!websocket) return undefined;
  return createWebSocket({ host, port, path: websocket.path, encrypted: tls !== undefined, key: random(16) });
}

function random(byteLength: number): Uint8Array {
  return nativeCrypto.random(byteLength);
}
