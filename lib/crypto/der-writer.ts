/** Writes DER (X.690 §10.1), from the inside out: the little that a device makes of it. */
import { derTag } from "./der-reader.js";

/**
 * One element. @throws {RangeError} for more than 65,535 bytes
 * @returns new bytes, into which `parts` are copied
 */
export function der(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  if (length > 0xffff) throw new RangeError("an element of DER that is too long");
  const headBytes = length < 0x80 ? 2 : length < 0x100 ? 3 : 4;
  const out = new Uint8Array(headBytes + length);
  out[0] = tag;
  if (headBytes > 2) out[1] = 0x80 + headBytes - 2;
  for (let i = headBytes - 1, rest = length; i > (headBytes > 2 ? 1 : 0); i--, rest >>= 8) out[i] = rest;
  let at = headBytes;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** @param contentHex see `objectId` in der-reader.ts */
export function derObjectId(contentHex: string): Uint8Array {
  const content = new Uint8Array(contentHex.length / 2);
  for (let i = 0; i < content.length; i++)
    content[i] = Number.parseInt(contentHex.slice(2 * i, 2 * i + 2), 16);
  return der(derTag.objectId, content);
}

/** Of whole bytes. */
export function derBitString(content: Uint8Array): Uint8Array {
  return der(derTag.bitString, Uint8Array.of(0), content);
}

/** @param bytes a number from 0, big-endian, of any length */
export function derInteger(bytes: Uint8Array): Uint8Array {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  const number = bytes.subarray(start);
  // With the highest bit set it would be below zero.
  return number[0]! < 0x80 ? der(derTag.integer, number) : der(derTag.integer, Uint8Array.of(0), number);
}
