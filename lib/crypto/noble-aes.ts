/**
 * noble's AES for nobleCrypto, apart from it because of its price: loading @noble/ciphers/aes builds 660 KB of tables,
 * which no board has. Never preload it in XS: noble's GHASH writes to a module-level scratch array.
 */
import { gcm } from "@noble/ciphers/aes.js";
import { ccmDecrypt, ccmEncrypt } from "./noble-ccm.js";

/** Encryption and decryption under a key of the right length, for one algorithm; `decrypt` as in Crypto. */
export interface AeadFunctions {
  encrypt(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Uint8Array;
  decrypt(
    key: Uint8Array,
    nonce: Uint8Array,
    aad: Uint8Array,
    ciphertext: Uint8Array,
  ): Uint8Array | undefined;
}

/** By COSE's numbers (RFC 9053 §4). AES-128 and AES-256 differ in the key alone. */
export interface NobleAes {
  readonly 1: AeadFunctions;
  readonly 3: AeadFunctions;
  readonly 10: AeadFunctions;
}

const aesGcm: AeadFunctions = Object.freeze({
  encrypt: (key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array) =>
    gcm(key, nonce, aad).encrypt(plaintext),
  decrypt: (key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, ciphertext: Uint8Array) => {
    try {
      return gcm(key, nonce, aad).decrypt(ciphertext); // looks at the tag first
    } catch {
      return undefined;
    }
  },
});

const aesCcm: AeadFunctions = Object.freeze({ encrypt: ccmEncrypt, decrypt: ccmDecrypt });

export const nobleAes: NobleAes = Object.freeze({ 1: aesGcm, 3: aesGcm, 10: aesCcm });
