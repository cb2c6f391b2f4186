/** ECMA-419 serial port, the part of the SDK's typings that its boards have; what they leave out is said here. */
declare module "embedded:io/serial" {
  export interface Options {
    /** Pin; ESP8266: fixed. One of the two at least. */
    receive?: number;
    transmit?: number;
    baud: number;
    /** Of the UART, 0 by default. */
    port?: number;
    /** Bytes have come; `bytes` counts all that can be read. What the FIFO (128 bytes) has no room for is lost. */
    onReadable?: (this: Serial, bytes: number) => void;
    /** All but a few bytes have been sent; `bytes` can be written. Called at the start, and after each write. */
    onWritable?: (this: Serial, bytes: number) => void;
    format?: "number" | "buffer";
    target?: unknown;
  }

  export default class Serial {
    /** @throws Error when port or pins are in use, RangeError for a port or baud out of range */
    constructor(options: Options);
    /** Undefined when nothing is there. Never ask for more bytes than there are. */
    read(): number | ArrayBuffer | undefined;
    read(byteLength: number): ArrayBuffer | undefined;
    read(buffer: ArrayBuffer | ArrayBufferView): number | undefined;
    /** @throws Error ("output full") when the FIFO has no room for all of it; then nothing is written */
    write(value: number | ArrayBuffer | ArrayBufferView): void;
    close(): void;
    format: "number" | "buffer";
  }
}
