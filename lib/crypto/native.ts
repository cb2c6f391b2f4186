/**
 * lib's Crypto over the native module: mbedTLS on a board (in hardware where it can) and in the simulator.
 * Keys never enter the JavaScript heap. The firmware's provider; it may be preloaded.
 */
import { MacKey, random, Secret, SigningKey, sha256 } from "dormouse/native/crypto";
import type { Crypto, Key } from "./crypto.js";
import { p256PrivateNumber } from "./p256-key.js";

function secretOf(key: Key): Secret {
  if (!(key instanceof Secret)) throw new TypeError("not a secret of this provider");
  return key;
}

function notYet(): never {
  throw new RangeError("not in this firmware yet");
}

export const nativeCrypto: Crypto = {
  random: (byteLength) => new Uint8Array(random(byteLength)),
  sha256: (data) => new Uint8Array(sha256(data)),
  importSecret: (bytes) => new Secret(bytes),
  deriveMacKey: (secret, info, byteLength) => new MacKey(secretOf(secret), info, byteLength),
  deriveBytes: (secret, info, byteLength) => new Uint8Array(secretOf(secret).deriveBytes(info, byteLength)),
  importMacKey: (bytes) => new MacKey(bytes),
  hmac: (key, data) => {
    if (!(key instanceof MacKey)) throw new TypeError("not a MAC key of this provider");
    return new Uint8Array(key.hmac(data));
  },
  importSigningKey: (der) => new SigningKey(p256PrivateNumber(der)),
  sign: (key, data) => {
    if (!(key instanceof SigningKey)) throw new TypeError("not a signing key of this provider");
    return new Uint8Array(key.sign(data));
  },
  deriveAeadKey: notYet,
  importAeadKey: notYet,
  encrypt: notYet,
  decrypt: notYet,
  importVerifyingKey: notYet,
  verify: notYet,
  generateAgreementKey: notYet,
  importAgreementKey: notYet,
  agreementPoint: notYet,
  agree: notYet,
};
