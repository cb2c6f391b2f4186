/**
 * A TLS client socket in the shape of an ECMA-419 TCP socket, around an ECMA-419 TCP class: Moddable's own
 * clients can use it. The first onWritable means that the handshake is done and the server is who it should be.
 *
 * onError means the end: `failure` says what went wrong, and is undefined when the server closed with
 * close_notify. Everything is freed by then. It never connects again by itself, and a failed check of the
 * certificate is final: what arrived before is not handed on.
 */
import type { Session } from "dormouse/native/tls";
import { type Failure, failure } from "../failure.js";
import { type Clock, sessionParameters, type TLSOptions } from "./options.js";
import { type Secured, securedBy, sessionState, startSession } from "./session.js";
import type { TCPClass, TCPSocket } from "./tcp.js";

export interface TLSSocketOptions {
  readonly TCP: TCPClass;
  readonly address: string;
  readonly port: number;
  readonly nodelay?: boolean;
  readonly tls: TLSOptions;
  readonly format?: "buffer" | "number";
  /** `byteLength` is all that can be read now. */
  readonly onReadable?: (this: TLSSocket, byteLength: number) => void;
  /** `byteLength` is what one write takes now. */
  readonly onWritable?: (this: TLSSocket, byteLength: number) => void;
  readonly onError?: (this: TLSSocket) => void;
  readonly target?: unknown;
}

interface Link {
  readonly session: Session;
  readonly tcp: TCPSocket;
}

type State =
  | (Link & { readonly kind: "connecting" })
  | (Link & { readonly kind: "handshaking" })
  | (Link & { readonly kind: "open"; readonly secured: Secured })
  | { readonly kind: "ended"; readonly failure: Failure | undefined }
  | { readonly kind: "closed" };

export class TLSSocket {
  readonly target: unknown;
  format: "buffer" | "number";
  readonly #options: TLSSocketOptions;
  #state: State;
  #clock: Clock = "unknown";
  #secured: Secured | undefined;
  #tcpReadable = 0;
  #tcpWritable = 0;
  #tcpEnded = false;
  #announcedReadable = 0;
  #owesWritable = false;
  #openReported = false;
  #endReported = false;
  #reportQueued = false;

  /** @throws TypeError or RangeError for a wrong option; what the TCP class throws; Error when memory is short */
  constructor(options: TLSSocketOptions) {
    this.#options = options;
    this.target = options.target;
    this.format = options.format ?? "buffer";
    if (this.format !== "buffer" && this.format !== "number") throw new RangeError("unimplemented format");
    const parameters = sessionParameters(options.tls, Date.now());
    if ("kind" in parameters) {
      this.#state = { kind: "ended", failure: parameters };
      this.#continueLater();
      return;
    }
    this.#clock = parameters.clock;
    const session = startSession(parameters);
    const { address, port, nodelay } = options;
    try {
      const tcp = new options.TCP({
        address,
        port,
        ...(nodelay === undefined ? {} : { nodelay }),
        onReadable: (byteLength) => this.#onTCPReadable(byteLength),
        onWritable: (byteLength) => this.#onTCPWritable(byteLength),
        onError: () => this.#onTCPError(),
      });
      this.#state = { kind: "connecting", session, tcp };
    } catch (error) {
      session.close();
      throw error;
    }
  }

  /** What went wrong, once onError was called; undefined after a close_notify. */
  get failure(): Failure | undefined {
    return this.#state.kind === "ended" ? this.#state.failure : undefined;
  }

  /** What was agreed on, from the first onWritable on; it stays after the end. */
  get secured(): Secured | undefined {
    return this.#secured;
  }

  get remoteAddress(): string | undefined {
    return "tcp" in this.#state ? this.#state.tcp.remoteAddress : undefined;
  }

  get remotePort(): number | undefined {
    return "tcp" in this.#state ? this.#state.tcp.remotePort : undefined;
  }

  /**
   * @param request how many bytes, or a buffer to fill; all there is when absent
   * @returns undefined when there is nothing; a byte in number format; how many bytes when a buffer was given
   * @throws Error when more is asked for than there is
   */
  read(request?: number | ArrayBuffer | Uint8Array): ArrayBuffer | number | undefined {
    const state = this.#state;
    if (state.kind !== "open") return undefined;
    const available = state.session.readable;
    if (available === 0) return undefined;
    const into = typeof request === "object" ? request : undefined;
    let wanted = available;
    if (this.format === "number") wanted = 1;
    else if (into !== undefined) wanted = into.byteLength;
    else if (typeof request === "number") wanted = request;
    if (!(wanted > 0) || wanted > available) throw new Error("invalid");
    const bytes = state.session.read(wanted);
    if (bytes === undefined) throw new Error("invalid");
    this.#announcedReadable = state.session.readable;
    if (state.session.readable === 0) this.#continueLater();
    if (this.format === "number") return new Uint8Array(bytes)[0];
    if (into === undefined) return bytes;
    const target = into instanceof Uint8Array ? into : new Uint8Array(into);
    target.set(new Uint8Array(bytes));
    return wanted;
  }

