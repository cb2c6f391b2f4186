/** What TLSSocket's constructor takes: an ECMA-419 TCP socket's options, and TLS. Others are passed over. */
import type { Session } from "dormouse/native/tls";
import { checkWhole } from "./option-checks.js";
import type { TLSOptions } from "./options.js";
import type { TLSSocket } from "./socket.js";
import type { TCPClass, TCPSocket, TCPSocketOptions } from "./tcp.js";

export type Format = "buffer" | "number";

export interface TLSSocketOptions {
  readonly TCP: TCPClass;
  /** An IP address: names are resolved beforehand. */
  readonly address: string;
  readonly port: number;
  readonly noDelay?: boolean;
  /** The same, as Moddable's sockets spell it. */
  readonly nodelay?: boolean;
  /** Milliseconds. */
  readonly keepAlive?: number;
  readonly tls: TLSOptions;
  /** From the TCP connection to the end of the TLS handshake. Default 15000. */
  readonly handshakeTimeoutMs?: number;
  /** Default buffer. */
  readonly format?: Format;
  /** `byteLength` is all that can be read now. */
  readonly onReadable?: ((this: TLSSocket, byteLength: number) => void) | null;
  /** `byteLength` is all that can be written now, in any number of pieces. */
  readonly onWritable?: ((this: TLSSocket, byteLength: number) => void) | null;
  readonly onError?: ((this: TLSSocket) => void) | null;
  readonly target?: unknown;
}

/** ECMA-419, 3rd edition. */
export interface WriteOptions {
  readonly more?: boolean;
  readonly byteLength?: number;
}

export type Callbacks = Pick<TLSSocketOptions, "onReadable" | "onWritable" | "onError">;

/** @throws TypeError for what is no options object, or no callback or no class in it */
export function checkedCallbacks(options: TLSSocketOptions): Callbacks {
  if (typeof options !== "object" || options === null) throw new TypeError("no options");
  if (typeof options.TCP !== "function") throw new TypeError("TCP must be a class");
  const { onReadable = null, onWritable = null, onError = null } = options;
  checkCallback(onReadable);
  checkCallback(onWritable);
  checkCallback(onError);
  return { onReadable, onWritable, onError };
}

function checkCallback(callback: unknown): void {
  if (callback !== null && typeof callback !== "function") throw new TypeError("a callback is no function");
}

export function checkTimeout(milliseconds: number): number {
  return checkWhole(milliseconds, "handshakeTimeoutMs", 1, 0x7fffffff);
}

export function checkFormat(format: Format): Format {
  if (format !== "buffer" && format !== "number") throw new RangeError("unimplemented format");
  return format;
}

export type TCPCallbacks = Pick<TCPSocketOptions, "onReadable" | "onWritable" | "onError">;

/**
 * @param session closed when there is no TCP socket
 * @throws Error, whatever the TCP class throws: not the TLS options are wrong
 */
export function openTCP(
  { TCP, address, port, keepAlive, nodelay, noDelay = nodelay }: TLSSocketOptions,
  callbacks: TCPCallbacks,
  session: Session,
): TCPSocket {
  const options = {
    address,
    port,
    ...(noDelay !== undefined && { noDelay, nodelay: noDelay }),
    ...(keepAlive !== undefined && { keepAlive }),
    ...callbacks,
  };
  try {
    return new TCP(options);
  } catch (error) {
    session.close();
    throw new Error(`no TCP socket: ${error instanceof Error ? error.message : error}`);
  }
}
