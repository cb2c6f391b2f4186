/** What TLSSocket's constructor takes: an ECMA-419 TCP socket's options, and TLS. Others are passed over. */
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

interface CheckedOptions {
  readonly format: Format;
  readonly timeoutMs: number;
  readonly callbacks: Pick<TLSSocketOptions, "onReadable" | "onWritable" | "onError">;
}

/** @throws TypeError or RangeError. What is for TLS or TCP, those check. */
export function checkSocketOptions(options: TLSSocketOptions): CheckedOptions {
  if (typeof options !== "object" || options === null) throw new TypeError("no options");
  if (typeof options.TCP !== "function") throw new TypeError("TCP must be a class");
  const { onReadable = null, onWritable = null, onError = null } = options;
  for (const callback of [onReadable, onWritable, onError])
    if (callback !== null && typeof callback !== "function") throw new TypeError("a callback is no function");
  return {
    format: checkFormat(options.format ?? "buffer"),
    timeoutMs: checkWhole(options.handshakeTimeoutMs ?? 15_000, "handshakeTimeoutMs", 1, 0x7fffffff),
    callbacks: { onReadable, onWritable, onError },
  };
}

export function checkFormat(format: Format): Format {
  if (format !== "buffer" && format !== "number") throw new RangeError("unimplemented format");
  return format;
}

/** @throws Error, whatever the TCP class throws: not the TLS options are wrong */
export function openTCP(
  { TCP, address, port, keepAlive, nodelay, noDelay = nodelay }: TLSSocketOptions,
  callbacks: Pick<TCPSocketOptions, "onReadable" | "onWritable" | "onError">,
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
    throw new Error(`no TCP socket: ${error instanceof Error ? error.message : error}`);
  }
}