  /**
   * @returns how many more bytes can be written now
   * @throws Error when more is given than can be written
   */
  write(value: number | ArrayBuffer | Uint8Array): number {
    const state = this.#state;
    const bytes = typeof value === "number" ? Uint8Array.of(value) : value;
    if ((typeof value === "number") !== (this.format === "number")) throw new TypeError("not in this format");
    if (state.kind !== "open" || bytes.byteLength > state.session.writable) throw new Error("would block");
    state.session.write(bytes);
    this.#owesWritable = true;
    this.#flush(state);
    if (state.session.state === 4) {
      this.#continueLater();
      return 0;
    }
    return state.session.writable;
  }

  /** Sends close_notify as far as there is room, and frees everything. No callback follows. */
  close(): void {
    const state = this.#state;
    this.#state = { kind: "closed" };
    if (!("session" in state)) return;
    if (state.kind === "open" && !this.#tcpEnded) {
      state.session.shutdown();
      this.#flush(state);
    }
    release(state);
  }

  #onTCPWritable(byteLength: number): void {
    this.#tcpWritable = byteLength;
    if (this.#state.kind === "connecting") this.#state = { ...this.#state, kind: "handshaking" };
    this.#pump();
    this.#report(true);
  }

  #onTCPReadable(byteLength: number): void {
    this.#tcpReadable = byteLength;
    this.#pump();
    this.#report(false);
  }

  #onTCPError(): void {
    this.#tcpEnded = true;
    this.#tcpWritable = 0;
    this.#pump();
    this.#report(false);
  }

  /** Never calls back from within the caller's own read or write. */
  #continueLater(): void {
    if (this.#reportQueued) return;
    this.#reportQueued = true;
    Promise.resolve().then(() => {
      this.#reportQueued = false;
      this.#pump();
      this.#report(false);
    });
  }

  /** Ciphertext to TCP, as much as it takes. */
  #flush({ session, tcp }: Link): void {
    while (this.#tcpWritable > 0 && session.pending > 0) {
      const bytes = session.drain(this.#tcpWritable);
      if (bytes === undefined) return;
      this.#tcpWritable = tcp.write(bytes) ?? this.#tcpWritable - bytes.byteLength;
    }
  }

  /**
   * Moves bytes both ways until one side must wait. TCP is asked for no more than the session uses at once,
   * so no bytes lie about in JavaScript, and a slow reader slows the server down.
   */
  #pump(): void {
    for (;;) {
      const state = this.#state;
      if (!("session" in state)) return;
      const { session, tcp } = state;
      this.#flush(state);
      if (this.#follow(state)) continue;
      const byteLength = Math.min(this.#tcpReadable, session.wanted);
      if (byteLength > 0) {
        const bytes = tcp.read(byteLength);
        if (bytes === undefined) {
          this.#tcpReadable = 0;
          continue;
        }
        this.#tcpReadable -= bytes.byteLength;
        session.feed(bytes);
        continue;
      }
      if (this.#tcpEnded && session.readable === 0) this.#end(state, truncated(state));
      return;
    }
  }

  /** Brings this state after the session's. True when it changed. */
  #follow(state: State & Link): boolean {
    const session = sessionState(state.session, this.#clock);
    switch (session.kind) {
      case "handshaking":
        return false;
      case "open":
        if (state.kind === "open") return false;
        this.#secured = securedBy(state.session);
        this.#state = { kind: "open", session: state.session, tcp: state.tcp, secured: this.#secured };
        return true;
      case "closed-by-peer":
        state.session.shutdown(); // RFC 5246 §7.2.1 asks for an answer; RFC 8446 §6.1 allows it
        this.#end(state, undefined);
        return true;
      case "failed":
        this.#end(state, session.failure);
        return true;
    }
  }

  #end(state: Link, why: Failure | undefined): void {
    this.#flush(state); // the alert
    release(state);
    this.#state = { kind: "ended", failure: why };
  }

  /** Tells the owner what is new. Each callback may close the socket. */
  #report(tcpHasRoom: boolean): void {
    const { onReadable, onWritable, onError } = this.#options;
    if (this.#state.kind === "open") {
      const { session } = this.#state;
      const first = !this.#openReported;
      if (first || (tcpHasRoom && this.#owesWritable && session.pending === 0)) {
        this.#openReported = true;
        this.#owesWritable = false;
        onWritable?.call(this, session.writable);
      }
    }
    if (this.#state.kind === "open") {
      const { readable } = this.#state.session;
      if (readable > this.#announcedReadable) {
        this.#announcedReadable = readable;
        onReadable?.call(this, readable);
      }
    }
    if (this.#state.kind === "ended" && !this.#endReported) {
      this.#endReported = true;
      onError?.call(this);
    }
  }
}

function release({ session, tcp }: Link): void {
  session.close();
  tcp.close();
}

/** TCP ended first. Without close_notify nobody can tell the end from an attacker's cut (RFC 8446 §6.1). */
function truncated(state: State): Failure {
  if (state.kind === "connecting") return failure("connect-failed", "no TCP connection came about");
  if (state.kind === "handshaking")
    return failure("connection-lost", "the connection ended during the TLS handshake");
  return failure("tls-truncated", "the connection ended without close_notify: data may be missing");
}
