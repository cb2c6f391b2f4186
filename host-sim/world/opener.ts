/**
 * Opens what devices and controllers protect (docs/sealed.md): stamp, seal, sign and sealTo, by RFC 9052 and node:crypto,
 * a second implementation beside lib/sealed that shares no code with it. It keeps no state and does not look into the
 * payload. Anything but the one permitted form is refused, and nothing is given out before it has been verified.
 */
import {
  createDecipheriv,
  createHash,
  createHmac,
  type KeyObject,
  timingSafeEqual,
  verify,
} from "node:crypto";
import {
  type CoseMessage,
  type Header,
  type Recipient,
  type SealedTo,
  type Signed,
  takeApart,
} from "./cose-parts.js";
import {
  agreedKey,
  type Channel,
  contextIv,
  nonceOf,
  publicKeyOf,
  type SealAlgorithm,
  type StampAlgorithm,
  sealAlgorithms,
  sealKey,
  stampAlgorithms,
  stampKey,
} from "./seal-keys.js";
import { encodeDeterministic } from "./strict-cbor.js";

/** The one way in which a sender may protect what it sends (RFC 9052 §9.2 ties a key to an algorithm). */
export type Accepted =
  /** What nothing protects has no header to say what it is. */
  | { readonly protection: "none"; readonly contentType: number | null }
  | { readonly protection: "stamp"; readonly algorithm: StampAlgorithm; readonly secret: Uint8Array }
  | { readonly protection: "seal"; readonly algorithm: SealAlgorithm; readonly secret: Uint8Array }
  | { readonly protection: "sign"; readonly publicKey: KeyObject }
  | {
      readonly protection: "sealTo";
      readonly recipientKid: Uint8Array;
      readonly privateKey: KeyObject;
      /** null: whoever seals to this recipient, so nobody in particular. */
      readonly signer: KeyObject | null;
    };

/** Who may send, and how. */
export interface Sender {
  readonly id: string;
  readonly epoch: number;
  /** Its short name; dCBOR([id, epoch]) when left out. */
  readonly kid?: Uint8Array;
  /** As in Channel. */
  readonly direction?: "up" | "down";
  readonly accepts: Accepted;
}

export interface Opened {
  readonly sender: Sender;
  /** Who has sent it, by the message; null: nobody vouches for it, so that this and the next two are null together. */
  readonly kid: Uint8Array | null;
  readonly counter: number | null;
  /** Two messages under one counter are the same one if this is the same. */
  readonly identity: Uint8Array | null;
  /** COSE content type (RFC 7252 registry), null when absent. */
  readonly contentType: number | null;
  readonly payload: Uint8Array;
}

/** Why a message is refused, for people; peers are told nothing. */
export interface Refused {
  readonly refused: string;
}

type Content = Omit<Opened, "sender">;

/** RFC 9052 §3.1 and docs/sealed.md. */
export function senderKid({ id, epoch, kid }: Sender): Uint8Array {
  return kid ?? encodeDeterministic([Buffer.from(id, "utf8"), epoch]);
}

/** An ECDSA signature can be changed into another that verifies too; what was signed cannot. */
export function signedIdentity(signedBytes: Uint8Array): Uint8Array {
  return createHash("sha256").update(signedBytes).digest().subarray(0, 16);
}

/**
 * @param topic as the sender published to it: it is authenticated with the message
 * @returns never throws for what a message holds
 */
export function open(message: Uint8Array, topic: string, senders: readonly Sender[]): Opened | Refused {
  let refused = "no sender is known";
  let parts: CoseMessage | undefined;
  for (const sender of senders)
    try {
      const { accepts } = sender;
      if (accepts.protection === "none") return { sender, ...nobodys(accepts.contentType, message) };
      parts ??= takeApart(message);
      return { sender, ...openAs(sender, parts, topic) };
    } catch (error) {
      if (refused === "no sender is known" || !(error instanceof UnknownKid))
        refused = (error as Error).message;
    }
  return { refused };
}

/** Of several senders the others are none of its business. */
class UnknownKid extends RangeError {
  constructor() {
    super("unknown kid");
  }
}

function openAs(sender: Sender, message: CoseMessage, topic: string): Content {
  const { accepts } = sender;
  const aad = Buffer.from(topic, "utf8");
  const channel: Channel = { ...sender, topic };
  if (accepts.protection === "stamp" && message.protection === "stamp") {
    const { header, payload, tag } = message;
    checkHeader(header, sender, accepts.algorithm);
    const mac = createHmac("sha256", stampKey(accepts.secret, channel, accepts.algorithm))
      .update(encodeDeterministic(["MAC0", header.bytes, aad, payload]))
      .digest();
    const expected = mac.subarray(0, stampAlgorithms[accepts.algorithm].tagBytes);
    if (tag.length !== expected.length || !timingSafeEqual(tag, expected)) throw notAuthentic();
    return authentic(header, payload, tag);
  }
  if (accepts.protection === "seal" && message.protection === "seal") {
    const { header, ciphertext } = message;
    const { algorithm, secret } = accepts;
    checkHeader(header, sender, algorithm);
    const nonce = nonceOf(contextIv(secret, channel, algorithm), header.counter);
    const structure = encodeDeterministic(["Encrypt0", header.bytes, aad]);
    const payload = decrypt(algorithm, sealKey(secret, channel, algorithm), nonce, structure, ciphertext);
    return authentic(header, payload, ciphertext.subarray(-sealAlgorithms[algorithm].tagBytes));
  }
  if (accepts.protection === "sign" && message.protection === "sign")
    return openSigned(checkSigned(message), sender, accepts.publicKey, aad);
  if (accepts.protection === "sealTo" && message.protection === "sealTo") {
    if (!Buffer.from(accepts.recipientKid).equals(message.recipient.kid)) throw new UnknownKid();
    const payload = openSealedTo(message, accepts.privateKey, aad);
    if (message.contentType !== 18) {
      if (accepts.signer !== null) throw new RangeError("not signed");
      return nobodys(message.contentType, payload);
    }
    const inner = takeSigned(payload);
    // A signature that nobody can check is none.
    if (accepts.signer === null) return nobodys(inner.header.contentType, inner.payload);
    return openSigned(inner, sender, accepts.signer, encodeDeterministic([topic, message.recipient.kid]));
  }
  throw new RangeError(`not this sender's protection: ${message.protection}`);
}

