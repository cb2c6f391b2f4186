/**
 * Deterministic CBOR (RFC 8949 §4.2.1): shortest integers, lengths and floats, definite lengths, map keys in
 * bytewise order. Measures first, then writes into one allocation: a device has no room for growing buffers.
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
  const out = new Uint8Array(sizeOf(value));
  write(value, out, 0);
  return out;
}

function sizeOf(value: CborValue): number {
  switch (typeof value) {
    case "number":
      return isCborInteger(value) ? headSize(value < 0 ? -1 - value : value) : floatSize(value);
    case "string": {
      const length = utf8Length(value);
      return headSize(length) + length;
    }
    case "boolean":
    case "undefined":
      return 1;
    case "object":
      return sizeOfObject(value);
    default:
      throw new TypeError(`CBOR cannot carry a ${typeof value}`);
  }
}

function sizeOfObject(value: Exclude<CborValue, number | string | boolean | undefined>): number {
  if (value === null) return 1;
  if (value instanceof Uint8Array) return headSize(value.length) + value.length;
  if (value instanceof CborFloat) return floatSize(value.value);
  if (value instanceof CborTagged) return headSize(tagNumber(value)) + sizeOf(value.value);
  if (value instanceof Map) {
    let size = headSize(value.size);
    for (const [key, item] of value) size += sizeOf(checkedKey(key)) + sizeOf(item);
    return size;
  }
  if (!Array.isArray(value)) throw new TypeError("CBOR cannot carry this object");
  let size = headSize(value.length);
  for (const item of value) size += sizeOf(item);
  return size;
}

/** Returns the offset after the value. */
function write(value: CborValue, out: Uint8Array, at: number): number {
  switch (value) {
    case false:
      return writeByte(0xf4, out, at);
    case true:
      return writeByte(0xf5, out, at);
    case null:
      return writeByte(0xf6, out, at);
    case undefined:
      return writeByte(0xf7, out, at);
  }
  if (typeof value === "number") {
    if (!isCborInteger(value)) return writeFloat(value, out, at);
    return value < 0 ? writeHead(1, -1 - value, out, at) : writeHead(0, value, out, at);
  }
  if (typeof value === "string") return utf8Write(value, out, writeHead(3, utf8Length(value), out, at));
  if (value instanceof Uint8Array) {
    const start = writeHead(2, value.length, out, at);
    out.set(value, start);
    return start + value.length;
  }
  if (value instanceof CborFloat) return writeFloat(value.value, out, at);
  if (value instanceof CborTagged) return write(value.value, out, writeHead(6, value.tag, out, at));
  if (value instanceof Map) {
    let to = writeHead(5, value.size, out, at);
    for (const key of [...value.keys()].sort(compareKeys))
      to = write(value.get(key), out, write(key, out, to));
    return to;
  }
  const items = value as readonly CborValue[];
  let to = writeHead(4, items.length, out, at);
  for (const item of items) to = write(item, out, to);
  return to;
}

function writeByte(byte: number, out: Uint8Array, at: number): number {
  out[at] = byte;
  return at + 1;
}

function headSize(argument: number): number {
  return argument < 24 ? 1 : argument < 0x100 ? 2 : argument < 0x10000 ? 3 : argument < two32 ? 5 : 9;
}

function writeHead(major: number, argument: number, out: Uint8Array, at: number): number {
  const size = headSize(argument);
  const type = major << 5;
  if (size === 1) return writeByte(type | argument, out, at);
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

function tagNumber(tagged: CborTagged): number {
  if (!isCborInteger(tagged.tag) || tagged.tag < 0) throw new RangeError("a tag is a safe integer from 0");
  return tagged.tag;
}

function checkedKey(key: CborKey): CborKey {
  if (typeof key === "number" && !isCborInteger(key)) throw new RangeError("a numeric key is a safe integer");
  if (typeof key !== "number" && typeof key !== "string") throw new TypeError("a key is an integer or text");
  return key;
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
