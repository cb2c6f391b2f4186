/**
 * Recipients of COSE_Encrypt and COSE_Mac (RFC 9052 §5.1, §6.1) and the keys that they and the sender come to: direct,
 * direct+HKDF-SHA-256 and ECDH-ES+HKDF-256 on P-256 (RFC 9053 §6.1, §6.3), as general as the published vectors need.
 * Refuses recipients within recipients.
 */
import { CborError, type CborMap, type CborValue } from "../cbor/value.js";
import type { Crypto, Key } from "../crypto/crypto.js";
import { pointOf } from "./ec2-key.js";
import { kdfContext, type Party } from "./kdf-context.js";
import { algorithm, label } from "./labels.js";
import { bytesOf, decodeHeaders, type Headers, headerValue, type Leniency } from "./message.js";

export interface Recipient extends Headers {
  /** Empty where the content key is agreed or shared. */
  readonly encryptedKey: Uint8Array;
}

/** What both ends know without it being sent. */
export interface Unsent {
  readonly partyUIdentity?: Uint8Array;
  readonly partyVIdentity?: Uint8Array;
  readonly publicOther?: Uint8Array;
  readonly privateOther?: Uint8Array;
}

const nothing: Unsent = Object.freeze({});

/** @throws CborError for what are no recipients */
export function decodeRecipients(items: CborValue, leniency: Leniency): Recipient[] {
  if (!Array.isArray(items) || items.length === 0) throw new CborError("no recipients");
  return items.map((item) => recipientOf(item, leniency));
}

function recipientOf(item: CborValue, leniency: Leniency): Recipient {
  if (!Array.isArray(item) || item.length !== 3) throw new CborError("not a recipient");
  return { ...decodeHeaders(item[0], item[1], leniency), encryptedKey: bytesOf(item[2]) };
}

/**
 * The secret that the recipient shares with the sender by ECDH-ES; the caller closes it.
 * @param form of the ephemeral key, see `pointOf`
 * @throws CborError when the recipient's header asks for something else, or has no point of the curve
 */
export function agreedSecret(
  crypto: Crypto,
  agreementKey: Key,
  recipient: Recipient,
  form: "compressed" | "any" = "any",
): Key {
  const ephemeral = pointOf(headerValue(recipient, label.ephemeralKey), form);
  try {
    return crypto.agree(agreementKey, ephemeral);
  } catch (error) {
    if (error instanceof RangeError) throw new CborError("not a point of P-256");
    throw error;
  }
}

/** The recipient's salt for HKDF; undefined when it has none. */
export function saltOf(recipient: Recipient): Uint8Array | undefined {
  const salt = headerValue(recipient, label.salt);
  return salt === undefined ? undefined : bytesOf(salt);
}

/** COSE_KDF_Context as the recipient's headers say. */
export function recipientContext(
  alg: number,
  keyBits: number,
  recipient: Recipient,
  unsent: Unsent = nothing,
): Uint8Array {
  const keyAlgorithm = headerValue(recipient, label.alg);
  if (keyAlgorithm !== algorithm.directHkdf256 && keyAlgorithm !== algorithm.ecdhEsHkdf256)
    throw new CborError("a key that is not derived");
  if (recipient.encryptedKey.length !== 0) throw new CborError("an encrypted key beside a derived one");
  const { partyUIdentity, partyVIdentity, publicOther, privateOther } = unsent;
  const partyU = party(recipient, label.partyUIdentity, partyUIdentity);
  const partyV = party(recipient, label.partyVIdentity, partyVIdentity);
  return kdfContext(alg, keyBits, partyU, partyV, recipient.protectedBytes, publicOther, privateOther);
}

/** Identity, nonce and other have labels that follow each other downwards. */
function party(recipient: Headers, first: number, identity: Uint8Array | undefined): Party {
  const at = (key: number) => headerValue(recipient, key) ?? null;
  return [identity ?? at(first), at(first - 1), at(first - 2)];
}

/** The protected header of an ECDH-ES recipient with its kid and ephemeral key. */
export function ecdhRecipient(kid: Uint8Array, ephemeralKey: CborMap): CborMap {
  return new Map<number, CborValue>([
    [label.alg, algorithm.ecdhEsHkdf256],
    [label.kid, kid],
    [label.ephemeralKey, ephemeralKey],
  ]);
}
