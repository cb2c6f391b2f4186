/**
 * Reads an NVS partition by Espressif's description of it alone (ESP-IDF Programming Guide, "Non-Volatile Storage
 * Library", Internals), and refuses whatever is not as it says. It shares nothing with what writes images. An image that
 * was never used has no erased entries: those are refused too.
 */
export interface NvsValue {
  readonly type: "string" | "blob" | "u8";
  readonly value: string | number | Uint8Array;
}

/** By namespace, then by key. */
export type NvsContent = Map<string, Map<string, NvsValue>>;

interface Item {
  readonly where: string;
  readonly namespace: number;
  readonly type: number;
  readonly chunk: number;
  readonly key: string;
  /** The 8 bytes at the entry's end. */
  readonly field: DataView;
  /** Of strings and chunks. */
  readonly data: Uint8Array;
}

function demand(holds: boolean, where: string, what: string): asserts holds {
  if (!holds) throw new Error(`${where}: ${what}`);
}

/** As `esp_rom_crc32_le(UINT32_MAX, …)`: reflected, 0xEDB88320, from a register of zeros, inverted at the end. */
function checksum(...parts: readonly Uint8Array[]): number {
  let register = 0;
  for (const part of parts)
    for (const byte of part)
      for (let bit = 0; bit < 8; bit++) {
        const feedback = (register ^ (byte >> bit)) & 1;
        register = (register >>> 1) ^ (feedback ? 0xedb88320 : 0);
      }
  return ~register >>> 0;
}

const isBlank = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 255);
const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

export function readNvs(partition: Uint8Array): NvsContent {
  demand(partition.length % 4096 === 0, "partition", "no whole number of sectors");
  const items: Item[] = [];
  const sequences = new Map<number, "active" | "full">();
  let empty = 0;
  for (let sector = 0; sector < partition.length / 4096; sector++) {
    const page = partition.subarray(sector * 4096, sector * 4096 + 4096);
    const where = `page ${sector}`;
    const header = viewOf(page.subarray(0, 32));
    const state = { 4294967295: "empty", 4294967294: "active", 4294967292: "full" }[
      header.getUint32(0, true)
    ];
    if (state === "empty") {
      demand(isBlank(page), where, "empty, and something is written in it");
      empty++;
      continue;
    }
    demand(state === "active" || state === "full", where, "neither empty nor active nor full");
    demand(header.getUint8(8) === 0xfe, where, "not of version 2");
    demand(isBlank(page.subarray(9, 28)), where, "the header's unused bytes");
    demand(header.getUint32(28, true) === checksum(page.subarray(4, 28)), where, "the header's CRC");
    const sequence = header.getUint32(4, true);
    demand(!sequences.has(sequence), where, "the sequence number is another page's too");
    sequences.set(sequence, state);
    items.push(...itemsOf(page, where));
  }
  demand(empty > 0, "partition", "no page is empty, so nothing could ever be moved");
  const newest = Math.max(...sequences.keys());
  for (const [sequence, state] of sequences)
    if (sequence !== newest)
      demand(state === "full", `page of number ${sequence}`, "active, and not the newest");
  return contentOf(items);
}

function itemsOf(page: Uint8Array, where: string): Item[] {
  const items: Item[] = [];
  const states = Array.from({ length: 128 }, (_, n) => (page[32 + (n >> 2)]! >> (2 * (n & 3))) & 3);
  demand(states[126] === 3 && states[127] === 3, where, "the bitmap's unused bits");
  let after = 0;
  let isOver = false;
  for (let n = 0; n < 126; n++) {
    const entry = page.subarray(64 + 32 * n, 96 + 32 * n);
    const place = `${where}, entry ${n}`;
    if (states[n] === 3) {
      demand(isBlank(entry), place, "empty, and something is written in it");
      isOver = true;
      continue;
    }
    demand(states[n] === 2, place, states[n] === 0 ? "erased" : "a state that there is not");
    demand(!isOver, place, "written behind an empty one");
    if (n < after) continue;
    const item = itemAt(page, n, place);
    items.push(item);
    after = n + entry[2]!;
    for (let of = n; of < after; of++)
      demand(states[of] === 2, `${where}, entry ${of}`, "a part that is not written");
  }
  return items;
}

