/** What RFC 9053 §4 fixes for each AEAD: the lengths, which every provider and every message goes by. */
import type { AeadAlgorithm } from "./crypto.js";

export interface AeadLengths {
  readonly keyBytes: number;
  readonly nonceBytes: number;
  readonly tagBytes: number;
  /** The longest plaintext. */
  readonly maxTextBytes: number;
}

const unlimited = Number.MAX_SAFE_INTEGER; // more than a Uint8Array has

const lengths: Readonly<Record<AeadAlgorithm, AeadLengths>> = Object.freeze({
  1: Object.freeze({ keyBytes: 16, nonceBytes: 12, tagBytes: 16, maxTextBytes: unlimited }),
  3: Object.freeze({ keyBytes: 32, nonceBytes: 12, tagBytes: 16, maxTextBytes: unlimited }),
  10: Object.freeze({ keyBytes: 16, nonceBytes: 13, tagBytes: 8, maxTextBytes: 0xffff }),
  24: Object.freeze({ keyBytes: 32, nonceBytes: 12, tagBytes: 16, maxTextBytes: unlimited }),
});

/** @throws {RangeError} for the number of any other algorithm */
export function aeadLengths(alg: AeadAlgorithm): AeadLengths {
  const found = Object.hasOwn(lengths, alg) ? lengths[alg] : undefined;
  if (!found) throw new RangeError("not an AEAD algorithm of this profile");
  return found;
}

export function isAead(alg: unknown): alg is AeadAlgorithm {
  return typeof alg === "number" && Object.hasOwn(lengths, alg);
}
