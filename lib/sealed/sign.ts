/**
 * Signed messages: COSE_Sign1 (RFC 9052 §4.2) with ES256, in the strict profile of docs/sealed.md. Anyone who has the
 * sender's public key can verify them. The topic is authenticated as external AAD.
 */
import type { Crypto } from "../crypto/crypto.js";
import type { Frozen } from "./frozen.js";
import type { SignKey } from "./keys.js";
import type { Check } from "./opened.js";
import { openSigned, signPayload } from "./signed.js";

/**
 * The message to publish on the key's topic; on a device the same bytes for the same arguments (RFC 6979).
 * @returns new bytes, owned by the caller.
 */
export function sign(crypto: Crypto, key: SignKey, message: Frozen): Uint8Array {
  return signPayload(crypto, key.key, key.kid, key.topicBytes, message);
}

/**
 * Whether `message`, received on the key's topic, was signed by the key's sender. Says nothing about replay: hand the
 * result to the window.
 */
export function openSign(crypto: Crypto, key: SignKey, message: Uint8Array): Check {
  return openSigned(crypto, key.key, key.kid, key.topicBytes, message);
}
