/**
 * From a device's secret to the key of one sender, epoch, direction and topic: HKDF-SHA-256 over a
 * COSE_KDF_Context (RFC 9053 §5.2). One topic's key gives away no other, two senders never share one.
 * Whoever derives a key closes it. Refuses topic filters: a key belongs to one topic.
 */
import { encode } from "../cbor/encode.js";
import { utf8Encode } from "../cbor/utf8.js";
import type { CborValue } from "../cbor/value.js";
import { algorithm } from "../cose/labels.js";
import type { HmacAlgorithm } from "../cose/mac0.js";
import type { Crypto, Key } from "../crypto/crypto.js";

/** From the device to the host, or back. */
export type Direction = "up" | "down";

export interface Sender {
  /** 1 to 64 bytes of UTF-8. */
  readonly id: string;
  /** Which of the sender's secrets, 0 to 2^32 - 1. */
  readonly epoch: number;
}

/** What one key is for. */
export interface Channel {
  readonly sender: Sender;
  readonly direction: Direction;
  /** As the device knows it, whatever a bridge makes of it. */
  readonly topic: string;
}

/** A key together with all it may be used for, so that it cannot meet another topic or kid. */
export interface StampKey {
  readonly alg: HmacAlgorithm;
  readonly kid: Uint8Array;
  /** UTF-8 of the topic: the external AAD. */
  readonly topicBytes: Uint8Array;
  readonly key: Key;
}

const profileName = "dormouse1";
const maxSenderIdBytes = 64;
const maxEpoch = 0xffff_ffff;

/** Key lengths in bits by COSE algorithm (RFC 9053 §3.1, §4). */
function keyBits(alg: number): number {
  switch (alg) {
    case algorithm.hmac256:
    case algorithm.hmac256Tag64:
    case algorithm.chacha20Poly1305:
    case algorithm.a256gcm:
      return 256;
    case algorithm.a128gcm:
    case algorithm.aesCcm16Tag64Key128:
      return 128;
  }
  throw new RangeError(`no key length for COSE algorithm ${alg}`);
}

/** Nonce lengths in bits (RFC 9053 §4). */
function nonceBits(alg: number): number {
  return alg === algorithm.aesCcm16Tag64Key128 ? 104 : 96;
}

/**
 * The key identifier, dCBOR([senderId, epoch]).
 * @throws RangeError for a sender beyond the limits above.
 */
export function encodeKid(sender: Sender): Uint8Array {
  return encode([senderIdBytes(sender), sender.epoch]);
}

/**
 * COSE_KDF_Context of the key for `alg` on `channel`.
 * @throws RangeError for a sender or topic beyond the limits, or an algorithm of no known key length.
 */
export function keyContext(alg: number, channel: Channel): Uint8Array {
  return kdfContext(alg, keyBits(alg), channel, innerContext(channel));
}

/** COSE_KDF_Context of the Context IV for `contentAlg` on `channel`. */
export function ivContext(contentAlg: number, channel: Channel): Uint8Array {
  keyBits(contentAlg);
  const inner = [...innerContext(channel), contentAlg];
  return kdfContext(algorithm.ivGeneration, nonceBits(contentAlg), channel, inner);
}

/** The key for stamps on `channel`. The caller closes `.key`. */
export function deriveStampKey(
  crypto: Crypto,
  secret: Key,
  channel: Channel,
  alg: HmacAlgorithm = algorithm.hmac256,
): StampKey {
  const info = keyContext(alg, channel);
  const kid = encodeKid(channel.sender);
  const topicBytes = utf8Encode(channel.topic);
  return { alg, kid, topicBytes, key: crypto.deriveMacKey(secret, info, keyBits(alg) / 8) };
}

/** The Context IV for `contentAlg` on `channel`: no secret, but not to be guessed either. */
export function deriveContextIv(
  crypto: Crypto,
  secret: Key,
  channel: Channel,
  contentAlg: number,
): Uint8Array {
  return crypto.deriveBytes(secret, ivContext(contentAlg, channel), nonceBits(contentAlg) / 8);
}

/**
 * Four bytes that tell one secret and epoch from another, so that state kept elsewhere is not used with the
 * wrong secret. Output of HKDF under a label of its own: it says nothing about the secret or its keys.
 */
export function deriveSecretId(crypto: Crypto, secret: Key, epoch: number): Uint8Array {
  return crypto.deriveBytes(secret, encode([profileName, "secret-id", epoch]), 4);
}

function innerContext({ direction, topic }: Channel): CborValue[] {
  if (topic === "" || topic.includes("+") || topic.includes("#") || topic.includes("\0"))
    throw new RangeError("not the name of one topic");
  return [profileName, direction, topic];
}

function kdfContext(alg: number, bits: number, { sender }: Channel, inner: CborValue[]): Uint8Array {
  const partyU = [senderIdBytes(sender), sender.epoch, null];
  return encode([alg, partyU, [null, null, null], [bits, new Uint8Array(0), encode(inner)]]);
}

function senderIdBytes({ id, epoch }: Sender): Uint8Array {
  const bytes = utf8Encode(id);
  if (bytes.length === 0 || bytes.length > maxSenderIdBytes)
    throw new RangeError(`a sender id has 1 to ${maxSenderIdBytes} bytes`);
  if (!Number.isInteger(epoch) || epoch < 0 || epoch > maxEpoch)
    throw new RangeError(`an epoch lies between 0 and ${maxEpoch}`);
  return bytes;
}
