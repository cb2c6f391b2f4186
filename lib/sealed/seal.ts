/**
 * Seals: COSE_Encrypt0 (RFC 9052 §5.2) in the strict profile of docs/sealed.md. The nonce is made of the counter and
 * the key's Context IV, so a counter must never meet two plaintexts: what `Frozen` is for. The topic is external AAD.
 */
import { CborError } from "../cbor/value.js";
import { constantTimeEqual } from "../cose/constant-time.js";
import { combineIv, decodeEncrypt0, decryptContent, encodeEncrypt0, encStructure } from "../cose/encrypt0.js";
import { aeadLengths, isAead } from "../crypto/aead.js";
import type { Crypto } from "../crypto/crypto.js";
import type { Frozen } from "./frozen.js";
import { encodeCounter, encodeProtected, headerOf } from "./header.js";
import type { SealKey } from "./keys.js";
import { bad, type Check, parsed, profileHeader, verifiedMessage } from "./opened.js";

/**
 * The message to publish on the key's topic; the same bytes for the same arguments, always.
 * @returns new bytes, owned by the caller.
 */
export function seal(crypto: Crypto, key: SealKey, message: Frozen): Uint8Array {
  const protectedBytes = encodeProtected(headerOf(key.alg, key.kid, message));
  const nonce = combineIv(key.contextIv, encodeCounter(message.counter));
  const aad = encStructure("Encrypt0", protectedBytes, key.topicBytes);
  return encodeEncrypt0(protectedBytes, crypto.encrypt(key.key, nonce, aad, message.plaintext));
}

/**
 * What `message`, received on the key's topic, says if it is a seal of the key's sender. The plaintext is new, owned
 * by the caller. Says nothing about replay: hand the result to the window.
 */
export function openSeal(crypto: Crypto, key: SealKey, message: Uint8Array): Check {
  const found = parsed(parseSeal, message);
  if (!found) return bad("malformed");
  const { encrypted, header, identity } = found;
  if (header.alg !== key.alg || !constantTimeEqual(header.kid, key.kid)) return bad("unknown-key");
  const { topicBytes, contextIv } = key;
  const plaintext = decryptContent(crypto, key.key, key.alg, "Encrypt0", encrypted, topicBytes, contextIv);
  if (!plaintext) return bad("not-authentic");
  return verifiedMessage(header, plaintext, identity);
}

/** @throws CborError for what is no seal. Nothing is verified. */
export function parseSeal(message: Uint8Array) {
  const encrypted = decodeEncrypt0(message);
  const header = profileHeader(encrypted);
  if (!isAead(header.alg)) throw new CborError("not an algorithm of seals");
  const tagStart = encrypted.ciphertext.length - aeadLengths(header.alg).tagBytes;
  if (tagStart < 0) throw new CborError("shorter than its tag");
  return { encrypted, header, identity: encrypted.ciphertext.subarray(tagStart) };
}
