/**
 * The embedded broker: aedes (MQTT 3.1.1) behind Node's TLS server, or plain TCP, on the loopback interface, with or
 * without WebSocket.
 * It holds no state beyond its process and lets in whom it is told to: what protects a reading is its stamp.
 */
import { randomBytes } from "node:crypto";
import { createServer as createTcpServer, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import {
  createServer as createTlsServer,
  type SecureContextOptions,
  type SecureVersion,
  Server as TlsServer,
} from "node:tls";
import { Aedes, type AuthenticateError } from "aedes";
import type { Login } from "./account.js";
import { webSocketAlpn, webSocketServer } from "./websocket.js";

export interface BrokerTls {
  /** The server's certificate, then the issuing CA, PEM. */
  readonly chainPem: string;
  readonly keyPem: string;
  /** Only who has a certificate from this CA, PEM, is let in; absent: nobody is asked for one. */
  readonly clientCaPem?: string;
  /** At least TLS 1.2, always. */
  readonly maxVersion?: SecureVersion;
}

export interface BrokerOptions {
  /** null: plain TCP. */
  readonly tls: BrokerTls | null;
  /** Where it takes WebSockets, and nothing but those; absent: MQTT by itself. */
  readonly websocket?: { readonly path: string };
  /** 0 or absent: any free port. */
  readonly port?: number;
  /** Absent: everybody may in. */
  readonly admits?: (login: Login) => boolean;
  /** A handshake or session that failed, in the broker's words. */
  readonly onProblem?: (problem: string) => void;
}

export interface Broker {
  /** The loopback address it listens on. */
  readonly host: "127.0.0.1";
  readonly port: number;
  /** Cuts every connection and begins anew with what it has kept of its sessions, but none of TLS's. */
  restart(): Promise<void>;
  /** Shows another certificate from now on; undefined: its own again. Only with TLS. */
  present(certificate: Pick<BrokerTls, "chainPem" | "keyPem"> | undefined): void;
  /** Cuts every connection and frees the port. May be called twice. */
  stop(): Promise<void>;
}

const host = "127.0.0.1";

/** Of TLS sessions and tickets. Node's own 300 s end while a device sleeps. */
export const sessionSeconds = 86_400;

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException) =>
      reject(error.code === "EADDRINUSE" ? new Error(`port ${port} is in use`) : error);
    server.once("error", failed);
    server.listen(port, host, () => {
      // It may come to listen again and again.
      server.off("error", failed);
      const address = server.address();
      if (address === null || typeof address === "string") throw new TypeError("the server has no port");
      resolve(address.port);
    });
  });
}

/** Bad user name or password (MQTT 3.1.1, 3.2.2.3). */
function refusal(): AuthenticateError {
  return Object.assign(new Error("bad user name or password"), { returnCode: 4 as const });
}

const ticketKeyBytes = 48;

function secureContext(
  { chainPem, keyPem, clientCaPem, maxVersion }: BrokerTls,
  ticketKeys: Buffer,
): SecureContextOptions {
  return {
    cert: chainPem,
    key: keyPem,
    minVersion: "TLSv1.2",
    ...(clientCaPem === undefined ? {} : { ca: clientCaPem }),
    ...(maxVersion === undefined ? {} : { maxVersion }),
    sessionTimeout: sessionSeconds,
    ticketKeys,
  };
}

/** @throws {Error} in one line when the port is in use or the certificate does not fit its key */
export async function startBroker(options: BrokerOptions): Promise<Broker> {
  const { tls, websocket, port = 0, admits = () => true, onProblem = () => {} } = options;
  const broker = await Aedes.createBroker();
  broker.authenticate = ({ id: clientId }, username, password, done) => {
    const admitted = admits({ clientId, username, password });
    done(admitted ? null : refusal(), admitted);
  };
  broker.on("clientError", (_client, error) => onProblem(error.message));
  broker.on("connectionError", (_client, error) => onProblem(error.message));
  const sockets = new Set<Socket>();
  const handle = (stream: Duplex) => {
    broker.handle(stream);
  };
  let ticketKeys = randomBytes(ticketKeyBytes);
  const serve: (socket: Socket) => void = websocket ? webSocketServer(websocket.path, handle) : handle;
  const server =
    tls === null
      ? createTcpServer(serve)
      : createTlsServer(
          {
            ...secureContext(tls, ticketKeys),
            requestCert: tls.clientCaPem !== undefined,
            handshakeTimeout: 10_000,
            ALPNProtocols: [websocket ? webSocketAlpn : "mqtt"],
          },
          serve,
        ).on("tlsClientError", (error) => onProblem(error.message));
  // The raw sockets: also those still in the handshake must go when the broker stops.
  server.on("connection", (socket: Socket) => {
    socket.setNoDelay(true);
    socket.on("error", () => {}); // a peer that resets; the layers above report it
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  const close = () => new Promise<void>((resolve) => broker.close(() => resolve()));
  let actualPort: number;
  try {
    actualPort = await listen(server, port);
  } catch (error) {
    await close();
    throw error;
  }
  let stopped: Promise<void> | undefined;
  const hangUp = async (before: () => Promise<void>) => {
    const freed = new Promise<void>((resolve) => server.close(() => resolve()));
    await before();
    for (const socket of sockets) socket.destroy();
    await freed;
  };
  const stop = () => hangUp(close);
  const show = (shown: Pick<BrokerTls, "chainPem" | "keyPem"> | undefined) => {
    if (!tls || !(server instanceof TlsServer))
      throw new TypeError("a broker without TLS has no certificate");
    // Who has another certificate does not know the tickets either.
    const keys = shown ? randomBytes(ticketKeyBytes) : ticketKeys;
    server.setSecureContext(secureContext({ ...tls, ...shown }, keys));
  };
  return {
    host,
    port: actualPort,
    present: show,
    restart: async () => {
      await hangUp(async () => {});
      ticketKeys = randomBytes(ticketKeyBytes);
      if (tls) show(undefined);
      await listen(server, actualPort);
    },
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
}
