/**
 * The MQTT session's shell: moves its bytes through the transport, gives it the time, and tells what became
 * of each message. Whoever makes a link closes it; after `onEnd` it is closed.
 */
import type { Failure } from "dormouse/failure";
import { createSession, nextWakeAt, step } from "dormouse/mqtt/session";
import type { SessionOptions } from "dormouse/mqtt/session-options";
import type { Message, SessionEvent, SessionState } from "dormouse/mqtt/session-state";
import type { TLSOptions } from "dormouse/tls/options";
import Time from "time";
import Timer from "timer";
import { openTransport, type Transport, type TransportOptions } from "./transport.js";

export interface LinkOptions
  extends Pick<TransportOptions, "address" | "port" | "onConnected" | "onSecured"> {
  readonly session: SessionOptions;
  /** CONNACK: messages can be published. */
  readonly onOpen: () => void;
  readonly onAcked: (token: number) => void;
  readonly onRefused: (token: number, reason: Failure) => void;
  /** The end, once: by `disconnect`, without a failure, or because of it. */
  readonly onEnd: (reason: Failure | undefined) => void;
}

export class Link {
  readonly #options: LinkOptions;
  #transport: Transport | undefined;
  #session: SessionState;
  #timer: Timer | undefined;
  #outgoing: Uint8Array[] = [];
  #writable = 0;
  #started = false;
  #closing = false;
  #finished = false;
  #reason: Failure | undefined;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#session = createSession(options.session);
  }

  /**
   * Makes CONNECT, to be sent as early data if the TLS session that is resumed allows it. Apart from `open`, because
   * the two together would not fit a small board's stack.
   */
  start(): void {
    this.#started = true;
    this.#step({ type: "start" });
  }

  /**
   * @param tls absent: plain TCP
   * @throws RangeError or TypeError for credentials that cannot be used; Error when memory is short
   */
  open(tls?: TLSOptions, handshakeTimeoutMs?: number): void {
    const { address, port, onConnected, onSecured } = this.#options;
    const earlyData = tls && this.#outgoing.shift();
    this.#transport = openTransport({
      address,
      port,
      ...(tls && { tls: earlyData ? { ...tls, earlyData } : tls }),
      ...(handshakeTimeoutMs !== undefined && { handshakeTimeoutMs }),
      onConnected,
      onSecured,
      onReadable: (byteLength) => {
        const bytes = this.#transport?.read(byteLength);
        if (typeof bytes === "object") this.#step({ type: "received", bytes: new Uint8Array(bytes) });
      },
      onWritable: (byteLength) => {
        this.#writable = byteLength;
        if (this.#started) return this.#flush();
        this.#started = true;
        this.#step({ type: "start" });
      },
      onEnd: (reason) => {
        if (this.#closing) return this.#finish(this.#reason);
        if (reason) return this.#finish(reason);
        this.#step({ type: "transport-closed" });
      },
    });
  }

  /** Whether TLS stands. */
  get secured(): boolean {
    return this.#transport?.secured !== undefined;
  }

  /** Whether there is a TLS session to keep yet. */
  get resumable(): boolean {
    return this.#transport?.resumable ?? false;
  }

  /** The TLS session, sealed; undefined when there is none to keep. */
  saveSession(): ArrayBuffer | undefined {
    return this.#transport?.saveSession?.();
  }

  /** @param token comes back with what becomes of the message */
  publish(message: Message, token: number): void {
    this.#step({ type: "publish", message, token });
  }

  /** Ends the session in order. `onEnd` follows when the bytes are out; `close` does not wait for that. */
  disconnect(): void {
    this.#step({ type: "disconnect" });
  }

  /** Frees everything; nothing is called back. */
  close(): void {
    if (this.#timer) Timer.clear(this.#timer);
    this.#timer = undefined;
    this.#transport?.close();
  }

  #step(event: SessionEvent): void {
    if (this.#session.at === "ended") return;
    const { state, effects } = step(this.#session, event, Time.ticks);
    this.#session = state;
    for (const effect of effects) {
      switch (effect.type) {
        case "send":
          this.#outgoing.push(effect.bytes);
          break;
        case "connected":
          this.#options.onOpen();
          break;
        case "acked":
          this.#options.onAcked(effect.token);
          break;
        case "refused":
          this.#options.onRefused(effect.token, effect.failure);
          break;
        case "failed":
          this.#reason = effect.failure;
          break;
        case "closed":
          this.#closing = true;
      }
    }
    this.#flush();
    // What a failed session still has to say is said now or never.
    if (this.#reason) return this.#finish(this.#reason);
    this.#setTimer();
  }

  #flush(): void {
    while (this.#transport && this.#writable > 0 && this.#outgoing.length > 0) {
      const bytes = this.#outgoing.shift() as Uint8Array;
      const part = bytes.subarray(0, this.#writable);
      this.#writable = this.#transport.write(part) ?? this.#writable - part.length;
      if (part.length < bytes.length) this.#outgoing.unshift(bytes.subarray(part.length));
      // CONNECT may hold the password.
      part.fill(0);
    }
    if (this.#closing && this.#outgoing.length === 0) this.#finish(this.#reason);
  }

  #setTimer(): void {
    if (this.#timer) Timer.clear(this.#timer);
    this.#timer = undefined;
    if (this.#finished) return;
    const at = nextWakeAt(this.#session);
    if (at === undefined) return;
    this.#timer = Timer.set(
      () => {
        this.#timer = undefined;
        this.#step({ type: "time" });
      },
      Math.max(0, at - Time.ticks),
    );
  }

  #finish(reason: Failure | undefined): void {
    if (this.#finished) return;
    this.#finished = true;
    this.close();
    this.#options.onEnd(reason);
  }
}
