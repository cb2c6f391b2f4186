/**
 * An NVS partition with nothing but a board's entries in it, as ESP-IDF would have written them one after the other to
 * an erased one. What the board's `embedded:storage/key-value` reads: its path is the NVS namespace, a "string" is an NVS
 * string, a "buffer" a blob.
 */
import { utf8Encode } from "../../lib/cbor/utf8.js";
import type { FlashEntry } from "../../lib/store/flash-entries.js";
import { itemType, mostDataBytes, noChunk, Page, pageBytes } from "./page.js";

/** One page must stay empty, and ESP-IDF takes no partition of fewer. */
export const leastBytes = 3 * pageBytes;
/** As the partition table of Moddable's SDK has it. */
export const defaultBytes = 6 * pageBytes;

/** Below this a blob begins on a page of its own rather than at this one's end. */
const leastFirstChunk = mostDataBytes / 10;

/**
 * @param bytes of the partition, a multiple of 4,096
 * @returns the image, which holds all secrets of `entries`: the caller zeroes it
 * @throws {RangeError} when they do not fit
 */
export function nvsImage(entries: readonly FlashEntry[], bytes: number): Uint8Array {
  if (!Number.isInteger(bytes / pageBytes) || bytes < leastBytes)
    throw new RangeError(`an NVS partition has a multiple of ${pageBytes} bytes, and at least ${leastBytes}`);
  const writer = new Writer(bytes);
  for (const entry of entries)
    if (entry.type === "string") writer.string(entry.domain, entry.key, entry.value);
    else writer.blob(entry.domain, entry.key, entry.value);
  return writer.image;
}

class Writer {
  readonly image: Uint8Array;
  readonly #namespaces = new Map<string, number>();
  readonly #written = new Set<string>();
  #pages = 0;
  #page: Page;

  constructor(bytes: number) {
    this.image = new Uint8Array(bytes).fill(0xff);
    this.#page = this.#nextPage();
  }

  string(domain: string, key: string, value: string): void {
    const name = this.#nameOf(domain, key);
    const text = utf8Encode(value);
    const data = new Uint8Array(text.length + 1);
    data.set(text);
    if (value.includes("\0")) throw new RangeError(`${key}: a string ends at its first NUL`);
    if (data.length > mostDataBytes)
      throw new RangeError(`${key}: a string has at most ${mostDataBytes - 1} bytes`);
    if (data.length > this.#page.tailroom) this.#turn();
    this.#page.appendData({ ...name, type: itemType.string, chunk: noChunk }, data);
    data.fill(0);
    text.fill(0);
  }

  blob(domain: string, key: string, data: Uint8Array): void {
    const name = this.#nameOf(domain, key);
    if (data.length === 0) throw new RangeError(`${key}: is empty`);
    if (this.#page.tailroom < Math.min(data.length, leastFirstChunk)) this.#turn();
    let chunks = 0;
    for (let at = 0; at < data.length; chunks++) {
      const chunk = data.subarray(at, at + this.#page.tailroom);
      this.#page.appendData({ ...name, type: itemType.blobData, chunk: chunks }, chunk);
      at += chunk.length;
      // The index, or the next chunk, needs an entry.
      if (at < data.length || !this.#page.hasRoomForEntry) this.#turn();
    }
    const index = new Uint8Array(8).fill(0xff);
    new DataView(index.buffer).setUint32(0, data.length, true);
    index.set([chunks, 0], 4);
    this.#page.appendValue({ ...name, type: itemType.blobIndex, chunk: noChunk }, index);
  }

  #nameOf(domain: string, key: string): { namespace: number; key: string } {
    for (const name of [domain, key])
      if (!/^[!-~]{1,15}$/.test(name))
        throw new RangeError(`"${name}": NVS has names of 1 to 15 ASCII characters`);
    let namespace = this.#namespaces.get(domain);
    if (namespace === undefined) {
      namespace = this.#namespaces.size + 1;
      this.#namespaces.set(domain, namespace);
      if (!this.#page.hasRoomForEntry) this.#turn();
      const name = { namespace: 0, type: itemType.u8, key: domain, chunk: noChunk };
      this.#page.appendValue(name, Uint8Array.of(namespace));
    }
    const place = `${namespace} ${key}`;
    if (this.#written.has(place)) throw new RangeError(`${key}: is there twice`);
    this.#written.add(place);
    return { namespace, key };
  }

  #turn(): void {
    this.#page.markFull();
    this.#page = this.#nextPage();
  }

  #nextPage(): Page {
    const at = this.#pages * pageBytes;
    // Without an empty one ESP-IDF could not move anything, and refuses the partition.
    if (at + 2 * pageBytes > this.image.length)
      throw new RangeError(`the entries do not fit into ${this.image.length} bytes of NVS`);
    return new Page(this.image.subarray(at, at + pageBytes), this.#pages++);
  }
}
