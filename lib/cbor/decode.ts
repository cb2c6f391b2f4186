/**
 * A strict reader of deterministic CBOR: it accepts exactly what `encode` writes, so that a value has one
 * encoding. Refuses trailing bytes, longer forms than needed, indefinite lengths, keys unsorted or twice,
 * text that is not UTF-8, NaN with a payload, nesting beyond the limit. What it allocates grows with the bytes
 * that are there, never with a length they claim.
 */
import { halfBits, halfValue } from "./half.js";
import { utf8Decode } from "./utf8.js";
import { CborError, CborFloat, type CborKey, CborTagged, type CborValue, isCborInteger } from "./value.js";

export interface DecodeLimits {
  /** Arrays, maps and tags inside one another. */
  readonly maxDepth: number;
  /** Items in all, those that contain others included; no limit unless said. */
  readonly maxItems?: number;
  /** Takes maps in any order, still without duplicates: for messages of others, who need not sort them. */
  readonly unsorted?: boolean;
  /** Takes integers, lengths and floats in longer forms than needed: for messages of others. */
  readonly longForms?: boolean;
}

/** Deep enough for COSE and SenML. */
const defaultLimits: DecodeLimits = Object.freeze({ maxDepth: 8 });

interface Reader {
  readonly data: Uint8Array;
  readonly unsorted: boolean;
  readonly longForms: boolean;
  at: number;
}

/** An array, map or tag whose content is being read. */
class Open {
  readonly content: CborValue[] | Map<CborKey, CborValue> | number;
  /** Items still to come; each key and each value counts. */
  left: number;
  key: CborKey = 0;
  /** Where the last key lies in the input; nowhere before the first. */
  keyStart = -1;
  keyEnd = -1;

  constructor(content: Open["content"], left: number) {
    this.content = content;
    this.left = left;
  }
}

/**
 * Without recursion: a device's stack has 384 slots, and the sender chooses the nesting.
 * @returns the value; its byte strings are views of `data` and live as long as it does.
 * @throws CborError when `data` is anything but one deterministic CBOR item.
 */
export function decode(data: Uint8Array, limits: DecodeLimits = defaultLimits): CborValue {
  const { unsorted = false, longForms = false } = limits;
  const reader: Reader = { data, unsorted, longForms, at: 0 };
  const open: Open[] = [];
  let itemsLeft = limits.maxItems ?? Number.MAX_SAFE_INTEGER;
  for (;;) {
    if (itemsLeft-- === 0) throw new CborError("too many items");
    const start = reader.at;
    let item = readItem(reader);
    if (item instanceof Open) {
      if (open.length === limits.maxDepth) throw new CborError("nested too deeply");
      if (item.left > 0) {
        open.push(item);
        continue;
      }
      item = item.content;
    }
    // The item is complete, and perhaps what contains it, and so on outwards.
    for (;;) {
      const around = open[open.length - 1];
      if (around === undefined) {
        if (reader.at !== data.length) throw new CborError("bytes after the item");
        return item;
      }
      if (around.content instanceof Map) addToMap(reader, around, around.content, item, start);
      else if (typeof around.content !== "number") around.content.push(item);
      if (--around.left > 0) break;
      item = typeof around.content === "number" ? new CborTagged(around.content, item) : around.content;
      open.pop();
    }
  }
}

/** `item` lies between `start` and the reader. */
function addToMap(
  reader: Reader,
  around: Open,
  map: Map<CborKey, CborValue>,
  item: CborValue,
  start: number,
): void {
  if (around.left % 2 === 1) {
    map.set(around.key, item);
    return;
  }
  if (typeof item !== "string" && !(typeof item === "number" && isCborInteger(item)))
    throw new CborError("a key that is neither integer nor text");
  if (reader.unsorted) {
    if (map.has(item)) throw new CborError("a key twice");
  } else if (around.keyEnd >= 0 && !ascending(reader.data, around.keyStart, around.keyEnd, start, reader.at))
    throw new CborError("keys not sorted, or twice");
  around.key = item;
  around.keyStart = start;
  around.keyEnd = reader.at;
}

function readItem(reader: Reader): CborValue | Open {
  const initial = reader.data[take(reader, 1)]!;
  const info = initial & 0x1f;
  if (initial >> 5 === 7) return readSimple(reader, info);
  const argument = readArgument(reader, info);
  switch (initial >> 5) {
    case 0:
      return argument;
    case 1:
      if (argument === Number.MAX_SAFE_INTEGER) throw new CborError("an integer beyond 2^53 - 1");
      return -1 - argument;
    case 2:
      return readBytes(reader, argument);
    case 3:
      return readText(reader, argument);
    case 4:
      return new Open([], argument);
    case 5:
      return new Open(new Map(), 2 * argument);
    default:
      return new Open(argument, 1);
  }
}

/** Returns where the bytes start. */
function take(reader: Reader, length: number): number {
  const start = reader.at;
  if (length > reader.data.length - start) throw new CborError("cut short");
  reader.at = start + length;
  return start;
}

function readArgument(reader: Reader, info: number): number {
  if (info < 24) return info;
  if (info > 27) throw new CborError(info === 31 ? "indefinite length" : "a reserved length");
  const size = 1 << (info - 24);
  const start = take(reader, size);
  let argument = 0;
  for (let i = start; i < start + size; i++) argument = argument * 256 + reader.data[i]!;
  if (!reader.longForms && argument < (size === 1 ? 24 : 2 ** (4 * size)))
    throw new CborError("not in shortest form");
  if (argument > Number.MAX_SAFE_INTEGER) throw new CborError("an integer beyond 2^53 - 1");
  return argument;
}

function readBytes(reader: Reader, length: number): Uint8Array {
  const start = take(reader, length);
  return reader.data.subarray(start, start + length);
}

function readText(reader: Reader, length: number): string {
  const data = readBytes(reader, length);
  try {
    return utf8Decode(data);
  } catch {
    throw new CborError("text that is not UTF-8");
  }
}

/** Whether the bytes of the first key come before those of the second, bytewise (RFC 8949 §4.2.1). */
function ascending(data: Uint8Array, a: number, aEnd: number, b: number, bEnd: number): boolean {
  for (let i = 0; a + i < aEnd && b + i < bEnd; i++) {
    const difference = data[b + i]! - data[a + i]!;
    if (difference !== 0) return difference > 0;
  }
  // No encoded key begins another one: they are the same.
  return false;
}

function readSimple(reader: Reader, info: number): CborValue {
  switch (info) {
    case 20:
      return false;
    case 21:
      return true;
    case 22:
      return null;
    case 23:
      return undefined;
    case 25:
    case 26:
    case 27:
      return readFloat(reader, 1 << (info - 24));
    default:
      throw new CborError("a simple value without a meaning here");
  }
}

function readFloat(reader: Reader, size: number): CborValue {
  const start = take(reader, size);
  const view = new DataView(reader.data.buffer, reader.data.byteOffset + start, size);
  const value =
    size === 2 ? halfValue(view.getUint16(0)) : size === 4 ? view.getFloat32(0) : view.getFloat64(0);
  if (size === 2) {
    if (Number.isNaN(value) && view.getUint16(0) !== 0x7e00) throw new CborError("NaN with a payload");
  } else if (
    !reader.longForms &&
    (halfBits(value) !== undefined || (size === 8 && Math.fround(value) === value))
  )
    throw new CborError("not in shortest form");
  return isCborInteger(value) ? new CborFloat(value) : value;
}
