/**
 * What this project uses of npm's mqtt-packet. Its own typings speak of Node's Buffer and streams, which the
 * device has not; the session sees only the types of packet-types.ts.
 */
declare module "mqtt-packet" {
  export interface Sink {
    write(chunk: Uint8Array | string): boolean;
    /** Called instead of a throw when the packet cannot be written. */
    destroy(error: Error): void;
  }

  export interface Options {
    readonly protocolVersion: 4 | 5;
  }

  export interface Parser {
    on(event: "packet", listener: (packet: object) => void): this;
    on(event: "error", listener: (error: Error) => void): this;
    /** Returns the number of bytes left over. */
    parse(bytes: Uint8Array): number;
  }

  export function parser(options: Options): Parser;
  export function writeToStream(packet: object, sink: Sink, options: Options): boolean;
}
