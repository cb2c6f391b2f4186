/**
 * lib's Crypto over the native module: mbedTLS on a board (in hardware where it can) and in the simulator.
 * Keys never enter the JavaScript heap. The firmware's provider; it may be preloaded.
 */
import {
  AeadKey,
  AgreementKey,
  MacKey,
  random,
  Secret,
  SigningKey,
  sha256,
  VerifyingKey,
} from "dormouse/native/crypto";
import type { Crypto, Key } from "./crypto.js";
import { p256PrivateNumber } from "./p256-key.js";

/** The natives trust that a handle is of the right class: they see a key's number only. */
function keyOf<K extends Key>(Class: abstract new (...never: never[]) => K, key: Key): K {
  if (!(key instanceof Class)) throw new TypeError("not a key of this provider for this use");
  return key;
}

export const nativeCrypto: Crypto = {
  random: (byteLength) => new Uint8Array(random(byteLength)),
  sha256: (data) => new Uint8Array(sha256(data)),
  importSecret: (bytes) => new Secret(bytes),
  deriveMacKey: (secret, info, byteLength, salt) => new MacKey(keyOf(Secret, secret), info, byteLength, salt),
  deriveAeadKey: (secret, info, alg, salt) => new AeadKey(keyOf(Secret, secret), alg, info, salt),
  deriveBytes: (secret, info, byteLength, salt) =>
    new Uint8Array(keyOf(Secret, secret).deriveBytes(info, byteLength, salt)),
  importMacKey: (bytes) => new MacKey(bytes),
  hmac: (key, data) => new Uint8Array(keyOf(MacKey, key).hmac(data)),
  importAeadKey: (bytes, alg) => new AeadKey(bytes, alg),
  encrypt: (key, nonce, aad, plaintext) => new Uint8Array(keyOf(AeadKey, key).encrypt(nonce, aad, plaintext)),
  decrypt: (key, nonce, aad, ciphertext) => {
    const plaintext = keyOf(AeadKey, key).decrypt(nonce, aad, ciphertext);
    return plaintext && new Uint8Array(plaintext);
  },
  importSigningKey: (der) => new SigningKey(p256PrivateNumber(der)),
  sign: (key, data) => new Uint8Array(keyOf(SigningKey, key).sign(data)),
  importVerifyingKey: (point) => new VerifyingKey(point),
  verify: (key, data, signature) => keyOf(VerifyingKey, key).verify(data, signature),
  generateAgreementKey: () => new AgreementKey(),
  importAgreementKey: (der) => new AgreementKey(p256PrivateNumber(der)),
  agreementPoint: (key) => new Uint8Array(keyOf(AgreementKey, key).point()),
  agree: (key, point) => new Secret(keyOf(AgreementKey, key), point),
};
