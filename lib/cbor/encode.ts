/**
 * Deterministic CBOR (RFC 8949 §4.2.1): shortest integers, lengths and floats, definite lengths, map keys in
 * bytewise order. Measures first, then writes into one allocation: a device has no room for growing buffers,
 * and with a stack of 384 slots none for recursion.
 */
import { halfBits } from "./half.js";
import { utf8Encode, utf8Length, utf8Write } from "./utf8.js";
import { CborFloat, type CborKey, CborTagged, type CborValue, isCborInteger } from "./value.js";

const two32 = 0x1_0000_0000;

/**
 * @returns new bytes, owned by the caller; byte strings in `value` are copied.
 * @throws TypeError for a value CBOR cannot carry here; RangeError for a lone surrogate, or a tag or key that is
 *   not a safe integer.
 */
export function encode(value: CborValue): Uint8Array {
  const pending: CborValue[] = [value];
  const items: CborValue[] = [];
  let size = 0;
  while (pending.length > 0) {
    const item = pending.pop();
    size += measure(item, pending);
    items.push(item);
  }
  const out = new Uint8Array(size);
  let at = 0;
  for (let i = 0; i < items.length; i++) at = write(items[i], out, at);
  return out;
}

/**
 * The size of an item without those it contains, which are put on top of `pending`, the first uppermost. What there is
 * most of is looked for first, and nothing twice: each question takes an interpreter long.
 */
function measure(item: CborValue, pending: CborValue[]): number {
  if (typeof item === "number")
    return isCborInteger(item) ? headSize(item < 0 ? -1 - item : item) : floatSize(item);
  if (typeof item === "string") {
    const length = utf8Length(item);
    return headSize(length) + length;
  }
  if (item === null || item === undefined || typeof item === "boolean") return 1;
  if (item instanceof Uint8Array) return headSize(item.length) + item.length;
  if (Array.isArray(item)) {
    for (let i = item.length - 1; i >= 0; i--) pending.push(item[i]);
    return headSize(item.length);
  }
  if (item instanceof Map) {
    const keys = [...item.keys()].sort(compareKeys);
    for (let i = keys.length - 1; i >= 0; i--) {
      checkKey(keys[i]);
      pending.push(item.get(keys[i]), keys[i]);
    }
    return headSize(item.size);
  }
  if (item instanceof CborTagged) {
    pending.push(item.value);
    return headSize(checkedTag(item.tag));
  }
  if (item instanceof CborFloat) return floatSize(item.value);
  throw new TypeError("CBOR cannot carry this value");
}

/** Writes an item without those it contains; returns the offset after it. */
function write(item: CborValue, out: Uint8Array, at: number): number {
  if (typeof item === "number") {
    if (!isCborInteger(item)) return writeFloat(item, out, at);
    return item < 0 ? writeHead(1, -1 - item, out, at) : writeHead(0, item, out, at);
  }
  if (typeof item === "string") return utf8Write(item, out, writeHead(3, utf8Length(item), out, at));
  if (item === null || item === undefined || typeof item === "boolean") {
    out[at] = item === false ? 0xf4 : item ? 0xf5 : item === null ? 0xf6 : 0xf7;
    return at + 1;
  }
  if (item instanceof Uint8Array) {
    const start = writeHead(2, item.length, out, at);
    out.set(item, start);
    return start + item.length;
  }
  if (Array.isArray(item)) return writeHead(4, item.length, out, at);
  if (item instanceof Map) return writeHead(5, item.size, out, at);
  if (item instanceof CborTagged) return writeHead(6, item.tag, out, at);
  return writeFloat((item as CborFloat).value, out, at);
}

function headSize(argument: number): number {
  return argument < 24 ? 1 : argument < 0x100 ? 2 : argument < 0x10000 ? 3 : argument < two32 ? 5 : 9;
}

function writeHead(major: number, argument: number, out: Uint8Array, at: number): number {
  const type = major << 5;
  if (argument < 24) {
    out[at] = type | argument;
    return at + 1;
  }
  const size = headSize(argument);
  out[at] = type | (size === 2 ? 24 : size === 3 ? 25 : size === 5 ? 26 : 27);
  let rest = argument;
  for (let i = at + size - 1; i > at; i--) {
    out[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return at + size;
}

function floatSize(value: number): number {
  if (halfBits(value) !== undefined) return 3;
  return Math.fround(value) === value ? 5 : 9;
}

function writeFloat(value: number, out: Uint8Array, at: number): number {
  const size = floatSize(value);
  const view = new DataView(out.buffer, out.byteOffset + at, size);
  view.setUint8(0, size === 3 ? 0xf9 : size === 5 ? 0xfa : 0xfb);
  if (size === 3) view.setUint16(1, halfBits(value)!);
  else if (size === 5) view.setFloat32(1, value);
  else view.setFloat64(1, value);
  return at + size;
}

function checkedTag(tag: number): number {
  if (!isCborInteger(tag) || tag < 0) throw new RangeError("a tag is a safe integer from 0");
  return tag;
}

function checkKey(key: CborKey | undefined): void {
  if (typeof key === "string") return;
  if (typeof key !== "number") throw new TypeError("a key is an integer or text");
  if (!isCborInteger(key)) throw new RangeError("a numeric key is a safe integer");
}

/** The order of the encoded keys, without encoding them: integers from 0, then negative ones, then text. */
function compareKeys(a: CborKey, b: CborKey): number {
  if (typeof a === "number" && typeof b === "number") {
    if (a >= 0 && b >= 0) return a - b;
    return b - a;
  }
  if (typeof a === "number") return -1;
  if (typeof b === "number") return 1;
  return compareText(a, b);
}

/** By length, then by bytes: the order of JavaScript's `<` differs beyond U+FFFF. */
function compareText(a: string, b: string): number {
  const left = utf8Encode(a);
  const right = utf8Encode(b);
  if (left.length !== right.length) return left.length - right.length;
  for (let i = 0; i < left.length; i++) if (left[i] !== right[i]) return left[i]! - right[i]!;
  return 0;
}
