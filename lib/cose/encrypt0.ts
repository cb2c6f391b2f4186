/**
 * COSE_Encrypt0 (RFC 9052 §5.2, §5.3) with the algorithms of aead.ts, as general as the published vectors need.
 * Refuses a detached ciphertext, and a message with both an IV and a Partial IV, or neither.
 */
import { encode } from "../cbor/encode.js";
import { CborError, CborTagged } from "../cbor/value.js";
import { aeadLengths } from "../crypto/aead.js";
import type { AeadAlgorithm, Crypto, Key } from "../crypto/crypto.js";
import { cborTag, label } from "./labels.js";
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

export interface Encrypted extends Headers {
  /** The authentication tag behind it. */
  readonly ciphertext: Uint8Array;
}

/** Enc_structure, the additional data of the AEAD. */
export function encStructure(
  context: "Encrypt0" | "Encrypt",
  protectedBytes: Uint8Array,
  externalAad: Uint8Array,
): Uint8Array {
  return encode([context, protectedBytes, externalAad]);
}

/** A tagged message with an empty unprotected header. */
export function encodeEncrypt0(protectedBytes: Uint8Array, ciphertext: Uint8Array): Uint8Array {
  return encode(new CborTagged(cborTag.encrypt0, [protectedBytes, noHeader, ciphertext]));
}

/**
 * @returns the parts, views of `message`.
 * @throws CborError when this is no COSE_Encrypt0.
 */
export function decodeEncrypt0(message: Uint8Array, leniency: Leniency = strict): Encrypted {
  const [header, unprotected, ciphertext] = decodeParts(message, cborTag.encrypt0, 3, leniency);
  return { ...decodeHeaders(header, unprotected, leniency), ciphertext: bytesOf(ciphertext) };
}

/** Partial IV, padded on the left to the Context IV's length, XOR Context IV (RFC 9052 §3.1). */
export function combineIv(contextIv: Uint8Array, partialIv: Uint8Array): Uint8Array {
  if (partialIv.length > contextIv.length) throw new CborError("a Partial IV that is too long");
  const nonce = contextIv.slice();
  const start = nonce.length - partialIv.length;
  for (let i = 0; i < partialIv.length; i++) nonce[start + i]! ^= partialIv[i]!;
  return nonce;
}

/**
 * The nonce that a message names.
 * @param contextIv goes with the key, for messages that carry a Partial IV
 * @throws CborError for none, both, or one of another length
 */
export function messageNonce(headers: Headers, alg: AeadAlgorithm, contextIv?: Uint8Array): Uint8Array {
  const iv = headerValue(headers, label.iv);
  const partialIv = headerValue(headers, label.partialIv);
  if ((iv === undefined) === (partialIv === undefined)) throw new CborError("not one IV");
  if (partialIv !== undefined && contextIv === undefined) throw new CborError("a Partial IV of nothing");
  const nonce = iv === undefined ? combineIv(contextIv!, bytesOf(partialIv)) : bytesOf(iv);
  if (nonce.length !== aeadLengths(alg).nonceBytes) throw new CborError("an IV of another length");
  return nonce;
}

/**
 * @param alg the algorithm of `key`: a message that names another is not authentic
 * @returns the plaintext, or undefined when the message is not authentic
 * @throws CborError without a usable IV
 */
export function decryptContent(
  crypto: Crypto,
  key: Key,
  alg: AeadAlgorithm,
  context: "Encrypt0" | "Encrypt",
  message: Encrypted,
  externalAad: Uint8Array,
  contextIv?: Uint8Array,
): Uint8Array | undefined {
  if (headerValue(message, label.alg) !== alg) return undefined;
  const nonce = messageNonce(message, alg, contextIv);
  const aad = encStructure(context, message.protectedBytes, externalAad);
  return crypto.decrypt(key, nonce, aad, message.ciphertext);
}
