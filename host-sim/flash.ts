/**
 * The flash file of a simulated board, as host-sim/engine/store.h describes it: factory images are written here,
 * what a board wrote is read here. Refuses a file that is damaged in any way, and entries a board could not hold.
 */
import { crc32 } from "../lib/crc32.js";

const types = [
  "buffer",
  "string",
  "uint8",
  "int8",
  "uint16",
  "int16",
  "uint32",
  "int32",
  "uint64",
  "int64",
] as const;

export type FlashType = (typeof types)[number];

export interface FlashEntry {
  /** The key-value store's path: 1 to 15 bytes, as the key. */
  readonly domain: string;
  readonly key: string;
  readonly type: FlashType;
  /** A Uint8Array for "buffer", a string for "string", a bigint for 64 bits, else a number. */
  readonly value: Uint8Array | string | number | bigint;
}

const magic = new TextEncoder().encode("DMFLASH1");
const headBytes = 7;
const crcBytes = 4;
const nameMax = 15;

/** @throws RangeError for a name or a value that the store cannot hold, TypeError for a value of the wrong type */
export function encodeFlash(entries: readonly FlashEntry[]): Uint8Array {
  const seen = new Set<string>();
  const sorted = [...entries].sort((a, b) => order(a.domain, b.domain) || order(a.key, b.key));
  const parts: Uint8Array[] = [magic];
  for (const entry of sorted) {
    const id = `${entry.domain}/${entry.key}`;
    if (seen.has(id)) throw new RangeError(`flash entry ${id} is given twice`);
    seen.add(id);
    parts.push(...encodeEntry(entry));
  }
  const body = Buffer.concat(parts);
  const sum = new Uint8Array(crcBytes);
  new DataView(sum.buffer).setUint32(0, crc32(body), true);
  return new Uint8Array(Buffer.concat([body, sum]));
}

function encodeEntry({ domain, key, type, value }: FlashEntry): Uint8Array[] {
  const names = [encodeName(domain), encodeName(key)] as const;
  const bytes = encodeValue(type, value);
  const head = new Uint8Array(headBytes);
  head[0] = types.indexOf(type) + 1;
  head[1] = names[0].length;
  head[2] = names[1].length;
  new DataView(head.buffer).setUint32(3, bytes.length, true);
  return [head, ...names, bytes];
}

function encodeName(name: string): Uint8Array {
  const bytes = new TextEncoder().encode(name);
  if (bytes.length < 1 || bytes.length > nameMax || bytes.includes(0))
    throw new RangeError(`"${name}": a name in flash has 1 to ${nameMax} bytes`);
  return bytes;
}

function encodeValue(type: FlashType, value: FlashEntry["value"]): Uint8Array {
  if (type === "buffer" && value instanceof Uint8Array) return value;
  if (type === "string" && typeof value === "string") return new TextEncoder().encode(value);
  if (type === "buffer" || type === "string" || typeof value === "string" || value instanceof Uint8Array)
    throw new TypeError(`a flash entry of type ${type} cannot hold this value`);
  const { bits, signed } = shapeOf(type);
  const number = BigInt(value);
  if ((signed ? BigInt.asIntN : BigInt.asUintN)(bits, number) !== number)
    throw new RangeError(`${value} does not fit ${type}`);
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, number), true);
  return bytes.subarray(0, bits / 8);
}

function shapeOf(type: FlashType): { bits: number; signed: boolean } {
  return { bits: Number(type.replace(/\D/g, "")), signed: type.startsWith("int") };
}

/** @throws RangeError when the file is not one that encodeFlash or a board wrote */
export function decodeFlash(file: Uint8Array): FlashEntry[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const end = file.length - crcBytes;
  const intact =
    end >= magic.length &&
    magic.every((byte, i) => file[i] === byte) &&
    view.getUint32(end, true) === crc32(file.subarray(0, end));
  if (!intact) throw new RangeError("no flash image, or a damaged one");
  const entries: FlashEntry[] = [];
  for (let at = magic.length; at < end; ) {
    if (end - at < headBytes) throw new RangeError("flash image ends within an entry");
    const type = types[view.getUint8(at) - 1];
    const domainEnd = at + headBytes + view.getUint8(at + 1);
    const keyEnd = domainEnd + view.getUint8(at + 2);
    const valueEnd = keyEnd + view.getUint32(at + 3, true);
    if (!type || valueEnd > end) throw new RangeError("flash image ends within an entry");
    entries.push({
      domain: text(file.subarray(at + headBytes, domainEnd)),
      key: text(file.subarray(domainEnd, keyEnd)),
      type,
      value: decodeValue(type, file.slice(keyEnd, valueEnd)),
    });
    at = valueEnd;
  }
  return entries;
}

function decodeValue(type: FlashType, bytes: Uint8Array): FlashEntry["value"] {
  if (type === "buffer") return bytes;
  if (type === "string") return text(bytes);
  const { bits, signed } = shapeOf(type);
  if (bytes.length * 8 !== bits)
    throw new RangeError(`a flash entry of type ${type} has ${bytes.length} bytes`);
  const wide = new Uint8Array(8);
  wide.set(bytes);
  const number = new DataView(wide.buffer).getBigUint64(0, true);
  const value = signed ? BigInt.asIntN(bits, number) : number;
  return bits === 64 ? value : Number(value);
}

function text(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
}

function order(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
