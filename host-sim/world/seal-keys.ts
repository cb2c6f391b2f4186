/**
 * From a secret to the key of one sender, epoch, direction, topic and algorithm (docs/sealed.md, "Keys"), and from a
 * key agreement to a content key, with node:crypto and cborg. It shares no code with lib/sealed.
 */
import { createPublicKey, diffieHellman, ECDH, hkdfSync, type KeyObject } from "node:crypto";
import { encodeDeterministic } from "./strict-cbor.js";

/** RFC 9053 §3.1 and §4, by COSE number. */
export const stampAlgorithms = {
  5: { name: "hmac-256", tagBytes: 32 },
  4: { name: "hmac-256-64", tagBytes: 8 },
} as const;
export const sealAlgorithms = {
  1: { name: "a128gcm", cipher: "aes-128-gcm", keyBytes: 16, nonceBytes: 12, tagBytes: 16 },
  3: { name: "a256gcm", cipher: "aes-256-gcm", keyBytes: 32, nonceBytes: 12, tagBytes: 16 },
  10: { name: "aes-ccm-16-64-128", cipher: "aes-128-ccm", keyBytes: 16, nonceBytes: 13, tagBytes: 8 },
  24: { name: "chacha20-poly1305", cipher: "chacha20-poly1305", keyBytes: 32, nonceBytes: 12, tagBytes: 16 },
} as const;
export type StampAlgorithm = keyof typeof stampAlgorithms;
export type SealAlgorithm = keyof typeof sealAlgorithms;

export interface Channel {
  /** Of the sender. */
  readonly id: string;
  readonly epoch: number;
  /** "up": from the device to a host, and so it is when left out. */
  readonly direction?: "up" | "down";
  /** On the device's side. */
  readonly topic: string;
}

/** AES-128-GCM's, for what is sealed to a recipient. */
const contentKeyBytes = 16;
/** IV-GENERATION, of COSE's registry. */
const ivGeneration = 34;
const nobody = [null, null, null] as const;

/** HKDF-SHA-256 without salt (RFC 5869). */
function hkdf(secret: Uint8Array, info: Uint8Array, byteLength: number): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", secret, new Uint8Array(0), info, byteLength));
}

/** The key, or what else, for `algorithm`: info is a COSE_KDF_Context (RFC 9053 §5.2). */
function derive(
  secret: Uint8Array,
  { id, epoch, direction = "up", topic }: Channel,
  algorithm: number,
  byteLength: number,
  ...more: number[]
): Uint8Array {
  const binding = encodeDeterministic(["dormouse1", direction, topic, ...more]);
  const sender = [Buffer.from(id, "utf8"), epoch, null];
  const supplement = [8 * byteLength, new Uint8Array(0), binding];
  return hkdf(secret, encodeDeterministic([algorithm, sender, nobody, supplement]), byteLength);
}

export function stampKey(secret: Uint8Array, channel: Channel, algorithm: StampAlgorithm): Uint8Array {
  return derive(secret, channel, algorithm, 32);
}

export function sealKey(secret: Uint8Array, channel: Channel, algorithm: SealAlgorithm): Uint8Array {
  return derive(secret, channel, algorithm, sealAlgorithms[algorithm].keyBytes);
}

export function contextIv(secret: Uint8Array, channel: Channel, algorithm: SealAlgorithm): Uint8Array {
  return derive(secret, channel, ivGeneration, sealAlgorithms[algorithm].nonceBytes, algorithm);
}

/** RFC 9052 §3.1: the Partial IV, padded with zeros on the left, exclusive-or the Context IV. */
export function nonceOf(iv: Uint8Array, counter: number): Uint8Array {
  const padded = Buffer.alloc(iv.length);
  padded.writeUIntBE(counter, iv.length - 6, 6);
  return iv.map((byte, at) => byte ^ padded[at]!);
}

/**
 * ECDH-ES + HKDF-256 (RFC 9053 §6.3.1), straight to the content's key: both sides of it.
 * @param recipientHeader its protected header, which is part of the context
 */
export function agreedKey(
  privateKey: KeyObject,
  publicKey: KeyObject,
  recipientHeader: Uint8Array,
): Uint8Array {
  const shared = diffieHellman({ privateKey, publicKey });
  const info = encodeDeterministic([1, nobody, nobody, [8 * contentKeyBytes, recipientHeader]]);
  return hkdf(shared, info, contentKeyBytes);
}

/** @throws {Error} for what is no P-256 point, compressed or not (SEC 1 §2.3.3) */
export function publicKeyOf(point: Uint8Array): KeyObject {
  const whole = ECDH.convertKey(point, "prime256v1", undefined, undefined, "uncompressed") as Buffer;
  const [x, y] = [whole.subarray(1, 33), whole.subarray(33)].map((part) => part.toString("base64url"));
  return createPublicKey({ key: { kty: "EC", crv: "P-256", x: x!, y: y! }, format: "jwk" });
}
