/**
 * What all COSE messages share (RFC 9052 §2, §3): a tag, an array, two headers. Refuses CBOR that is not
 * deterministic (a lenient reader takes unsorted maps), a label in both headers, and any critical header.
 */
import { type DecodeLimits, decode } from "../cbor/decode.js";
import { CborError, type CborMap, CborTagged, type CborValue } from "../cbor/value.js";
import { label } from "./labels.js";

export interface Headers {
  /** The protected header as it is authenticated: a serialised map, or no bytes when it is empty. */
  readonly protectedBytes: Uint8Array;
  readonly protectedHeader: CborMap;
  readonly unprotected: CborMap;
}

/** What a reader accepts beyond the encoding that this project writes. Others' messages need it, ours never. */
export interface Leniency {
  /** The tag may be missing: the kind of message is known from elsewhere. */
  readonly untagged?: boolean;
  /** Maps may be in any order, duplicates still excluded (RFC 9052 §9 asks for no order). */
  readonly unsorted?: boolean;
}

export const strict: Leniency = Object.freeze({});
export const noHeader: CborMap = Object.freeze(new Map());

/**
 * More items than any message or header has, ours 15 at most. Without this each byte of one that nobody has verified yet
 * could become an array or map of its own: 300 of those are more than a small board's memory holds.
 */
const strictLimits: DecodeLimits = Object.freeze({ maxDepth: 8, maxItems: 32 });
const lenientLimits: DecodeLimits = Object.freeze({ maxDepth: 8, maxItems: 512, unsorted: true });

export function decodeItem(data: Uint8Array, leniency: Leniency): CborValue {
  return decode(data, leniency.unsorted ? lenientLimits : strictLimits);
}

/**
 * @returns the elements of the message's array, views of `message`
 * @throws CborError when it is not one array of `length` elements under `tag`
 */
export function decodeParts(
  message: Uint8Array,
  tag: number,
  length: number,
  leniency: Leniency,
): readonly CborValue[] {
  let item = decodeItem(message, leniency);
  if (item instanceof CborTagged) {
    if (item.tag !== tag) throw new CborError("another tag");
    item = item.value;
  } else if (!leniency.untagged) throw new CborError("no tag");
  if (!Array.isArray(item) || item.length !== length) throw new CborError("not an array of the right length");
  return item;
}

/** @throws CborError for what are no headers, for a label in both, and for a critical one */
export function decodeHeaders(header: CborValue, unprotected: CborValue, leniency: Leniency): Headers {
  if (!(header instanceof Uint8Array && unprotected instanceof Map)) throw new CborError("no headers");
  const protectedHeader = header.length === 0 ? noHeader : decodeItem(header, leniency);
  if (!(protectedHeader instanceof Map)) throw new CborError("the protected header is no map");
  for (const key of protectedHeader.keys())
    if (unprotected.has(key)) throw new CborError("a label in both headers");
  if (protectedHeader.has(label.crit) || unprotected.has(label.crit))
    throw new CborError("a critical header that is not understood");
  // RFC 9052 §3: an empty map may be sent as h'a0', and is authenticated as no bytes at all.
  const protectedBytes = protectedHeader.size === 0 ? header.subarray(0, 0) : header;
  return { protectedBytes, protectedHeader, unprotected };
}

/** @throws CborError for anything but a byte string */
export function bytesOf(value: CborValue): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new CborError("not a byte string");
  return value;
}

/** The value of a label in either header. */
export function headerValue({ protectedHeader, unprotected }: Headers, key: number): CborValue {
  return protectedHeader.get(key) ?? unprotected.get(key);
}
