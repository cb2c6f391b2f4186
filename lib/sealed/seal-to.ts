/**
 * Sealed to a recipient's public key: COSE_Encrypt (RFC 9052 §5.1) with one ECDH-ES recipient, in the strict profile of
 * docs/sealed.md. The ephemeral key and IV are new for each attempt, so what a device keeps opens nothing that it sent.
 * Without a signature inside, anyone can have made it. The signature covers topic and recipient, so that a recipient
 * cannot pass the message on as if it had been meant for another.
 */
import { encode } from "../cbor/encode.js";
import type { CborValue } from "../cbor/value.js";
import { compressedKey } from "../cose/ec2-key.js";
import { encodeEncrypt } from "../cose/encrypt.js";
import { encStructure } from "../cose/encrypt0.js";
import { kdfContext, noParty } from "../cose/kdf-context.js";
import { algorithm, label } from "../cose/labels.js";
import { ecdhRecipient } from "../cose/recipient.js";
import type { Crypto, Key } from "../crypto/crypto.js";
import type { Frozen } from "./frozen.js";
import { type ContentType, checkedContentType, coseSign1 } from "./header.js";
import { type SignKey, topicBytesOf } from "./keys.js";
import { signPayload } from "./signed.js";

/** What the sender knows of the recipient. */
export interface SealToKey {
  readonly protection: "sealTo";
  /** 1 to 32 bytes, which the recipient chose. */
  readonly recipientKid: Uint8Array;
  /** P-256, 04, x, y. */
  readonly recipientPoint: Uint8Array;
  readonly topic: string;
  /** The sender's own, for proof of origin. */
  readonly signer?: SignKey;
}

/** Content algorithm: A128GCM. */
export const contentAlgorithm = algorithm.a128gcm;
export const ivBytes = 12;
/** Of names that people give their keys: a recipient's, an operator's. */
export const maxKidBytes = 32;

/**
 * The message to publish on the key's topic; other bytes each time, around the same signature.
 * @returns new bytes, owned by the caller.
 * @throws RangeError for a recipient that is no point of P-256, or where there is no P-256
 */
export function sealTo(crypto: Crypto, key: SealToKey, message: Frozen): Uint8Array {
  const { recipientKid, topic, signer } = key;
  const topicBytes = topicBytesOf(topic);
  if (recipientKid.length < 1 || recipientKid.length > maxKidBytes)
    throw new RangeError(`a recipient's kid has 1 to ${maxKidBytes} bytes`);
  if (message.contentType === coseSign1) throw new RangeError("a signature around a signature");
  if (!signer) return sealContent(crypto, key, topicBytes, message.plaintext, message.contentType);
  const aad = originAad(topic, recipientKid);
  const signed = signPayload(crypto, signer.key, signer.kid, aad, message);
  try {
    return sealContent(crypto, key, topicBytes, signed, coseSign1);
  } finally {
    signed.fill(0);
  }
}

function sealContent(
  crypto: Crypto,
  { recipientKid, recipientPoint }: SealToKey,
  topicBytes: Uint8Array,
  plaintext: Uint8Array,
  contentType: ContentType | undefined,
): Uint8Array {
  const ephemeral = crypto.generateAgreementKey();
  let contentKey: Key | undefined;
  try {
    const recipient = encode(ecdhRecipient(recipientKid, compressedKey(crypto.agreementPoint(ephemeral))));
    contentKey = deriveContentKey(crypto, ephemeral, recipientPoint, recipient);
    const iv = crypto.random(ivBytes);
    const protectedBytes = encodeContentHeader(iv, contentType);
    const aad = encStructure("Encrypt", protectedBytes, topicBytes);
    return encodeEncrypt(protectedBytes, crypto.encrypt(contentKey, iv, aad, plaintext), recipient);
  } finally {
    contentKey?.close();
    ephemeral.close();
  }
}

/** HKDF-SHA-256 of the shared x coordinate, no salt; the caller closes it. */
function deriveContentKey(crypto: Crypto, own: Key, point: Uint8Array, recipientProtected: Uint8Array): Key {
  const info = kdfContext(contentAlgorithm, 128, noParty, noParty, recipientProtected);
  const secret = crypto.agree(own, point);
  try {
    return crypto.deriveAeadKey(secret, info, contentAlgorithm);
  } finally {
    secret.close();
  }
}

function encodeContentHeader(iv: Uint8Array, contentType: ContentType | undefined): Uint8Array {
  const map = new Map<number, CborValue>([
    [label.alg, contentAlgorithm],
    [label.iv, iv],
  ]);
  if (contentType !== undefined) map.set(label.contentType, checkedContentType(contentType));
  return encode(map);
}

/** External AAD of the signature inside: it holds for this topic and this recipient. */
export function originAad(topic: string, recipientKid: Uint8Array): Uint8Array {
  return encode([topic, recipientKid]);
}
