/**
 * COSE_Sign1 in the profile's form, whatever its external AAD: a signed message, the proof of origin within `sealTo`,
 * and an operator's consent to a command are each bound to their own.
 */
import { CborError } from "../cbor/value.js";
import { constantTimeEqual } from "../cose/constant-time.js";
import { algorithm } from "../cose/labels.js";
import { decodeSign1, encodeSign1, signatureBytes, sigStructure } from "../cose/sign1.js";
import type { Crypto, Key } from "../crypto/crypto.js";
import type { Frozen } from "./frozen.js";
import { coseSign1, encodeProtected, headerOf } from "./header.js";
import { bad, type Check, parsed, profileHeader, verifiedMessage } from "./opened.js";

/**
 * 128 bits of what was signed tell two messages apart. Not the signature: (r, n - s) is as good as (r, s), and
 * whoever turns one into the other would make a duplicate look like a conflict.
 */
const identityBytes = 16;

/** @throws RangeError for a signature around a signature. */
export function signPayload(
  crypto: Crypto,
  key: Key,
  kid: Uint8Array,
  aad: Uint8Array,
  message: Frozen,
): Uint8Array {
  if (message.contentType === coseSign1) throw new RangeError("a signature around a signature");
  const protectedBytes = encodeProtected(headerOf(algorithm.es256, kid, message));
  const signature = crypto.sign(key, sigStructure(protectedBytes, aad, message.plaintext));
  return encodeSign1(protectedBytes, message.plaintext, signature);
}

/** Whether `message` was signed by `key`'s owner under this kid and external AAD. */
export function openSigned(
  crypto: Crypto,
  key: Key,
  kid: Uint8Array,
  aad: Uint8Array,
  message: Uint8Array,
): Check {
  const found = parsed(parseSigned, message);
  if (!found) return bad("malformed");
  const { sign1, header } = found;
  if (!constantTimeEqual(header.kid, kid)) return bad("unknown-key");
  const structure = sigStructure(sign1.protectedBytes, aad, sign1.payload);
  if (!crypto.verify(key, structure, sign1.signature)) return bad("not-authentic");
  return verifiedMessage(header, sign1.payload, crypto.sha256(structure).subarray(0, identityBytes));
}

/** @throws CborError for what is no signed message. Nothing is verified. */
export function parseSigned(message: Uint8Array) {
  const sign1 = decodeSign1(message);
  const header = profileHeader(sign1);
  if (header.alg !== algorithm.es256) throw new CborError("not an algorithm of signatures");
  if (header.contentType === coseSign1) throw new CborError("a signature around a signature");
  if (sign1.signature.length !== signatureBytes) throw new CborError("a signature of another length");
  return { sign1, header };
}
