/**
 * lib's Crypto over @noble/hashes and @noble/ciphers: the portable reference, and the fallback where there is no
 * native module. Its keys live in the JavaScript heap. It has no P-256, and AES only when noble-aes.ts is given to it.
 * Never preload it in XS: noble's SHA-256 writes to a module-level scratch array, which a preloaded module's freeze
 * forbids.
 */
import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import { hkdf } from "@noble/hashes/hkdf.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { type AeadLengths, aeadLengths } from "./aead.js";
import type { AeadAlgorithm, Crypto, Key } from "./crypto.js";
import type { AeadFunctions, NobleAes } from "./noble-aes.js";

type Use = "derive" | "mac" | "aead";

class NobleKey implements Key {
  readonly use: Use;
  readonly alg: AeadAlgorithm | undefined;
  #bytes: Uint8Array | undefined;

  /** @param bytes kept, and zeroed by `close` */
  constructor(use: Use, bytes: Uint8Array, alg?: AeadAlgorithm) {
    this.use = use;
    this.alg = alg;
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

function keyOf(key: Key, use: Use): NobleKey {
  if (!(key instanceof NobleKey) || key.use !== use) throw new TypeError(`not a ${use} key of this provider`);
  return key;
}

/** RFC 5869 §2.3: at most 255 blocks. */
function derive(secret: Key, info: Uint8Array, byteLength: number, salt?: Uint8Array): Uint8Array {
  const { bytes } = keyOf(secret, "derive");
  if (!(byteLength >= 1 && byteLength <= 255 * 32)) throw new RangeError("not a byte count from 1 to 8160");
  return hkdf(sha256, bytes, salt, info, byteLength);
}

const chacha: AeadFunctions = {
  encrypt: (key, nonce, aad, plaintext) => chacha20poly1305(key, nonce, aad).encrypt(plaintext),
  decrypt: (key, nonce, aad, ciphertext) => {
    try {
      return chacha20poly1305(key, nonce, aad).decrypt(ciphertext); // looks at the tag first
    } catch {
      return undefined;
    }
  },
};

/** An AEAD key with what works it. @throws {TypeError} unless `key` is one, {RangeError} for a nonce of another length */
function aeadOf(key: Key, nonce: Uint8Array, all: Aeads) {
  const { bytes, alg } = keyOf(key, "aead");
  const { functions, lengths } = all(alg!);
  if (nonce.length !== lengths.nonceBytes) throw new RangeError("not a nonce of this algorithm's length");
  return { bytes, lengths, ...functions };
}

type Aeads = (alg: AeadAlgorithm) => { functions: AeadFunctions; lengths: AeadLengths };

function noP256(): never {
  throw new RangeError("this provider has no P-256");
}

/**
 * @param random the platform's source of strong random bytes; noble has none of its own in XS
 * @param aes noble-aes.ts, where there is memory for it. Without: RangeError for its algorithms
 */
export function nobleCrypto(random: Crypto["random"], aes?: NobleAes): Crypto {
  const aeads: Aeads = (alg) => {
    const lengths = aeadLengths(alg);
    const functions = alg === 24 ? chacha : aes?.[alg];
    if (!functions) throw new RangeError("this provider has no AES");
    return { functions, lengths };
  };
  return {
    random,
    sha256: (data) => sha256(data),
    importSecret: (bytes) => {
      if (bytes.length === 0) throw new RangeError("a secret of no bytes");
      return new NobleKey("derive", new Uint8Array(bytes));
    },
    deriveMacKey: (secret, info, byteLength, salt) =>
      new NobleKey("mac", derive(secret, info, byteLength, salt)),
    deriveAeadKey: (secret, info, alg, salt) =>
      new NobleKey("aead", derive(secret, info, aeads(alg).lengths.keyBytes, salt), alg),
    deriveBytes: derive,
    importMacKey: (bytes) => {
      if (bytes.length === 0) throw new RangeError("a MAC key of no bytes");
      return new NobleKey("mac", new Uint8Array(bytes));
    },
    hmac: (key, data) => hmac(sha256, keyOf(key, "mac").bytes, data),
    importAeadKey: (bytes, alg) => {
      if (bytes.length !== aeads(alg).lengths.keyBytes)
        throw new RangeError("not a key of this algorithm's length");
      return new NobleKey("aead", new Uint8Array(bytes), alg);
    },
    encrypt: (key, nonce, aad, plaintext) => {
      const { bytes, lengths, encrypt } = aeadOf(key, nonce, aeads);
      if (plaintext.length > lengths.maxTextBytes)
        throw new RangeError("more than this algorithm can encrypt");
      return encrypt(bytes, nonce, aad, plaintext);
    },
    decrypt: (key, nonce, aad, ciphertext) => {
      const { bytes, lengths, decrypt } = aeadOf(key, nonce, aeads);
      const textBytes = ciphertext.length - lengths.tagBytes;
      if (textBytes < 0 || textBytes > lengths.maxTextBytes) return undefined;
      return decrypt(bytes, nonce, aad, ciphertext);
    },
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
