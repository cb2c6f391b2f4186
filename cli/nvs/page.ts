/**
 * One page of ESP-IDF's NVS, format version 2: a header, two bits of state for each entry, and 126 entries of 32 bytes
 * (ESP-IDF Programming Guide, "Non-Volatile Storage Library", Internals). Little-endian. Only ever appended to.
 */
import { crc32 } from "../../lib/crc32.js";

export const pageBytes = 4096;
export const entryBytes = 32;
const entriesAPage = 126;

/** An entry that says what follows, and as many behind it as fit: strings do not span pages. */
export const mostDataBytes = (entriesAPage - 1) * entryBytes;

/** Whose bits are cleared one after the other in the life of a page. */
const pageState = { active: 0xffff_fffe, full: 0xffff_fffc } as const;
const formatVersion2 = 0xfe;
const stateMapAt = 32;
const entriesAt = 64;
/** Two bits for each entry: 11 is empty, 10 written. */
const writtenBit = 1;

export const itemType = { u8: 0x01, string: 0x21, blobData: 0x42, blobIndex: 0x48 } as const;
type ItemType = (typeof itemType)[keyof typeof itemType];

/** Of what is in no chunks. */
export const noChunk = 0xff;

/** What an entry is found by. */
export interface ItemName {
  /** 0: of the names of namespaces. */
  readonly namespace: number;
  readonly type: ItemType;
  /** 1 to 15 bytes of ASCII. */
  readonly key: string;
  readonly chunk: number;
}

/** ESP-IDF begins its CRC-32 with zeros where others begin with ones. */
function nvsCrc(bytes: Uint8Array, start = 0, end = bytes.length, previous = 0xffff_ffff): number {
  return crc32(bytes, start, end, previous);
}

/** Where the written entries of an image begin. */
export function* writtenEntries(image: Uint8Array): Generator<number> {
  for (let page = 0; page < image.length; page += pageBytes)
    for (let n = 0; n < entriesAPage; n++) {
      const bit = 2 * n;
      if ((image[page + stateMapAt + (bit >> 3)]! & (writtenBit << (bit & 7))) === 0)
        yield page + entriesAt + n * entryBytes;
    }
}

export class Page {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #next = 0;

  /** @param bytes pageBytes of them, all ones, which the page writes to */
  constructor(bytes: Uint8Array, sequence: number) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#view.setUint32(0, pageState.active, true);
    this.#view.setUint32(4, sequence, true);
    this.#view.setUint8(8, formatVersion2);
    this.#view.setUint32(28, nvsCrc(bytes, 4, 28), true);
  }

  /** How many bytes of data an item may have that is appended now; 0: not even an empty one. */
  get tailroom(): number {
    return Math.max(0, entriesAPage - this.#next - 1) * entryBytes;
  }

  get hasRoomForEntry(): boolean {
    return this.#next < entriesAPage;
  }

  markFull(): void {
    this.#view.setUint32(0, pageState.full, true);
  }

  /** An item of one entry. @param value 1 to 8 bytes */
  appendValue(name: ItemName, value: Uint8Array): void {
    const at = this.#take(1);
    this.#bytes.set(value, at + 24);
    this.#describe(at, name, 1);
  }

  /** An item whose data stand in the entries behind it: at most `tailroom` bytes. */
  appendData(name: ItemName, data: Uint8Array): void {
    const span = 1 + Math.ceil(data.length / entryBytes);
    const at = this.#take(span);
    this.#bytes.set(data, at + entryBytes);
    this.#view.setUint16(at + 24, data.length, true);
    this.#view.setUint32(at + 28, nvsCrc(data), true);
    this.#describe(at, name, span);
  }

  /** @returns where the first of them begins */
  #take(entries: number): number {
    if (this.#next + entries > entriesAPage) throw new RangeError("the page is full");
    const at = entriesAt + this.#next * entryBytes;
    for (const end = this.#next + entries; this.#next < end; this.#next++) {
      const bit = 2 * this.#next;
      this.#bytes[stateMapAt + (bit >> 3)]! &= ~(writtenBit << (bit & 7));
    }
    return at;
  }

  #describe(at: number, { namespace, type, key, chunk }: ItemName, span: number): void {
    this.#bytes.set([namespace, type, span, chunk], at);
    const keyAt = at + 8;
    this.#bytes.fill(0, keyAt, keyAt + 16);
    for (let i = 0; i < key.length; i++) this.#bytes[keyAt + i] = key.charCodeAt(i);
    const ofHead = nvsCrc(this.#bytes, at, at + 4);
    this.#view.setUint32(at + 4, nvsCrc(this.#bytes, keyAt, at + entryBytes, ofHead), true);
  }
}