function itemAt(page: Uint8Array, n: number, where: string): Item {
  const entry = page.subarray(64 + 32 * n, 96 + 32 * n);
  const [namespace, type, span, chunk] = [entry[0]!, entry[1]!, entry[2]!, entry[3]!];
  const stored = viewOf(entry).getUint32(4, true);
  demand(stored === checksum(entry.subarray(0, 4), entry.subarray(8)), where, "the entry's CRC");
  const name = entry.subarray(8, 24);
  const end = name.indexOf(0);
  demand(end > 0, where, "a key of 1 to 15 bytes, with a zero behind it");
  demand(
    name.subarray(end).every((byte) => byte === 0),
    where,
    "zeros behind the key",
  );
  const key = Buffer.from(name.subarray(0, end)).toString("latin1");
  const field = viewOf(entry.subarray(24));
  const isLong = type === 0x21 || type === 0x42;
  demand(isLong || type === 0x01 || type === 0x48, where, "a type that is not used here");
  demand((chunk === 255) === (type !== 0x42), where, "the chunk's index");
  demand(n + span <= 126, where, "a span beyond the page");
  const size = isLong ? field.getUint16(0, true) : 0;
  demand(span === (isLong ? 1 + Math.ceil(size / 32) : 1), where, "a span that its size does not need");
  const all = page.subarray(96 + 32 * n, 64 + 32 * (n + span));
  const data = all.subarray(0, size);
  if (isLong) {
    demand(field.getUint16(2, true) === 0xffff, where, "the reserved bytes");
    demand(field.getUint32(4, true) === checksum(data), where, "the data's CRC");
    demand(isBlank(all.subarray(size)), where, "what is behind the data");
  }
  return { where, namespace, type, chunk, key, field, data };
}

function contentOf(items: readonly Item[]): NvsContent {
  const content: NvsContent = new Map();
  const names = new Map<number, string>();
  for (const { where, type, key, field } of items.filter(({ namespace }) => namespace === 0)) {
    demand(type === 0x01, where, "a namespace is an unsigned byte");
    const index = field.getUint8(0);
    demand(
      index > 0 && index < 255 && !names.has(index) && !content.has(key),
      where,
      "a namespace there is already",
    );
    demand(
      [1, 2, 3, 4, 5, 6, 7].every((at) => field.getUint8(at) === 255),
      where,
      "what is behind the byte",
    );
    names.set(index, key);
    content.set(key, new Map());
  }
  const chunks = new Map<string, Item>();
  const chunkName = (namespace: number, key: string, chunk: number) => `${namespace} ${key} ${chunk}`;
  for (const item of items.filter(({ type }) => type === 0x42)) {
    const name = chunkName(item.namespace, item.key, item.chunk);
    demand(!chunks.has(name), item.where, "a chunk there is already");
    chunks.set(name, item);
  }
  for (const { where, namespace, type, key, field, data } of items) {
    if (namespace === 0 || type === 0x42) continue;
    const values = content.get(names.get(namespace) ?? "");
    demand(values !== undefined, where, "of no namespace");
    demand(!values.has(key), where, "a key there is already");
    if (type === 0x01) values.set(key, { type: "u8", value: field.getUint8(0) });
    else if (type === 0x21) {
      demand(data.indexOf(0) === data.length - 1, where, "a string ends with its only zero");
      values.set(key, { type: "string", value: Buffer.from(data.subarray(0, -1)).toString("utf8") });
    } else {
      const [count, start] = [field.getUint8(4), field.getUint8(5)];
      demand(start === 0 || start === 128, where, "where chunks begin");
      demand(field.getUint16(6, true) === 0xffff, where, "the reserved bytes");
      const parts = Array.from({ length: count }, (_, n) => {
        const name = chunkName(namespace, key, start + n);
        const part = chunks.get(name);
        demand(part !== undefined, where, `chunk ${n} is missing`);
        chunks.delete(name);
        return part.data;
      });
      const value = Uint8Array.from(Buffer.concat(parts));
      demand(value.length === field.getUint32(0, true), where, "the blob's size");
      values.set(key, { type: "blob", value });
    }
  }
  for (const { where } of chunks.values()) demand(false, where, "a chunk of no blob");
  return content;
}
