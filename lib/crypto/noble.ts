/**
 * lib's Crypto over @noble/hashes: the portable reference, and the fallback where there is no native module.
 * Its keys live in the JavaScript heap. It cannot sign: @noble/hashes has no P-256. Never preload it in XS: noble's SHA-256 writes to a module-level
 * scratch array, which a preloaded module's freeze forbids.
 */
import { hkdf } from "@noble/hashes/hkdf.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import type { Crypto, Key } from "./crypto.js";

class NobleKey implements Key {
  readonly use: "derive" | "mac";
  #bytes: Uint8Array | undefined;
  constructor(use: "derive" | "mac", bytes: Uint8Array) {
    this.use = use;
    this.#bytes = bytes;
  }
  get bytes(): Uint8Array {
    if (!this.#bytes) throw new TypeError("the key is closed");
    return this.#bytes;
  }
  close(): void {
    this.#bytes?.fill(0);
    this.#bytes = undefined;
  }
}

function bytesOf(key: Key, use: "derive" | "mac"): Uint8Array {
  if (!(key instanceof NobleKey) || key.use !== use) throw new TypeError(`not a ${use} key of this provider`);
  return key.bytes;
}

/** RFC 5869 §2.3: at most 255 blocks. */
function derive(secret: Key, info: Uint8Array, byteLength: number, salt?: Uint8Array): Uint8Array {
  const bytes = bytesOf(secret, "derive");
  if (!(byteLength >= 1 && byteLength <= 255 * 32)) throw new RangeError("not a byte count from 1 to 8160");
  return hkdf(sha256, bytes, salt, info, byteLength);
}

function noP256(): never {
  throw new RangeError("this provider has no P-256");
}

/**
 * @param random the platform's source of strong random bytes; noble has none of its own in XS
 */
export function nobleCrypto(random: Crypto["random"]): Crypto {
  return {
    random,
    sha256: (data) => sha256(data),
    importSecret: (bytes) => {
      if (bytes.length === 0) throw new RangeError("a secret of no bytes");
      return new NobleKey("derive", bytes.slice());
    },
    deriveMacKey: (secret, info, byteLength, salt) =>
      new NobleKey("mac", derive(secret, info, byteLength, salt)),
    deriveAeadKey: noP256,
    deriveBytes: derive,
    importMacKey: (bytes) => {
      if (bytes.length === 0) throw new RangeError("a MAC key of no bytes");
      return new NobleKey("mac", bytes.slice());
    },
    hmac: (key, data) => hmac(sha256, bytesOf(key, "mac"), data),
    importAeadKey: noP256,
    encrypt: noP256,
    decrypt: noP256,
    importSigningKey: noP256,
    sign: noP256,
    importVerifyingKey: noP256,
    verify: noP256,
    generateAgreementKey: noP256,
    importAgreementKey: noP256,
    agreementPoint: noP256,
    agree: noP256,
  };
}
