/** ECMA-419 TCP client socket, as the SDK's typings have it where those are right. */
declare module "embedded:io/socket/tcp" {
  export interface Options {
    /** An IP address. A name throws. */
    address: string;
    port: number;
    nodelay?: boolean;
    format?: "number" | "buffer";
    target?: unknown;
    /** New bytes are there; `bytes` counts all that can be read. */
    onReadable?: (this: TCP, bytes: number) => void;
    /** `bytes` can be written without waiting. The first call tells that the socket is connected. */
    onWritable?: (this: TCP, bytes: number) => void;
    /** Nothing more will come: refused, reset, or closed by the peer. What had come before has been read. */
    onError?: (this: TCP) => void;
  }

  export default class TCP {
    /** @throws Error for an address that is no IP address, RangeError for a port out of range */
    constructor(options: Options);
    readonly remoteAddress: string | undefined;
    readonly remotePort: number | undefined;
    /** Undefined when nothing is there. @throws Error when `byteLength` exceeds what is there */
    read(byteLength?: number): number | ArrayBuffer | undefined;
    read(buffer: ArrayBuffer | ArrayBufferView): number | undefined;
    /** Gives the bytes that can still be written, undefined after onError. @throws Error when `value` exceeds them */
    write(value: number | ArrayBuffer | ArrayBufferView): number | undefined;
    close(): void;
    format: "number" | "buffer";
  }
}
