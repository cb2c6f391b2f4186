/**
 * Where mqtt-packet writes one packet: the length header comes first, so the whole packet is allocated once,
 * in its exact size, and a packet that is too large not at all. Cheaper than mqtt-packet's own `generate`,
 * which keeps every piece until the end.
 */
import { type Options, writeToStream } from "mqtt-packet";
import { writeText } from "./text.js";

/** @returns the packet, or only its size when that is more than `maxBytes` */
export function encode(packet: object, options: Options, maxBytes: number): Uint8Array | number {
  const sink = new PacketSink(maxBytes);
  writeToStream(packet, sink, options);
  if (sink.size > maxBytes) return sink.size;
  if (sink.at !== sink.bytes.length) throw new RangeError("the packet is incomplete");
  return sink.bytes;
}

const none = new Uint8Array(0);

class PacketSink {
  /** The packet's size, once its header is known. */
  size = 0;
  at = 0;
  bytes = none;
  readonly #maxBytes: number;
  #first = 0;
  #length = 0;
  #have = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  write(chunk: Uint8Array | string): boolean {
    if (this.size > this.#maxBytes) return true;
    if (typeof chunk === "string") {
      this.at = writeText(chunk, this.bytes, this.at);
      return true;
    }
    let from = 0;
    while (this.size === 0 && from < chunk.length) this.#header(chunk[from++]!);
    if (from === chunk.length || this.size > this.#maxBytes) return true;
    this.bytes.set(from === 0 ? chunk : chunk.subarray(from), this.at);
    this.at += chunk.length - from;
    return true;
  }

  destroy(error: Error): void {
    throw new RangeError(error.message);
  }

  #header(byte: number): void {
    if (this.#have++ === 0) {
      this.#first = byte;
      return;
    }
    this.#length += (byte & 0x7f) * 128 ** (this.#have - 2);
    if (byte & 0x80) return;
    this.size = this.#have + this.#length;
    if (this.size > this.#maxBytes) return;
    this.bytes = new Uint8Array(this.size);
    this.bytes[0] = this.#first;
    let rest = this.#length;
    for (this.at = 1; this.at < this.#have; this.at++, rest >>>= 7)
      this.bytes[this.at] = this.at < this.#have - 1 ? rest | 0x80 : rest;
  }
}
