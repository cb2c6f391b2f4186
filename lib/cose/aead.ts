/** Lengths of the content encryption algorithms (RFC 9053 §4), in bytes. */
import type { AeadAlgorithm } from "../crypto/crypto.js";
import { algorithm } from "./labels.js";

export function isAead(alg: unknown): alg is AeadAlgorithm {
  return (
    alg === algorithm.a128gcm ||
    alg === algorithm.a256gcm ||
    alg === algorithm.aesCcm16Tag64Key128 ||
    alg === algorithm.chacha20Poly1305
  );
}

export function keyBytes(alg: AeadAlgorithm): number {
  return alg === algorithm.a128gcm || alg === algorithm.aesCcm16Tag64Key128 ? 16 : 32;
}

export function nonceBytes(alg: AeadAlgorithm): number {
  return alg === algorithm.aesCcm16Tag64Key128 ? 13 : 12;
}

export function tagBytes(alg: AeadAlgorithm): number {
  return alg === algorithm.aesCcm16Tag64Key128 ? 8 : 16;
}
