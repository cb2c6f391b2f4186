/**
 * A TLS client socket that is an ECMA-419 TCP socket (2nd edition), around an ECMA-419 TCP class: clients written
 * for TCP run over it. The first onWritable means that the handshake is done and the server is who it should be.
 *
 * onError means the end: `failure` says what went wrong, and is undefined when the server closed with
 * close_notify. The session is freed by then. It never connects again by itself, a failed check of the server is
 * final, and no callback comes from within a method.
 */
import Timer from "timer";
import { type Failure, failure } from "../failure.js";
import { type ByteBuffer, bytesOf } from "./byte-buffer.js";
import { Incoming } from "./incoming.js";
import { type Clock, type Resumption, type SessionParameters, sessionParameters } from "./options.js";
import { Outgoing } from "./outgoing.js";
import { type Secured, securedBy, sessionState, startSession } from "./session.js";
import {
  type Callbacks,
  checkedCallbacks,
  checkFormat,
  checkTimeout,
  type Format,
  openTCP,
  type TCPCallbacks,
  type TLSSocketOptions,
  type WriteOptions,
} from "./socket-options.js";
import { type Linked, lost, type State } from "./socket-state.js";

// Methods are private by TypeScript's word only: in XS each #method takes 16 bytes of every object.
export class TLSSocket {
  target: unknown;
  readonly #callbacks: Callbacks;
  readonly #timeoutMs: number;
  #clock: Clock = "unknown";
  #resumption: Resumption | undefined;
  #format: Format;
  #state: State;
  #secured: Secured | undefined;
  #early: Uint8Array | undefined;
  /** Made by the constructor: where fields get their first values XS has the deepest stack. */
  readonly #incoming: Incoming;
  #tcpReadable = 0;
  #tcpEnded = false;
  #wrote = false;
  #owesWritable = true;
  #endReported = false;
  #reportQueued = false;

  /**
   * @throws TypeError or RangeError, in one line, for a wrong option or what cannot be used for TLS: a certificate,
   *   CRL, key or PSK. Error when there is no memory or no TCP socket.
   */
  constructor(options: TLSSocketOptions) {
    this.#callbacks = checkedCallbacks(options);
    this.#format = checkFormat(options.format ?? "buffer");
    this.#timeoutMs = checkTimeout(options.handshakeTimeoutMs ?? 15_000);
    if (options.target !== undefined) this.target = options.target;
    const parameters = sessionParameters(options.tls, Date.now());
    if ("kind" in parameters) {
      this.#incoming = new Incoming(undefined);
      this.#state = { kind: "ended", failure: parameters };
      this.continueLater();
      return;
    }
    const session = startSession(parameters);
    const tcp = openTCP(options, this.tcpCallbacks(), session);
    this.#state = { kind: "connecting", session, tcp, outgoing: new Outgoing(session, tcp) };
    this.#incoming = new Incoming(session);
    this.keep(parameters);
  }

  private tcpCallbacks(): TCPCallbacks {
    return {
      onReadable: (byteLength) => this.onTCPReadable(byteLength),
      onWritable: (byteLength) => this.onTCPWritable(byteLength),
      onError: () => this.onTCPError(),
    };
  }

  private keep({ clock, resumption, earlyData }: SessionParameters): void {
    this.#clock = clock;
    this.#resumption = resumption;
    this.#early = earlyData && bytesOf(earlyData).slice();
  }

  /** What went wrong, once onError was called; undefined after a close_notify. */
  get failure(): Failure | undefined {
    return this.#state.kind === "ended" ? this.#state.failure : undefined;
  }

  /** What was agreed on, from the first onWritable on; it stays after the end. */
  get secured(): Secured | undefined {
    return this.#secured;
  }

  /** Whether saveSession() has something: with TLS 1.3 only once a ticket came, after the handshake. */
  get resumable(): boolean {
    return this.#resumption !== undefined && this.#state.kind === "open" && this.#state.session.resumable;
  }

