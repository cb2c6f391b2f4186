/**
 * COSE_Mac0 (RFC 9052 §6.2, §6.3) with HMAC 256/256 and 256/64 (RFC 9053 §3.1), as general as the published
 * vectors need. What Dormouse itself sends and accepts is narrower: see lib/sealed. Refuses a detached payload.
 */
import { encode } from "../cbor/encode.js";
import { CborTagged } from "../cbor/value.js";
import type { Crypto, Key } from "../crypto/crypto.js";
import { constantTimeEqual } from "./constant-time.js";
import { algorithm, cborTag, label } from "./labels.js";
import {
  bytesOf,
  decodeHeaders,
  decodeParts,
  type Headers,
  headerValue,
  type Leniency,
  noHeader,
  strict,
} from "./message.js";

export interface Mac0 extends Headers {
  readonly payload: Uint8Array;
  readonly tag: Uint8Array;
}

export type HmacAlgorithm = typeof algorithm.hmac256 | typeof algorithm.hmac256Tag64;

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
 * @returns the parts, views of `message`, none of them verified yet.
 * @throws CborError when this is no COSE_Mac0.
 */
export function decodeMac0(message: Uint8Array, leniency: Leniency = strict): Mac0 {
  const [header, unprotected, payload, tag] = decodeParts(message, cborTag.mac0, 4, leniency);
  const headers = decodeHeaders(header, unprotected, leniency);
  return { ...headers, payload: bytesOf(payload), tag: bytesOf(tag) };
}

/** Whether the message is authentic under `key`, the algorithm being the one that its headers name. */
export function verifyMac0(crypto: Crypto, key: Key, mac0: Mac0, externalAad: Uint8Array): boolean {
  const alg = headerValue(mac0, label.alg);
  if (alg !== algorithm.hmac256 && alg !== algorithm.hmac256Tag64) return false;
  const expected = mac0Tag(crypto, key, alg, mac0.protectedBytes, externalAad, mac0.payload);
  return constantTimeEqual(expected, mac0.tag);
}
