/**
 * The part of an ECMA-419 TCP socket that TLSSocket needs, as Moddable implements it: `read` gives at most what
 * `onReadable` announced, `write` throws when more than writable and gives the room that is left, `onError` also
 * means that the connection ended.
 */
export interface TCPSocket {
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
  read(byteLength: number): ArrayBuffer | undefined;
  /** Moddable gives the room left; its typings say nothing. */
  write(bytes: ArrayBuffer | Uint8Array): number | undefined;
  close(): void;
}

export interface TCPSocketOptions {
  /** An IP address: names are resolved beforehand. */
  readonly address: string;
  readonly port: number;
  /** As Moddable spells ECMA-419's noDelay. */
  readonly nodelay?: boolean;
  readonly noDelay?: boolean;
  /** Milliseconds. */
  readonly keepAlive?: number;
  readonly onReadable: (byteLength: number) => void;
  readonly onWritable: (byteLength: number) => void;
  readonly onError: () => void;
}

export type TCPClass = new (options: TCPSocketOptions) => TCPSocket;
