/**
 * Stamps: COSE_Mac0 (RFC 9052 §6.2) with HMAC, in the strict profile of docs/sealed.md. The topic is
 * authenticated as external AAD. The receiver refuses every message that `stamp` would not have written.
 */
import { CborError } from "../cbor/value.js";
import { constantTimeEqual } from "../cose/constant-time.js";
import { decodeMac0, encodeMac0, hmacTagLength, mac0Tag, verifyMac0 } from "../cose/mac0.js";
import type { Crypto } from "../crypto/crypto.js";
import type { Frozen } from "./frozen.js";
import { encodeProtected, headerOf } from "./header.js";
import type { StampKey } from "./keys.js";
import { bad, type Check, parsed, profileHeader, verifiedMessage } from "./opened.js";

/**
 * The message to publish on the key's topic; the same bytes for the same arguments, always.
 * @returns new bytes, owned by the caller.
 */
export function stamp(crypto: Crypto, key: StampKey, message: Frozen): Uint8Array {
  const protectedBytes = encodeProtected(headerOf(key.alg, key.kid, message));
  const tag = mac0Tag(crypto, key.key, key.alg, protectedBytes, key.topicBytes, message.plaintext);
  return encodeMac0(protectedBytes, message.plaintext, tag);
}

/**
 * Whether `message`, received on the key's topic, is a stamp of the key's sender. Says nothing about replay:
 * hand the result to the window.
 */
export function openStamp(crypto: Crypto, key: StampKey, message: Uint8Array): Check {
  const found = parsed(parseStamp, message);
  if (!found) return bad("malformed");
  const { mac0, header } = found;
  if (header.alg !== key.alg || !constantTimeEqual(header.kid, key.kid)) return bad("unknown-key");
  if (!verifyMac0(crypto, key.key, mac0, key.topicBytes)) return bad("not-authentic");
  return verifiedMessage(header, mac0.payload, mac0.tag);
}

/** @throws CborError for what is no stamp. Nothing is verified. */
export function parseStamp(message: Uint8Array) {
  const mac0 = decodeMac0(message);
  const header = profileHeader(mac0);
  if (mac0.tag.length !== hmacTagLength(header.alg)) throw new CborError("a tag of another length");
  return { mac0, header };
}
