/**
 * COSE_Sign1 (RFC 9052 §4.2, §4.4) with ES256 on P-256 (RFC 9053 §2.1), as general as the published vectors need.
 * Refuses a detached payload.
 */
import { encode } from "../cbor/encode.js";
import { CborTagged } from "../cbor/value.js";
import type { Crypto, Key } from "../crypto/crypto.js";
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

export interface Sign1 extends Headers {
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
}

/** Bytes of an ES256 signature: r, then s. */
export const signatureBytes = 64;

/** Sig_structure: what is signed. */
export function sigStructure(
  protectedBytes: Uint8Array,
  externalAad: Uint8Array,
  payload: Uint8Array,
): Uint8Array {
  return encode(["Signature1", protectedBytes, externalAad, payload]);
}

/** A tagged message with an empty unprotected header. */
export function encodeSign1(
  protectedBytes: Uint8Array,
  payload: Uint8Array,
  signature: Uint8Array,
): Uint8Array {
  return encode(new CborTagged(cborTag.sign1, [protectedBytes, noHeader, payload, signature]));
}

/**
 * @returns the parts, views of `message`, none of them verified yet.
 * @throws CborError when this is no COSE_Sign1.
 */
export function decodeSign1(message: Uint8Array, leniency: Leniency = strict): Sign1 {
  const [header, unprotected, payload, signature] = decodeParts(message, cborTag.sign1, 4, leniency);
  const headers = decodeHeaders(header, unprotected, leniency);
  return { ...headers, payload: bytesOf(payload), signature: bytesOf(signature) };
}

/** Whether the message is signed by `key`'s owner with the algorithm that its headers name. */
export function verifySign1(crypto: Crypto, key: Key, sign1: Sign1, externalAad: Uint8Array): boolean {
  if (headerValue(sign1, label.alg) !== algorithm.es256 || sign1.signature.length !== signatureBytes)
    return false;
  const structure = sigStructure(sign1.protectedBytes, externalAad, sign1.payload);
  return crypto.verify(key, structure, sign1.signature);
}
