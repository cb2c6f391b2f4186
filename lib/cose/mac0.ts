/**
 * COSE_Mac0 (RFC 9052 §6.2, §6.3) with HMAC 256/256 and 256/64 (RFC 9053 §3.1), as general as the published
 * vectors need. What Dormouse itself sends and accepts is narrower: see lib/sealed. Refuses CBOR that is not
 * deterministic, a label in both headers, any critical header, and a detached payload.
 */
import { decode } from "../cbor/decode.js";
import { encode } from "../cbor/encode.js";
import { CborError, type CborMap, CborTagged } from "../cbor/value.js";
import type { Crypto, Key } from "../crypto/crypto.js";
import { constantTimeEqual } from "./constant-time.js";
import { algorithm, cborTag, label } from "./labels.js";

export interface Mac0 {
  /** The protected header as it is authenticated: a serialised map, or no bytes when it is empty. */
  readonly protectedBytes: Uint8Array;
  readonly protectedHeader: CborMap;
  readonly unprotected: CborMap;
  readonly payload: Uint8Array;
  readonly tag: Uint8Array;
}

export type HmacAlgorithm = typeof algorithm.hmac256 | typeof algorithm.hmac256Tag64;

const noHeader: CborMap = new Map();

/** Bytes of an algorithm's tag; undefined for an algorithm that is not here. */
export function hmacTagLength(alg: unknown): number | undefined {
  return alg === algorithm.hmac256 ? 32 : alg === algorithm.hmac256Tag64 ? 8 : undefined;
}

/** The authentication tag over MAC_structure (RFC 9052 §6.3). */
export function mac0Tag(
  crypto: Crypto,
  key: Key,
  alg: HmacAlgorithm,
  protectedBytes: Uint8Array,
  externalAad: Uint8Array,
  payload: Uint8Array,
): Uint8Array {
  const structure = encode(["MAC0", protectedBytes, externalAad, payload]);
  const tag = crypto.hmac(key, structure);
  structure.fill(0);
  return tag.subarray(0, hmacTagLength(alg));
}

/** A tagged message with an empty unprotected header. */
export function encodeMac0(protectedBytes: Uint8Array, payload: Uint8Array, tag: Uint8Array): Uint8Array {
  return encode(new CborTagged(cborTag.mac0, [protectedBytes, noHeader, payload, tag]));
}

/**
 * @param tagging whether the message must carry CBOR tag 17; "either" when its type is known from elsewhere.
 * @returns the parts, views of `message`, none of them verified yet.
 * @throws CborError when this is no COSE_Mac0.
 */
export function decodeMac0(message: Uint8Array, tagging: "tagged" | "either" = "tagged"): Mac0 {
  let item = decode(message);
  if (item instanceof CborTagged) {
    if (item.tag !== cborTag.mac0) throw new CborError("not tagged as COSE_Mac0");
    item = item.value;
  } else if (tagging === "tagged") throw new CborError("not tagged as COSE_Mac0");
  if (!Array.isArray(item) || item.length !== 4) throw new CborError("not a COSE_Mac0");
  const [header, unprotected, payload, tag] = item;
  if (!(header instanceof Uint8Array && unprotected instanceof Map && tag instanceof Uint8Array))
    throw new CborError("not a COSE_Mac0");
  if (!(payload instanceof Uint8Array)) throw new CborError("no payload in the message");
  const protectedHeader = header.length === 0 ? noHeader : decode(header);
  if (!(protectedHeader instanceof Map)) throw new CborError("the protected header is no map");
  for (const key of protectedHeader.keys())
    if (unprotected.has(key)) throw new CborError("a label in both headers");
  if (protectedHeader.has(label.crit) || unprotected.has(label.crit))
    throw new CborError("a critical header that is not understood");
  // RFC 9052 §3: an empty map may be sent as h'a0', and is authenticated as no bytes at all.
  const protectedBytes = protectedHeader.size === 0 ? header.subarray(0, 0) : header;
  return { protectedBytes, protectedHeader, unprotected, payload, tag };
}

/** Whether the message is authentic under `key`, the algorithm being the one that its headers name. */
export function verifyMac0(crypto: Crypto, key: Key, mac0: Mac0, externalAad: Uint8Array): boolean {
  const alg = mac0.protectedHeader.get(label.alg) ?? mac0.unprotected.get(label.alg);
  if (alg !== algorithm.hmac256 && alg !== algorithm.hmac256Tag64) return false;
  const expected = mac0Tag(crypto, key, alg, mac0.protectedBytes, externalAad, mac0.payload);
  return constantTimeEqual(expected, mac0.tag);
}
