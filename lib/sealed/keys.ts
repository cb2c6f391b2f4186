/**
 * From a device's secret to the key of one sender, epoch, direction and topic: HKDF-SHA-256 over a
 * COSE_KDF_Context (RFC 9053 §5.2). One topic's key gives away no other, two senders never share one.
 * Whoever derives a key closes it. Refuses topic filters: a key belongs to one topic.
 */
import { encode } from "../cbor/encode.js";
import { utf8Encode } from "../cbor/utf8.js";
import type { CborValue } from "../cbor/value.js";
import { kdfContext as encodeKdfContext, noParty } from "../cose/kdf-context.js";
import { algorithm } from "../cose/labels.js";
import type { HmacAlgorithm } from "../cose/mac0.js";
import { aeadLengths } from "../crypto/aead.js";
import type { AeadAlgorithm, Crypto, Key } from "../crypto/crypto.js";

/** From the device to the host, or back. */
export type Direction = "up" | "down";

export interface Sender {
  /** 1 to 64 bytes of UTF-8. */
  readonly id: string;
  /** Which of the sender's secrets, 0 to 2^32 - 1. */
  readonly epoch: number;
  /** A short kid of 2 to 8 bytes that both ends were given, in place of the one made of id and epoch. */
  readonly kid?: Uint8Array;
  /** What made the secret of a factory image's (next-secret.ts): the kid says it, and no short one takes its place. */
  readonly salt?: Uint8Array;
}

/** What one key is for. */
export interface Channel {
  readonly sender: Sender;
  readonly direction: Direction;
  /** As the device knows it, whatever a bridge makes of it. */
  readonly topic: string;
}

export type StampAlgorithm = HmacAlgorithm;
export type SealAlgorithm = AeadAlgorithm;

/** A key together with all it may be used for, so that it cannot meet another topic or kid. */
interface TopicKey {
  readonly kid: Uint8Array;
  /** UTF-8 of the topic: the external AAD. */
  readonly topicBytes: Uint8Array;
  readonly key: Key;
}

export interface StampKey extends TopicKey {
  readonly protection: "stamp";
  readonly alg: StampAlgorithm;
}

export interface SealKey extends TopicKey {
  readonly protection: "seal";
  readonly alg: SealAlgorithm;
  readonly contextIv: Uint8Array;
}

/** Signing at the sender, verifying at the receiver. */
export interface SignKey extends TopicKey {
  readonly protection: "sign";
}

const profileName = "dormouse1";
const maxSenderIdBytes = 64;
const maxEpoch = 0xffff_ffff;
const minShortKidBytes = 2;
const maxShortKidBytes = 8;

/** Of an HMAC (RFC 9053 §3.1) or AEAD. @throws {RangeError} for any other algorithm */
function keyBits(alg: number): number {
  if (alg === algorithm.hmac256 || alg === algorithm.hmac256Tag64) return 256;
  return 8 * aeadLengths(alg as AeadAlgorithm).keyBytes;
}

/**
 * The key identifier: dCBOR([senderId, epoch, salt]) where there is a salt, else the sender's short one, or
 * dCBOR([senderId, epoch]).
 * @throws RangeError for a sender beyond the limits above.
 */
export function encodeKid(sender: Sender): Uint8Array {
  const id = senderIdBytes(sender);
  const { kid, epoch, salt } = sender;
  if (salt !== undefined) return encode([id, epoch, salt]);
  if (kid === undefined) return encode([id, epoch]);
  if (kid.length < minShortKidBytes || kid.length > maxShortKidBytes)
    throw new RangeError(`a short kid has ${minShortKidBytes} to ${maxShortKidBytes} bytes`);
  return kid;
}

/**
 * COSE_KDF_Context of the key for `alg` on `channel`.
 * @throws RangeError for a sender or topic beyond the limits, or an algorithm of no known key length.
 */
export function keyContext(alg: number, channel: Channel): Uint8Array {
  return kdfContext(alg, keyBits(alg), channel, innerContext(channel));
}