  /** For `tls.resumption.saved` of the next connection; each session once. Undefined when there is none. */
  saveSession(): ArrayBuffer | undefined {
    if (this.#state.kind !== "open" || !this.#resumption) return undefined;
    return this.#state.session.save(this.#resumption.secret, this.#resumption.maxBytes);
  }

  get format(): Format {
    return this.#format;
  }

  set format(format: Format) {
    this.#format = checkFormat(format);
  }

  get remoteAddress(): string | undefined {
    return "tcp" in this.#state ? this.#state.tcp.remoteAddress : undefined;
  }

  get remotePort(): number | undefined {
    return "tcp" in this.#state ? this.#state.tcp.remotePort : undefined;
  }

  /**
   * @param request at most how many bytes, or a buffer to fill as far as they reach; all there is when absent
   * @returns undefined when there is nothing; one byte in number format; how many bytes when a buffer was given
   * @throws Error when closed, RangeError for no bytes
   */
  read(request?: number | ByteBuffer): ArrayBuffer | number | undefined {
    if (this.#state.kind === "closed") throw new Error("closed");
    const incoming = this.#incoming;
    const { length } = incoming;
    if (length === 0) return undefined;
    let result: ArrayBuffer | number | undefined;
    if (this.#format === "number") result = incoming.readByte();
    else if (typeof request === "object") result = incoming.readInto(request);
    else result = incoming.read(request ?? length);
    if (incoming.hungry) this.continueLater();
    return result;
  }

  /**
   * @param options `more`: what follows belongs to it and may share its record
   * @returns how many more bytes can be written now, in any number of pieces; undefined once the connection ended
   * @throws Error when more is given than can be written, before the first onWritable, after shutdown and when closed
   */
  write(value: number | ByteBuffer, options?: WriteOptions): number | undefined {
    const state = this.#state;
    if (state.kind === "ended") return undefined;
    if (state.kind !== "open") throw new Error(state.kind === "closed" ? "closed" : "not ready");
    const single = this.#format === "number";
    if (single && typeof value !== "number") throw new TypeError("not a byte");
    const bytes = single ? Uint8Array.of(value as number) : bytesOf(value);
    const more = single || options?.more === true;
    this.#wrote = true;
    const left = state.outgoing.write(bytes, more);
    if (more || state.session.state === 4) this.continueLater();
    return left;
  }

  /**
   * Ends the way to the server: close_notify follows what was written. Reading goes on until the server's own
   * close_notify, which onError tells.
   * @throws Error before the first onWritable and when closed
   */
  shutdown(): void {
    const state = this.#state;
    if (state.kind === "open") state.outgoing.shutdown();
    else if (state.kind !== "ended") throw new Error(state.kind === "closed" ? "closed" : "not ready");
  }

  /** Frees everything; no callback follows. What was written, and close_notify, goes out as far as TCP has room. */
  close(): void {
    const state = this.#state;
    if ("session" in state) {
      if (state.kind === "open" && !this.#tcpEnded) state.outgoing.shutdown();
      this.release(state);
    }
    this.#incoming.clear();
    this.#state = { kind: "closed" };
  }

  private onTCPWritable(byteLength: number): void {
    const state = this.#state;
    if (!("session" in state)) return;
    state.outgoing.tcpRoom = byteLength;
    if (state.kind === "connecting") {
      const timer = Timer.set(() => this.onTimeout(), this.#timeoutMs);
      const { session, tcp, outgoing } = state;
      this.#state = { kind: "handshaking", session, tcp, outgoing, timer };
    }
    this.#owesWritable ||= this.#wrote;
    this.#wrote = false;
    this.pump();
    this.report();
  }

  private onTCPReadable(byteLength: number): void {
    this.#tcpReadable = byteLength;
    this.pump();
    this.report();
  }

  private onTCPError(): void {
    this.#tcpEnded = true;
    if ("session" in this.#state) this.#state.outgoing.tcpRoom = 0;
    this.pump();
    this.report();
  }

  private onTimeout(): void {
    if (this.#state.kind !== "handshaking") return;
    this.end(this.#state, failure("tls-timeout", `no TLS handshake within ${this.#timeoutMs} ms`));
    this.report();
  }

  /** Never calls back from within the owner's own call. */
  private continueLater(): void {
    if (this.#reportQueued) return;
    this.#reportQueued = true;
    Promise.resolve().then(() => {
      this.#reportQueued = false;
      this.pump();
      this.report();
    });
  }

  /**
   * Moves bytes both ways until one side must wait. TCP is asked for no more than the session uses at once,
   * so no ciphertext lies about in JavaScript, and a slow reader slows the server down.
   */
  private pump(): void {
    for (;;) {
      const state = this.#state;
      if (!("session" in state)) return;
      state.outgoing.flush();
      if (this.follow(state)) continue;
      const byteLength = Math.min(this.#tcpReadable, state.session.wanted);
      if (byteLength > 0) {
        const bytes = state.tcp.read(byteLength);
        this.#tcpReadable = bytes ? this.#tcpReadable - bytes.byteLength : 0;
        if (bytes) state.session.feed(bytes);
      } else if (this.#tcpReadable > 0 && this.#incoming.left) {
        this.#incoming.setAside();
      } else {
        if (this.#tcpEnded && state.session.readable === 0) this.end(state, lost(state));
        return;
      }
    }
  }

  /** Brings this state after the session's. True when it changed. */
  private follow(state: Linked): boolean {
    const now = sessionState(state.session, this.#clock);
    switch (now.kind) {
      case "handshaking":
        return false;
      case "open":
        if (state.kind === "open") return false;
        this.open(state);
        return true;
      case "closed-by-peer":
        state.outgoing.clear(); // nobody reads it any more
        state.outgoing.shutdown(); // RFC 5246 §7.2.1 asks for an answer; RFC 8446 §6.1 allows it
        this.end(state, undefined);
        return true;
      case "failed":
        this.end(state, now.failure);
        return true;
    }
  }

  private open(state: Linked): void {
    if (state.kind === "handshaking") Timer.clear(state.timer);
    const { session, tcp, outgoing } = state;
    this.#secured = securedBy(session);
    this.#state = { kind: "open", session, tcp, outgoing };
    if (this.#early && !this.#secured.earlyDataAccepted) outgoing.push(this.#early);
    this.forgetEarly();
  }

  private end(state: Linked, why: Failure | undefined): void {
    state.outgoing.flush(); // the alert
    this.release(state);
    this.#state = { kind: "ended", failure: why };
  }

  private release(state: Linked): void {
    if (state.kind === "handshaking") Timer.clear(state.timer);
    this.forgetEarly();
    this.#incoming.detach();
    state.outgoing.clear();
    state.session.close();
    state.tcp.close();
  }

  private forgetEarly(): void {
    this.#early?.fill(0);
    this.#early = undefined;
  }

  /** Tells the owner what is new. Each callback may close the socket. */
  private report(): void {
    const { onReadable, onWritable, onError } = this.#callbacks;
    if (this.#state.kind === "open" && this.#owesWritable && this.#state.outgoing.ready) {
      this.#owesWritable = false;
      onWritable?.call(this, this.#state.outgoing.grant());
    }
    const readable = this.#state.kind === "closed" ? 0 : this.#incoming.announce();
    if (readable > 0) onReadable?.call(this, readable);
    if (this.#state.kind === "open") {
      if (this.#tcpReadable > 0 && this.#incoming.left) this.continueLater();
    } else if (this.#state.kind === "ended" && !this.#endReported && this.#incoming.length === 0) {
      this.#endReported = true;
      onError?.call(this);
    }
  }
}
