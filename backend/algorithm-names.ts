/** The names that profiles, keyrings and commands give to COSE's algorithms (RFC 9053), one for each protection. */
import type { AeadAlgorithm } from "../lib/crypto/crypto.js";

export const stampAlgorithms = { "hmac-256": 5, "hmac-256-64": 4 } as const;

export const sealAlgorithms = {
  "chacha20-poly1305": 24,
  a128gcm: 1,
  a256gcm: 3,
  "aes-ccm-16-64-128": 10,
} as const satisfies Record<string, AeadAlgorithm>;

export type StampName = keyof typeof stampAlgorithms;
export type SealName = keyof typeof sealAlgorithms;

export function isStampName(name: unknown): name is StampName {
  return typeof name === "string" && Object.hasOwn(stampAlgorithms, name);
}

export function isSealName(name: unknown): name is SealName {
  return typeof name === "string" && Object.hasOwn(sealAlgorithms, name);
}

/** Key and Context IV lengths in bytes (RFC 9053 §4). */
export const sealLengths: Readonly<Record<AeadAlgorithm, { readonly key: number; readonly iv: number }>> = {
  1: { key: 16, iv: 12 },
  3: { key: 32, iv: 12 },
  10: { key: 16, iv: 13 },
  24: { key: 32, iv: 12 },
};
