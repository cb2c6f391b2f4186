/**
 * The protected header of this profile, one encoding for each meaning: alg (1), content type (3) unless it is SenML
 * as CBOR, kid (4), and under label 6 the message counter, big-endian in shortest form, 0 as h'00'.
 */
import { encode } from "../cbor/encode.js";
import { CborError, type CborMap, type CborValue } from "../cbor/value.js";
import { label } from "../cose/labels.js";

/** A counter has five bytes at most (RFC 9053 §4 leaves that much of the smallest nonce). */
export const maxCounter = 2 ** 40 - 1;

/** Content-Format of SenML as JSON (RFC 8428 §12.3); none means SenML as CBOR. */
export const senmlJson = 110;
/** Content-Format of plain CBOR (RFC 8949 §9.4): commands and their results. */
export const plainCbor = 60;
/** Content-Format of a COSE_Sign1 (RFC 9052 §11.3.3): what is inside is signed, and says itself what it is. */
export const coseSign1 = 18;

export type ContentType = typeof senmlJson | typeof plainCbor | typeof coseSign1;

export function isContentType(value: unknown): value is ContentType {
  return value === senmlJson || value === plainCbor || value === coseSign1;
}

interface MessageFields {
  readonly counter: number;
  readonly contentType?: ContentType;
}

export interface ProtectedHeader extends MessageFields {
  readonly alg: number;
  readonly kid: Uint8Array;
}

/** Of a message to be sent. */
export function headerOf(alg: number, kid: Uint8Array, message: MessageFields): ProtectedHeader {
  const { counter, contentType } = message;
  return contentType === undefined ? { alg, kid, counter } : { alg, kid, counter, contentType };
}

/** @throws RangeError for a counter beyond `maxCounter`, or another content type. */
export function encodeProtected(header: ProtectedHeader): Uint8Array {
  const map = new Map<number, CborValue>([[label.alg, header.alg]]);
  if (header.contentType !== undefined) map.set(label.contentType, checkedContentType(header.contentType));
  map.set(label.kid, header.kid);
  map.set(label.partialIv, encodeCounter(header.counter));
  return encode(map);
}

/**
 * @returns views of what `map` was decoded from.
 * @throws CborError for anything that `encodeProtected` does not write.
 */
export function protectedFields(map: CborMap): ProtectedHeader {
  const alg = map.get(label.alg);
  const kid = map.get(label.kid);
  const counterBytes = map.get(label.partialIv);
  if (typeof alg !== "number") throw new CborError("no algorithm");
  if (!(kid instanceof Uint8Array)) throw new CborError("no kid");
  if (!(counterBytes instanceof Uint8Array)) throw new CborError("no counter");
  const counter = decodeCounter(counterBytes);
  const contentType = map.get(label.contentType);
  if (contentType === undefined && map.size === 3) return { alg, kid, counter };
  if (!isContentType(contentType) || map.size !== 4)
    throw new CborError("a label or content type not of this profile");
  return { alg, kid, counter, contentType };
}

/** @throws RangeError for none of this profile: a caller's mistake that no receiver would take. */
export function checkedContentType(contentType: number): ContentType {
  if (!isContentType(contentType)) throw new RangeError("not a content type of this profile");
  return contentType;
}

/** @throws RangeError beyond `maxCounter`. */
export function encodeCounter(counter: number): Uint8Array {
  if (!Number.isSafeInteger(counter) || counter < 0 || counter > maxCounter)
    throw new RangeError("a counter lies between 0 and 2^40 - 1");
  let length = 1;
  while (counter >= 256 ** length) length++;
  const bytes = new Uint8Array(length);
  let rest = counter;
  for (let i = length - 1; i >= 0; i--) {
    bytes[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return bytes;
}

/** @throws CborError when `bytes` are none or too many, or begin with a zero they could do without. */
export function decodeCounter(bytes: Uint8Array): number {
  if (bytes.length === 0 || bytes.length > 5) throw new CborError("a counter of no or too many bytes");
  if (bytes.length > 1 && bytes[0] === 0) throw new CborError("a counter not in shortest form");
  let counter = 0;
  for (const byte of bytes) counter = counter * 256 + byte;
  return counter;
}
