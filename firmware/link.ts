/**
 * The MQTT session's shell: moves its bytes through the transport, gives it the time, and tells what became
 * of each message. Whoever makes a link closes it; after `ended` it is closed.
 */
import type { Failure } from "dormouse/failure";
import { decodeKept, emptyKept, encodeKept, type KeptSession } from "dormouse/mqtt/kept-session";
import { createSession, inFlight, keep, nextWakeAt, sendQuota, step, toResend } from "dormouse/mqtt/session";
import type { SessionOptions } from "dormouse/mqtt/session-options";
import type { Message, ReceivedMessage, SessionEvent, SessionState } from "dormouse/mqtt/session-state";
import type { TLSOptions } from "dormouse/tls/options";
import type { Secured } from "dormouse/tls/session";
import Time from "time";
import Timer from "timer";
import { openTransport, type Transport, type TransportOptions } from "./transport.js";

export interface LinkOptions extends Pick<TransportOptions, "address" | "broker"> {
  readonly session: SessionOptions;
  /** What the last link kept; what is not of this session is as good as nothing. */
  readonly kept: Uint8Array | undefined;
}

/** Who is told. One object, because a function for each would cost a small board half a kilobyte. */
export interface LinkEvents {
  /** TCP stands. */
  connected(): void;
  /** TLS stands. */
  secured(secured: Secured): void;
  /** CONNACK: the broker has taken the session. */
  opened(): void;
  acked(token: number): void;
  refused(token: number, reason: Failure): void;
  /** Not sent before CONNACK; to be published again after it. */
  postponed(token: number): void;
  /** With `deferredAcks`: `acknowledge` is to follow. */
  message(message: ReceivedMessage): void;
  /** Whether the broker lets the device hear its commands; or why not. */
  subscribed(reason: Failure | undefined): void;
  /** The answer to `ping`. */
  pong(): void;
  /**
   * The end, once: by `disconnect`, without a failure, or because of it. `again`: the broker is not as remembered, so
   * another link may fare better at once.
   */
  ended(reason: Failure | undefined, again: boolean): void;
}

/** The broker, or who stands before it, ended the connection without a word (1006: no CLOSE came, RFC 6455 §7.1.5). */
function isCutOff({ kind, code }: Failure): boolean {
  return kind === "tls-truncated" || (kind === "connection-lost" && (code === 0 || code === 1006));
}

/** Read at a time: what a broker says in so few bytes, and what that makes the session answer, fits a small board. */
const pieceBytes = 32;
/** Nothing more is read while so much waits to be written. */
const enoughBytes = 256;

export class Link {
  readonly #address: string;
  readonly #broker: TransportOptions["broker"];
  /** Whose session it is, for what is kept of it. */
  readonly #client: Pick<SessionOptions, "version" | "clientId">;
  #password: Uint8Array | undefined;
  /** As it was given; it stays so until the transport stands, whatever was got ready for it. */
  #kept: Uint8Array | undefined;
  readonly #events: LinkEvents;
  #transport: Transport | undefined;
  #session: SessionState;
  #timer: Timer | undefined;
  #outgoing: Uint8Array[] = [];
  /** Bytes can be written: what happens from then on is the session's concern too. */
  #stands = false;
  #readable = 0;
  #writable = 0;
  #closing = false;
  #finished = false;
  #paused = false;
  #reason: Failure | undefined;
  #again = false;

  constructor(options: LinkOptions, events: LinkEvents) {
    const { session, kept } = options;
    this.#address = options.address;
    this.#broker = options.broker;
    this.#client = { version: session.version, clientId: session.clientId };
    this.#password = session.password;
    this.#kept = kept;
    this.#events = events;
    this.#session = createSession(session, keptSession(kept, session));
  }

