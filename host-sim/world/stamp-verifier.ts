/**
 * Verifies stamps (COSE_Mac0, RFC 9052 §6.2) as docs/sealed.md fixes them, with node:crypto and
 * cborg: a second implementation, which shares no code with lib/sealed. It keeps no state and does not look
 * into the payload. Anything but the one permitted form is refused, before or after the tag is checked.
 */
import { createHmac, hkdfSync, timingSafeEqual } from "node:crypto";
import { decodeDeterministic, encodeDeterministic } from "./strict-cbor.js";

/** HMAC 256/256 and the compact HMAC 256/64 (RFC 9053 §3.1). */
const tagBytes = { 5: 32, 4: 8 } as const;
export type StampAlgorithm = keyof typeof tagBytes;

/** Who may send, and with what. */
export interface Sender {
  readonly id: string;
  readonly epoch: number;
  /** 32 bytes. */
  readonly secret: Uint8Array;
  /** The one algorithm this sender may use; 5 when left out (RFC 9052 §9.2 ties a key to an algorithm). */
  readonly algorithm?: StampAlgorithm;
}

export interface Stamp {
  readonly sender: Sender;
  readonly kid: Uint8Array;
  readonly counter: number;
  /** COSE content type (RFC 7252 registry), null when absent. */
  readonly contentType: number | null;
  readonly payload: Uint8Array;
  readonly tag: Uint8Array;
}

/** Why a message is refused, for people; peers are told nothing. */
export interface Refused {
  readonly refused: string;
}

/** RFC 9052 §3.1 and the design's kid: dCBOR([senderId, epoch]). */
export function senderKid({ id, epoch }: Sender): Uint8Array {
  return encodeDeterministic([Buffer.from(id, "utf8"), epoch]);
}

/** COSE_KDF_Context (RFC 9053 §5.2), HKDF-SHA-256 without salt (RFC 5869). */
export function stampKey(
  { id, epoch, secret }: Sender,
  algorithm: StampAlgorithm,
  topic: string,
): Uint8Array {
  const binding = encodeDeterministic(["dormouse1", "up", topic]);
  const info = encodeDeterministic([
    algorithm,
    [Buffer.from(id, "utf8"), epoch, null],
    [null, null, null],
    [256, new Uint8Array(0), binding],
  ]);
  return new Uint8Array(hkdfSync("sha256", secret, new Uint8Array(0), info, 32));
}

interface Header {
  readonly algorithm: unknown;
  readonly kid: Uint8Array;
  readonly counter: number;
  readonly contentType: number | null;
}

/** Labels 1 alg, 3 content type, 4 kid, 6 counter; nothing else. */
function readHeader(bytes: Uint8Array): Header {
  const map = decodeDeterministic(bytes);
  if (!(map instanceof Map)) throw new RangeError("the protected header is no map");
  for (const label of map.keys())
    if (![1, 3, 4, 6].includes(label)) throw new RangeError(`header label ${label}`);
  const kid: unknown = map.get(4);
  const contentType: unknown = map.get(3) ?? null;
  if (!(kid instanceof Uint8Array)) throw new RangeError("no kid");
  if (contentType !== null && contentType !== 110) throw new RangeError("unknown content type");
  return { algorithm: map.get(1), kid, counter: readCounter(map.get(6)), contentType };
}

/** Big-endian, shortest form, zero is h'00', at most 2^40 - 1. */
function readCounter(value: unknown): number {
  if (!(value instanceof Uint8Array) || value.length < 1 || value.length > 5)
    throw new RangeError("no counter");
  if (value.length > 1 && value[0] === 0) throw new RangeError("the counter has leading zeros");
  return value.reduce((sum, byte) => sum * 256 + byte, 0);
}

function verify(message: Uint8Array, topic: string, senders: readonly Sender[]): Stamp {
  // Tag 17 in its one-byte form. What follows holds no further tags.
  if (message[0] !== 0xd1) throw new RangeError("no COSE_Mac0 tag");
  const parts = decodeDeterministic(message.subarray(1));
  if (!Array.isArray(parts) || parts.length !== 4) throw new RangeError("not four elements");
  const [protectedBytes, unprotected, payload, tag] = parts as unknown[];
  if (!(protectedBytes instanceof Uint8Array)) throw new RangeError("the protected header is no byte string");
  if (!(unprotected instanceof Map) || unprotected.size > 0) throw new RangeError("an unprotected header");
  if (!(payload instanceof Uint8Array) || !(tag instanceof Uint8Array))
    throw new RangeError("no payload or no tag");
  const header = readHeader(protectedBytes);
  const sender = senders.find((known) => Buffer.from(senderKid(known)).equals(header.kid));
  if (!sender) throw new RangeError("unknown kid");
  const algorithm = sender.algorithm ?? 5;
  if (header.algorithm !== algorithm) throw new RangeError("not this sender's algorithm");
  const structure = encodeDeterministic(["MAC0", protectedBytes, Buffer.from(topic, "utf8"), payload]);
  const mac = createHmac("sha256", stampKey(sender, algorithm, topic))
    .update(structure)
    .digest();
  const expected = mac.subarray(0, tagBytes[algorithm]);
  if (tag.length !== expected.length || !timingSafeEqual(tag, expected))
    throw new RangeError("does not verify");
  return { sender, kid: header.kid, counter: header.counter, contentType: header.contentType, payload, tag };
}

/**
 * @param topic as the device published to it: it is authenticated with the message
 * @returns never throws for what a message holds
 */
export function verifyStamp(message: Uint8Array, topic: string, senders: readonly Sender[]): Stamp | Refused {
  try {
    return verify(message, topic, senders);
  } catch (error) {
    return { refused: (error as Error).message };
  }
}