/** COSE_KDF_Context of the Context IV for `contentAlg` on `channel`. */
export function ivContext(contentAlg: SealAlgorithm, channel: Channel): Uint8Array {
  const { nonceBytes } = aeadLengths(contentAlg);
  const inner = [...innerContext(channel), contentAlg];
  return kdfContext(algorithm.ivGeneration, 8 * nonceBytes, channel, inner);
}

/** The key for stamps on `channel`. The caller closes it. */
export function deriveStampKey(
  crypto: Crypto,
  secret: Key,
  channel: Channel,
  alg: StampAlgorithm = algorithm.hmac256,
): StampKey {
  const info = keyContext(alg, channel);
  const kid = encodeKid(channel.sender);
  const topicBytes = topicBytesOf(channel.topic);
  return {
    protection: "stamp",
    alg,
    kid,
    topicBytes,
    key: crypto.deriveMacKey(secret, info, keyBits(alg) / 8),
  };
}

/** The key and Context IV for seals on `channel`. The caller closes the key. */
export function deriveSealKey(
  crypto: Crypto,
  secret: Key,
  channel: Channel,
  alg: SealAlgorithm = algorithm.chacha20Poly1305,
): SealKey {
  const info = keyContext(alg, channel);
  const kid = encodeKid(channel.sender);
  const topicBytes = topicBytesOf(channel.topic);
  const contextIv = deriveContextIv(crypto, secret, channel, alg);
  return {
    protection: "seal",
    alg,
    kid,
    topicBytes,
    contextIv,
    key: crypto.deriveAeadKey(secret, info, alg),
  };
}

/**
 * The sender's own key pair on `topic`, or what a receiver knows of it.
 * @param key from `importSigningKey` or `importVerifyingKey`; `closeKey` closes it
 */
export function signKey(sender: Sender, topic: string, key: Key): SignKey {
  return { protection: "sign", kid: encodeKid(sender), topicBytes: topicBytesOf(topic), key };
}

/** The Context IV for `contentAlg` on `channel`: no secret, but not to be guessed either. */
export function deriveContextIv(
  crypto: Crypto,
  secret: Key,
  channel: Channel,
  contentAlg: SealAlgorithm,
): Uint8Array {
  return crypto.deriveBytes(secret, ivContext(contentAlg, channel), aeadLengths(contentAlg).nonceBytes);
}

/**
 * Four bytes that tell one secret and epoch from another, so that state kept elsewhere is not used with the
 * wrong secret. Output of HKDF under a label of its own: it says nothing about the secret or its keys.
 */
export function deriveSecretId(crypto: Crypto, secret: Key, epoch: number): Uint8Array {
  return crypto.deriveBytes(secret, encode([profileName, "secret-id", epoch]), 4);
}

/** UTF-8 of the name of one topic. @throws RangeError for anything else */
export function topicBytesOf(topic: string): Uint8Array {
  if (topic === "" || topic.includes("+") || topic.includes("#") || topic.includes("\0"))
    throw new RangeError("not the name of one topic");
  return utf8Encode(topic);
}

function innerContext({ direction, topic }: Channel): CborValue[] {
  topicBytesOf(topic);
  return [profileName, direction, topic];
}

function kdfContext(alg: number, bits: number, { sender }: Channel, inner: CborValue[]): Uint8Array {
  const partyU = [senderIdBytes(sender), sender.epoch, null] as const;
  return encodeKdfContext(alg, bits, partyU, noParty, new Uint8Array(0), encode(inner));
}

function senderIdBytes({ id, epoch }: Sender): Uint8Array {
  const bytes = utf8Encode(id);
  if (bytes.length === 0 || bytes.length > maxSenderIdBytes)
    throw new RangeError(`a sender id has 1 to ${maxSenderIdBytes} bytes`);
  if (!Number.isInteger(epoch) || epoch < 0 || epoch > maxEpoch)
    throw new RangeError(`an epoch lies between 0 and ${maxEpoch}`);
  return bytes;
}