  /**
   * @param tls absent: plain TCP. What the session has to say already goes with it as early data, if the TLS session
   *   that is resumed allows that, and else after the handshake.
   * @throws RangeError or TypeError for credentials that cannot be used; Error when memory is short
   */
  open(tls?: TLSOptions, handshakeTimeoutMs?: number): void {
    const earlyData = tls && this.#outgoing.length > 0 && this.joined();
    this.#transport = openTransport({
      address: this.#address,
      broker: this.#broker,
      ...(tls && { tls: earlyData ? { ...tls, earlyData } : tls }),
      ...(handshakeTimeoutMs !== undefined && { handshakeTimeoutMs }),
      onConnected: () => this.#events.connected(),
      onSecured: (secured) => this.#events.secured(secured),
      onReadable: (byteLength) => {
        this.#readable = byteLength;
        this.receive();
      },
      onWritable: (byteLength) => {
        this.#stands = true;
        this.#kept = undefined;
        this.#writable = byteLength;
        this.flush();
        this.receive();
      },
      onEnd: (reason) => {
        if (this.#closing) return this.finish(this.#reason);
        if (reason && !(this.#stands && isCutOff(reason))) return this.finish(reason);
        this.#reason = reason;
        this.step({ type: "transport-closed" });
      },
    });
  }

  /**
   * Begins the session, if that is not done: CONNECT is sent when `flush` is called, or goes as early data. Apart from
   * `open`, because the two together would not fit a small board's stack.
   */
  start(): void {
    if (this.#session.at !== "idle") return;
    this.step({ type: "start" });
    this.#password?.fill(0);
    this.#password = undefined;
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

  /** What the MQTT session leaves for the next link. */
  get kept(): Uint8Array | undefined {
    if (!this.#stands) return this.#kept;
    return encodeKept(keep(this.#session) ?? emptyKept, this.#client);
  }

  /** How many messages can be published now; also before CONNACK, within what the broker granted last. */
  get sendQuota(): number {
    return sendQuota(this.#session);
  }

  /** The largest packet to send: granted by the broker, or as it was last time. */
  get maxPacketBytes(): number {
    const session = this.#session;
    const { limits = undefined } = "limits" in session ? session : (session.kept ?? emptyKept);
    return limits?.maxPacketBytes ?? Number.MAX_SAFE_INTEGER;
  }

  /** How long the broker keeps the session after the connection, as granted. */
  get sessionExpirySeconds(): number {
    const session = this.#session;
    return "limits" in session ? session.limits.sessionExpirySeconds : 0;
  }

  /** How many acknowledgements are awaited. */
  get inFlight(): number {
    return inFlight(this.#session);
  }

  /** The message that must be published before any other, because an earlier link left it unacknowledged. */
  get mustResend(): number | undefined {
    return toResend(this.#session)[0];
  }

  /**
   * @param token comes back with what becomes of the message
   * @returns whether it goes out with the next `flush`
   */
  publish(message: Message, token: number): boolean {
    const before = this.#outgoing.length;
    this.step({ type: "publish", message, token });
    return this.#outgoing.length > before;
  }

  /** The message that must be resent is there no more. */
  forget(token: number): void {
    this.step({ type: "forget", token });
  }

  /** The broker may forget the message; messages are acknowledged in the order in which they came. */
  acknowledge(packetId: number): void {
    this.step({ type: "acknowledge", packetId });
  }

  /** Asks whether the broker has said all it had to say. */
  ping(): void {
    this.step({ type: "ping" });
  }

  /** Nothing is read until `resume`, but for what has been already. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.receive();
  }

  /** Ends the session in order; the will stays, or goes. `ended` follows when the bytes are out; `close` does not wait for that. */
  disconnect(withWill: boolean): void {
    this.step({ type: "disconnect", withWill });
    this.flush();
  }

  /** Frees everything; nothing is called back. */
  close(): void {
    if (this.#timer) Timer.clear(this.#timer);
    this.#timer = undefined;
    this.#finished = true;
    this.#transport?.close();
  }

  private receive(): void {
    while (this.#readable > 0 && !this.#finished && !this.#paused && this.waiting < enoughBytes) {
      const bytes = this.#transport?.read(Math.min(pieceBytes, this.#readable));
      if (typeof bytes !== "object") return;
      this.#readable -= bytes.byteLength;
      this.step({ type: "received", bytes: new Uint8Array(bytes) });
    }
  }

  private get waiting(): number {
    return this.#outgoing.reduce((sum, { length }) => sum + length, 0);
  }

  private step(event: SessionEvent): void {
    if (this.#session.at === "ended") return;
    const { state, effects } = step(this.#session, event, Time.ticks);
    this.#session = state;
    for (const effect of effects) {
      switch (effect.type) {
        case "send":
          this.#outgoing.push(effect.bytes);
          break;
        case "connected":
          this.#events.opened();
          break;
        case "acked":
          this.#events.acked(effect.token);
          break;
        case "refused":
          this.#events.refused(effect.token, effect.failure);
          break;
        case "postponed":
          this.#events.postponed(effect.token);
          break;
        case "message":
          this.#events.message(effect.message);
          break;
        case "subscribed":
          this.#events.subscribed(effect.failure);
          break;
        case "pong":
          this.#events.pong();
          break;
        case "failed":
          this.#reason ??= effect.failure;
          this.#again = effect.again;
          break;
        case "closed":
          this.#closing = true;
      }
    }
    // What the broker waits for goes at once, and what a failed session still has to say is said now or never.
    if (event.type === "received" || event.type === "time" || this.#closing) this.flush();
    if (this.#reason) return this.finish(this.#reason);
    this.setTimer();
  }

  /** Writes what waits, in one piece. */
  flush(): void {
    while (this.#transport && this.#writable > 0 && this.#outgoing.length > 0) {
      const bytes = this.joined();
      const part = bytes.subarray(0, this.#writable);
      this.#writable = this.#transport.write(part) ?? this.#writable - part.length;
      if (part.length < bytes.length) this.#outgoing.push(bytes.subarray(part.length));
      // CONNECT may hold the password.
      part.fill(0);
    }
    if (this.#closing && this.#outgoing.length === 0) this.finish(this.#reason);
  }

  /** All that waits, as one: CONNECT and what follows it share a TLS record. */
  private joined(): Uint8Array {
    const [first = new Uint8Array(0)] = this.#outgoing;
    if (this.#outgoing.length === 1) {
      this.#outgoing = [];
      return first;
    }
    const all = new Uint8Array(this.waiting);
    let at = 0;
    for (const bytes of this.#outgoing) {
      all.set(bytes, at);
      at += bytes.length;
      bytes.fill(0);
    }
    this.#outgoing = [];
    return all;
  }

  private setTimer(): void {
    if (this.#timer) Timer.clear(this.#timer);
    this.#timer = undefined;
    if (this.#finished) return;
    const at = nextWakeAt(this.#session);
    if (at === undefined) return;
    this.#timer = Timer.set(
      () => {
        this.#timer = undefined;
        this.step({ type: "time" });
      },
      Math.max(0, at - Time.ticks),
    );
  }

  private finish(reason: Failure | undefined): void {
    if (this.#finished) return;
    this.close();
    this.#events.ended(reason, this.#again);
  }
}

/** What cannot be of a session that publishes at QoS 1 only is not believed. */
function keptSession(bytes: Uint8Array | undefined, session: SessionOptions): KeptSession {
  const kept = bytes && decodeKept(bytes, session);
  return kept?.outgoing.every(({ qos }) => qos === 1) ? kept : emptyKept;
}
