/**
 * From an address to bytes in order: TCP, TLS over it and a WebSocket over either when the profile says so. Tells
 * when TCP and TLS stand, because they are different phases of a wake.
 */

import TCP from "embedded:io/socket/tcp";
import { type Failure, failure } from "dormouse/failure";
import type { Profile } from "dormouse/store/profile";
import type { TLSOptions } from "dormouse/tls/options";
import type { Secured } from "dormouse/tls/session";
import { TLSSocket } from "dormouse/tls/socket";
import type { TCPClass, TCPSocketOptions } from "dormouse/tls/tcp";
import { newWebSocket, WebSocketTransport } from "./websocket-transport.js";

export interface TransportOptions {
  readonly address: string;
  readonly broker: Pick<Profile["broker"], "host" | "port" | "websocket">;
  /** Absent: plain TCP. */
  readonly tls?: TLSOptions;
  readonly handshakeTimeoutMs?: number;
  readonly onConnected: () => void;
  /** TLS only: what was agreed on, for the log. */
  readonly onSecured: (secured: Secured) => void;
  readonly onReadable: (byteLength: number) => void;
  readonly onWritable: (byteLength: number) => void;
  /** The end; without a failure the peer closed in order. */
  readonly onEnd: (reason: Failure | undefined) => void;
}

export interface Transport {
  read(byteLength: number): ArrayBuffer | number | undefined;
  write(bytes: Uint8Array): number | undefined;
  close(): void;
  /** TLS only, once it stands. */
  readonly secured?: Secured | undefined;
  /** TLS only: whether there is a session to keep yet. */
  readonly resumable?: boolean;
  saveSession?(): ArrayBuffer | undefined;
}

/** @throws RangeError for credentials that cannot be used; Error when memory is short */
export function openTransport(options: TransportOptions): Transport {
  // Calls at the end take no stack in XS, of which TLSSocket's constructor needs most.
  const socket = newWebSocket(options);
  return socket ? new WebSocketTransport(options, socket).over(openStream) : openStream(options);
}

function unreachable(address: string, port: number): Failure {
  return failure("connect-failed", `no TCP connection to ${address}:${port}`);
}

function openStream(options: TransportOptions): Transport {
  // Not `options` below: what a callback knows stays as long as the connection, and the CA is in there.
  const { address, handshakeTimeoutMs, onConnected, onSecured, onReadable, onWritable, onEnd } = options;
  const { port } = options.broker;
  let connected = false;
  const whenConnected = () => {
    if (!connected) onConnected();
    connected = true;
  };
  if (!options.tls) {
    return new TCP({
      address,
      port,
      nodelay: true,
      onReadable,
      onWritable(byteLength) {
        whenConnected();
        onWritable(byteLength);
      },
      onError: () => onEnd(connected ? undefined : unreachable(address, port)),
    }) as unknown as Transport;
  }
  /** Tells when TCP is connected: the TLS socket itself tells only when it is secure. */
  class WatchedTCP extends TCP {
    constructor(inner: TCPSocketOptions) {
      super({
        ...inner,
        onWritable(byteLength: number) {
          whenConnected();
          inner.onWritable(byteLength);
        },
      });
    }
  }
  let secured = false;
  return new TLSSocket({
    TCP: WatchedTCP as unknown as TCPClass,
    address,
    port,
    nodelay: true,
    tls: options.tls,
    ...(handshakeTimeoutMs !== undefined && { handshakeTimeoutMs }),
    onReadable,
    onWritable(byteLength) {
      const { secured: agreed } = this;
      if (!secured && agreed) onSecured(agreed);
      secured = true;
      onWritable(byteLength);
    },
    onError() {
      // What was refused before any byte went out is said as it is.
      onEnd(connected || this.failure?.kind !== "connect-failed" ? this.failure : unreachable(address, port));
    },
  });
}
