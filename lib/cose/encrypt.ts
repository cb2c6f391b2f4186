/**
 * COSE_Encrypt (RFC 9052 §5.1) with the recipients of recipient.ts, as general as the published vectors need. Refuses a
 * detached ciphertext.
 */
import { encode } from "../cbor/encode.js";
import { CborTagged, type CborValue } from "../cbor/value.js";
import { aeadLengths } from "../crypto/aead.js";
import type { AeadAlgorithm, Crypto, Key } from "../crypto/crypto.js";
import type { Encrypted } from "./encrypt0.js";
import { cborTag } from "./labels.js";
import { bytesOf, decodeHeaders, decodeParts, type Leniency, noHeader, strict } from "./message.js";
import { decodeRecipients, type Recipient, recipientContext, saltOf, type Unsent } from "./recipient.js";

export interface Encrypt extends Encrypted {
  readonly recipients: readonly Recipient[];
}

/** A tagged message for one recipient without an encrypted key; both unprotected headers are empty. */
export function encodeEncrypt(
  protectedBytes: Uint8Array,
  ciphertext: Uint8Array,
  recipientProtected: Uint8Array,
): Uint8Array {
  const recipient: CborValue = [recipientProtected, noHeader, new Uint8Array(0)];
  return encode(new CborTagged(cborTag.encrypt, [protectedBytes, noHeader, ciphertext, [recipient]]));
}

/**
 * @returns the parts, views of `message`.
 * @throws CborError when this is no COSE_Encrypt.
 */
export function decodeEncrypt(message: Uint8Array, leniency: Leniency = strict): Encrypt {
  const [header, unprotected, ciphertext, recipients] = decodeParts(message, cborTag.encrypt, 4, leniency);
  const headers = decodeHeaders(header, unprotected, leniency);
  const content = bytesOf(ciphertext);
  return { ...headers, ciphertext: content, recipients: decodeRecipients(recipients, leniency) };
}

/** The content key by HKDF-SHA-256 of a shared or agreed secret; the caller closes it. */
export function deriveContentKey(
  crypto: Crypto,
  secret: Key,
  alg: AeadAlgorithm,
  recipient: Recipient,
  unsent?: Unsent,
): Key {
  const info = recipientContext(alg, 8 * aeadLengths(alg).keyBytes, recipient, unsent);
  return crypto.deriveAeadKey(secret, info, alg, saltOf(recipient));
}
