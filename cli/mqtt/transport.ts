/**
 * A connection to a broker from Node: TCP or TLS. Knows no MQTT. Nothing is sent before the broker is known, and each
 * `send` is one write, so that what belongs together travels together.
 */
import { connect, type Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { type ListenerTls, secureStream } from "../../host-sim/world/listener-tls.js";
import { type Failure, failure } from "../../lib/failure.js";
import { transportFailure } from "./failures.js";

export interface Endpoint {
  readonly host: string;
  readonly port: number;
  /** null: plain TCP. */
  readonly tls: ListenerTls | null;
  /** MQTT over WebSocket at this path. */
  readonly websocketPath?: string | undefined;
  /** Give up, before anything is sent, when the connection leaves this machine; with a text, what is unprotected there. */
  readonly loopbackOnly?: boolean | string | undefined;
}

export interface TransportEvents {
  /** @param how in words, for a log */
  opened(how: string): void;
  received(bytes: Uint8Array): void;
  /** The last event, once. */
  closed(failure: Failure | undefined): void;
}

export interface Transport {
  /** Takes `bytes` over and zeroes them. `written`: they have left; not called when the connection ends before. */
  send(bytes: Uint8Array, written: () => void): void;
  /** Reads no more, so that the other side cannot send more, until `resume`; that it has gone is not noticed meanwhile. */
  pause(): void;
  resume(): void;
  /** Ends in order: what was sent goes out first. Calls `closed` in the end, whatever the other side does. */
  end(): void;
}

export const openTimeoutMs = 10_000;
/** How long the other side may take to close after us. */
const lingerMs = 1000;

export function addressText({ host, port }: Endpoint): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** TCP or TLS alone, whatever the endpoint says of WebSocket. */
export function openStream(endpoint: Endpoint, events: TransportEvents): Transport {
  const { host, port, tls } = endpoint;
  const address = addressText(endpoint);
  const socket: Socket = tls === null ? connect({ host, port }) : secureStream(host, port, tls);
  socket.setNoDelay(true);
  let failed: Failure | undefined;
  let keysAgreed = false;
  let opened = false;
  let ended = false;
  let timer: NodeJS.Timeout | undefined;
  const fail = (why: Failure) => {
    failed ??= why;
    socket.destroy();
  };
  const late = () =>
    fail(
      tls !== null && socket.remoteAddress !== undefined
        ? failure("tls-timeout", `${address} does not end the handshake within ${openTimeoutMs / 1000} s`)
        : failure("connect-failed", `${address} does not answer within ${openTimeoutMs / 1000} s`),
    );
  timer = setTimeout(late, openTimeoutMs);

  socket.once("connect", () => {
    const { loopbackOnly } = endpoint;
    if (!loopbackOnly || isLoopback(socket.remoteAddress ?? "")) return;
    const what = loopbackOnly === true ? "a password" : loopbackOnly;
    fail(
      failure("connect-failed", `${address} is not on this machine, and nothing protects ${what} on the way`),
    );
  });
  socket.once(tls === null ? "connect" : "secureConnect", () => {
    // The broker may have been found out in a listener before this one.
    if (socket.destroyed || ended) return;
    opened = true;
    clearTimeout(timer);
    events.opened(`${address}, ${describe(socket)}`);
  });
  socket.once("keylog", () => {
    keysAgreed = true;
  });
  socket.on("data", (bytes) => events.received(bytes));
  socket.on("error", (error) => {
    failed ??= transportFailure(error, {
      address,
      inHandshake: tls !== null && !opened,
      keysAgreed,
      psk: tls?.psk !== undefined,
    });
  });
  socket.once("close", () => {
    clearTimeout(timer);
    events.closed(failed);
  });

  return {
    send(bytes, written) {
      socket.write(bytes, (error) => {
        bytes.fill(0);
        if (!error) written();
      });
    },
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    end() {
      if (ended) return;
      ended = true;
      clearTimeout(timer);
      // Its end comes behind what was not read.
      socket.resume();
      if (!opened) {
        socket.destroy();
        return;
      }
      socket.end();
      timer = setTimeout(() => socket.destroy(), lingerMs);
    },
  };
}

function describe(socket: Socket): string {
  if (!(socket instanceof TLSSocket)) return "TCP without TLS";
  return `${(socket.getProtocol() ?? "TLS").replace("v", " ")} ${socket.getCipher().standardName}`;
}

/** RFC 6890; an IPv4 address may come mapped into IPv6. */
export function isLoopback(address: string): boolean {
  return /^(::ffff:)?127\.\d+\.\d+\.\d+$/.test(address) || address === "::1";
}
