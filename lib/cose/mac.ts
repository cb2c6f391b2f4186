/**
 * COSE_Mac (RFC 9052 §6.1, §6.3) with HMAC 256/256 and 256/64, for the published vectors: Dormouse sends COSE_Mac0.
 * Refuses a detached payload.
 */
import { encode } from "../cbor/encode.js";
import type { Crypto, Key } from "../crypto/crypto.js";
import { constantTimeEqual } from "./constant-time.js";
import { cborTag, label } from "./labels.js";
import { hmacTagLength, type Mac0 } from "./mac0.js";
import { bytesOf, decodeHeaders, decodeParts, headerValue, type Leniency, strict } from "./message.js";
import { decodeRecipients, type Recipient, recipientContext, saltOf, type Unsent } from "./recipient.js";

export interface Mac extends Mac0 {
  readonly recipients: readonly Recipient[];
}

/**
 * @returns the parts, views of `message`, none of them verified yet.
 * @throws CborError when this is no COSE_Mac.
 */
export function decodeMac(message: Uint8Array, leniency: Leniency = strict): Mac {
  const [header, unprotected, payload, tag, recipients] = decodeParts(message, cborTag.mac, 5, leniency);
  const headers = decodeHeaders(header, unprotected, leniency);
  return {
    ...headers,
    payload: bytesOf(payload),
    tag: bytesOf(tag),
    recipients: decodeRecipients(recipients, leniency),
  };
}

/** The tag over MAC_structure; undefined for an algorithm that is not here. */
export function macTag(
  crypto: Crypto,
  key: Key,
  mac: Omit<Mac, "tag">,
  externalAad: Uint8Array,
): Uint8Array | undefined {
  const length = hmacTagLength(headerValue(mac, label.alg));
  if (length === undefined) return undefined;
  const structure = encode(["MAC", mac.protectedBytes, externalAad, mac.payload]);
  return crypto.hmac(key, structure).subarray(0, length);
}

/** Whether the message is authentic under `key`, the algorithm being the one that its headers name. */
export function verifyMac(crypto: Crypto, key: Key, mac: Mac, externalAad: Uint8Array): boolean {
  const expected = macTag(crypto, key, mac, externalAad);
  return expected !== undefined && constantTimeEqual(expected, mac.tag);
}

/** The HMAC key by HKDF-SHA-256 of a shared or agreed secret; the caller closes it. */
export function deriveMacKey(
  crypto: Crypto,
  secret: Key,
  alg: number,
  recipient: Recipient,
  unsent?: Unsent,
): Key {
  return crypto.deriveMacKey(secret, recipientContext(alg, 256, recipient, unsent), 32, saltOf(recipient));
}