function checkHeader({ kid, algorithm, contentType }: Header, sender: Sender, expected: number): void {
  if (!Buffer.from(senderKid(sender)).equals(kid)) throw new UnknownKid();
  if (algorithm !== expected) throw new RangeError("not this sender's algorithm");
  // Only a command has an operator's signature inside.
  if (contentType === 18 && sender.direction !== "down") throw new RangeError("unknown content type");
}

/** ES256, around no other signature; whose it is has not been looked at. */
function checkSigned(message: CoseMessage): Signed {
  if (message.protection !== "sign") throw new RangeError("no COSE_Sign1");
  const { header, signature } = message;
  if (header.algorithm !== -7 || header.contentType === 18 || signature.length !== 64)
    throw new RangeError("no signature of this profile");
  return message;
}

function takeSigned(data: Uint8Array): Signed {
  return checkSigned(takeApart(data));
}

function openSigned(
  { header, payload, signature }: Signed,
  sender: Sender,
  key: KeyObject,
  aad: Uint8Array,
): Content {
  checkHeader(header, sender, -7);
  const structure = encodeDeterministic(["Signature1", header.bytes, aad, payload]);
  if (!verify("sha256", structure, { key, dsaEncoding: "ieee-p1363" }, signature)) throw notAuthentic();
  return authentic(header, payload, signedIdentity(structure));
}

/** An operator's signature (ES256) within a command: bound to topic, controller and counter. */
export interface Operator {
  readonly kid: Uint8Array;
  readonly publicKey: KeyObject;
}

/**
 * The command that an operator signed and a controller protected.
 * @param outer as it came
 * @returns its bytes, or why they are refused
 */
export function openOperator(outer: Opened, topic: string, operator: Operator): Uint8Array | Refused {
  try {
    if (outer.contentType !== 18) throw new RangeError("not signed");
    const inner = takeSigned(outer.payload);
    const { id, epoch, direction } = outer.sender;
    const signer: Sender = {
      ...operator,
      id,
      epoch,
      ...(direction && { direction }),
      accepts: outer.sender.accepts,
    };
    const aad = encodeDeterministic([topic, outer.kid]);
    const { counter, contentType, payload } = openSigned(inner, signer, operator.publicKey, aad);
    if (counter !== outer.counter) throw new RangeError("signed for another counter");
    if (contentType !== 60) throw new RangeError("not signed as a command");
    return payload;
  } catch (error) {
    return { refused: (error as Error).message };
  }
}

function openSealedTo(message: SealedTo, privateKey: KeyObject, aad: Uint8Array): Uint8Array {
  const { recipient, protectedBytes, iv, ciphertext } = message;
  const structure = encodeDeterministic(["Encrypt", protectedBytes, aad]);
  return decrypt(1, contentKey(recipient, privateKey), iv, structure, ciphertext);
}

function contentKey({ point, protectedBytes }: Recipient, privateKey: KeyObject): Uint8Array {
  return agreedKey(privateKey, publicKeyOf(point), protectedBytes);
}

/** @throws {RangeError} when it is not authentic, and then nothing of the plaintext has got out */
function decrypt(
  algorithm: SealAlgorithm,
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  ciphertext: Uint8Array,
): Uint8Array {
  const { cipher, tagBytes } = sealAlgorithms[algorithm];
  const end = ciphertext.length - tagBytes;
  if (end < 0) throw notAuthentic();
  // The types know each cipher by its name only.
  const decipher = createDecipheriv(cipher as "aes-128-gcm", key, nonce, { authTagLength: tagBytes });
  decipher.setAuthTag(ciphertext.subarray(end));
  decipher.setAAD(aad, { plaintextLength: end });
  try {
    const plaintext = decipher.update(ciphertext.subarray(0, end));
    decipher.final();
    return new Uint8Array(plaintext);
  } catch {
    throw notAuthentic();
  }
}

function authentic(
  { kid, counter, contentType }: Header,
  payload: Uint8Array,
  identity: Uint8Array,
): Content {
  return { kid, counter, identity, contentType, payload };
}

function nobodys(contentType: number | null, payload: Uint8Array): Content {
  return { kid: null, counter: null, identity: null, contentType, payload };
}

function notAuthentic(): RangeError {
  return new RangeError("does not verify");
}
