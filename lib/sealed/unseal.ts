/**
 * The recipient's side of seal-to.ts. It refuses every message that `sealTo` would not have written; with a signer,
 * also those that are not signed by it.
 */
import { CborError, type CborMap } from "../cbor/value.js";
import { constantTimeEqual } from "../cose/constant-time.js";
import { decodeEncrypt, deriveContentKey, type Encrypt } from "../cose/encrypt.js";
import { decryptContent } from "../cose/encrypt0.js";
import { algorithm, label } from "../cose/labels.js";
import { bytesOf } from "../cose/message.js";
import { agreedSecret, type Recipient } from "../cose/recipient.js";
import { aeadLengths } from "../crypto/aead.js";
import type { Crypto, Key } from "../crypto/crypto.js";
import { type ContentType, coseSign1, isContentType } from "./header.js";
import { type SignKey, topicBytesOf } from "./keys.js";
import { bad, type Check, parsed, refuseContent } from "./opened.js";
import { contentAlgorithm, ivBytes, maxKidBytes, originAad } from "./seal-to.js";
import { openSigned, parseSigned } from "./signed.js";

/** Which sender's key a signature names; undefined for a kid that is not known. */
export type SignerLookup = (kid: Uint8Array) => SignKey | undefined;

/** What the recipient has. */
export interface SealToOpener {
  readonly protection: "sealTo";
  readonly recipientKid: Uint8Array;
  readonly agreementKey: Key;
  readonly topic: string;
  /**
   * Whose signature is demanded; the key's own topic is not looked at. Without it every message is unauthenticated,
   * signed or not.
   */
  readonly signer?: SignKey | SignerLookup;
}

/**
 * What `message`, received on the opener's topic, says. The plaintext is new, owned by the caller. Says nothing about
 * replay: hand what is verified to the window.
 */
export function openSealTo(crypto: Crypto, opener: SealToOpener, message: Uint8Array): Check {
  const found = parsed(parseSealTo, message);
  if (!found) return bad("malformed");
  if (!constantTimeEqual(found.recipientKid, opener.recipientKid)) return bad("unknown-key");
  const key = contentKeyOf(crypto, opener.agreementKey, found.recipient);
  if (!key) return bad("malformed");
  const aad = topicBytesOf(opener.topic);
  let plaintext: Uint8Array | undefined;
  try {
    plaintext = decryptContent(crypto, key, contentAlgorithm, "Encrypt", found.encrypt, aad);
  } finally {
    key.close();
  }
  if (!plaintext) return bad("not-authentic");
  return judgeOrigin(crypto, opener, plaintext, found.contentType);
}

/** What was decrypted says only that somebody knew the recipient's public key. */
function judgeOrigin(
  crypto: Crypto,
  { signer, topic, recipientKid }: SealToOpener,
  plaintext: Uint8Array,
  contentType: ContentType | undefined,
): Check {
  if (contentType !== coseSign1)
    return signer ? bad("not-authentic") : unauthenticated(plaintext, contentType);
  const signed = parsed(parseSigned, plaintext);
  if (!signed) return bad("malformed");
  const { header, sign1 } = signed;
  if (!signer) return unauthenticated(sign1.payload, header.contentType);
  const by = typeof signer === "function" ? signer(header.kid) : signer;
  if (!by) return bad("unknown-key");
  return openSigned(crypto, by.key, by.kid, originAad(topic, recipientKid), plaintext);
}

function unauthenticated(payload: Uint8Array, contentType: ContentType | undefined): Check {
  return contentType === undefined
    ? { verdict: "unauthenticated", payload }
    : { verdict: "unauthenticated", payload, contentType };
}

/** @returns undefined when the ephemeral key is no point of the curve. The caller closes the key. */
function contentKeyOf(crypto: Crypto, agreementKey: Key, recipient: Recipient): Key | undefined {
  let secret: Key;
  try {
    secret = agreedSecret(crypto, agreementKey, recipient, "compressed");
  } catch (error) {
    if (error instanceof CborError) return undefined;
    throw error;
  }
  try {
    return deriveContentKey(crypto, secret, contentAlgorithm, recipient);
  } finally {
    secret.close();
  }
}

/** @throws CborError for what `sealTo` does not write; the point is not looked at. Nothing is verified. */
export function parseSealTo(message: Uint8Array) {
  const encrypt = decodeEncrypt(message);
  refuseContent(encrypt.unprotected);
  if (encrypt.ciphertext.length < aeadLengths(contentAlgorithm).tagBytes)
    throw new CborError("shorter than its tag");
  const contentType = contentTypeOf(encrypt.protectedHeader);
  const { recipient, recipientKid } = onlyRecipient(encrypt);
  return { encrypt, contentType, recipient, recipientKid };
}

function contentTypeOf(map: CborMap): ContentType | undefined {
  const iv = bytesOf(map.get(label.iv));
  const contentType = map.get(label.contentType);
  if (map.get(label.alg) !== contentAlgorithm || iv.length !== ivBytes)
    throw new CborError("not the content's algorithm and IV");
  if (map.size === 2) return undefined;
  if (map.size !== 3 || !isContentType(contentType))
    throw new CborError("a label or content type not of this profile");
  return contentType;
}

function onlyRecipient({ recipients }: Encrypt): { recipient: Recipient; recipientKid: Uint8Array } {
  const recipient = recipients[0]!;
  if (recipients.length !== 1 || recipient.encryptedKey.length !== 0)
    throw new CborError("not one recipient");
  refuseContent(recipient.unprotected);
  const map = recipient.protectedHeader;
  const recipientKid = bytesOf(map.get(label.kid));
  if (map.get(label.alg) !== algorithm.ecdhEsHkdf256 || map.size !== 3 || !map.has(label.ephemeralKey))
    throw new CborError("not a recipient of this profile");
  if (recipientKid.length < 1 || recipientKid.length > maxKidBytes)
    throw new CborError("a recipient's kid of no or too many bytes");
  return { recipient, recipientKid };
}
