/**
 * lib's Crypto over node:crypto, for whoever runs on a host. Its signatures are not deterministic: Node's are not.
 * It takes bytes alone: node:crypto would take text too, and a key in hex for the key itself.
 */
import {
  createCipheriv,
  createDecipheriv,
  createECDH,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  type ECDH,
  hkdfSync,
  type KeyObject,
  randomBytes,
  sign,
  verify,
} from "node:crypto";
import { aeadLengths } from "../lib/crypto/aead.js";
import type { AeadAlgorithm, Crypto, Key } from "../lib/crypto/crypto.js";
import { p256PrivateNumber } from "../lib/crypto/p256-key.js";

type Use = "derive" | "mac" | "aead" | "sign" | "verify" | "agree";

class NodeKey implements Key {
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

function keyOf(key: Key, use: Use): NodeKey {
  if (!(key instanceof NodeKey) || key.use !== use)
    throw new TypeError(`not a key of this provider to ${use}`);
  return key;
}

function checked(bytes: Uint8Array): Uint8Array {
  if (!(bytes instanceof Uint8Array)) throw new TypeError("not a Uint8Array");
  return bytes;
}

/** In memory of its own: small Buffers share theirs. */
function copyOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(checked(bytes));
}

function imported(use: "derive" | "mac", bytes: Uint8Array): Key {
  if (checked(bytes).length === 0) throw new RangeError("a key of no bytes");
  return new NodeKey(use, copyOf(bytes));
}

const curve = "prime256v1";
const numberBytes = 32;
const nothing = new Uint8Array(1).subarray(1);

type Cipher = "aes-128-gcm" | "aes-256-gcm" | "aes-128-ccm" | "chacha20-poly1305";

const ciphers: Readonly<Record<AeadAlgorithm, Cipher>> = {
  1: "aes-128-gcm",
  3: "aes-256-gcm",
  10: "aes-128-ccm",
  24: "chacha20-poly1305",
};

function derive(secret: Key, info: Uint8Array, byteLength: number, salt: Uint8Array = nothing): Uint8Array {
  const { bytes } = keyOf(secret, "derive");
  if (!(byteLength >= 1 && byteLength <= 255 * 32)) throw new RangeError("not a byte count from 1 to 8160");
  return new Uint8Array(hkdfSync("sha256", bytes, checked(salt), checked(info), byteLength));
}

/** What both directions need; the types of node:crypto know each cipher by its name only. */
function aeadOf(key: Key, nonce: Uint8Array) {
  const { bytes, alg } = keyOf(key, "aead");
  const lengths = aeadLengths(alg!);
  if (checked(nonce).length !== lengths.nonceBytes)
    throw new RangeError("not a nonce of this algorithm's length");
  return { bytes, cipher: ciphers[alg!] as "aes-128-gcm", ...lengths };
}

/** A private number that OpenSSL takes: it lies between 0 and the curve's order. */
function importedNumber(use: "sign" | "agree", der: Uint8Array): Key {
  const number = copyOf(p256PrivateNumber(checked(der)));
  try {
    pairOf(number);
  } catch {
    number.fill(0);
    throw new RangeError("not a P-256 private key");
  }
  return new NodeKey(use, number);
}

function pairOf(number: Uint8Array): ECDH {
  const pair = createECDH(curve);
  pair.setPrivateKey(number);
  return pair;
}

/** PKCS #8 of a P-256 private key, up to the number, which ends it (RFC 5958, RFC 5915). */
const privateKeyHead = Buffer.from(
  "3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420",
  "hex",
);

function privateKeyOf(number: Uint8Array): KeyObject {
  const key = Buffer.alloc(privateKeyHead.length + numberBytes);
  try {
    key.set(privateKeyHead);
    key.set(number, privateKeyHead.length);
    return createPrivateKey({ key, format: "der", type: "pkcs8" });
  } finally {
    key.fill(0);
  }
}

/** @throws {RangeError} unless it is a point of the curve, uncompressed */
function publicKeyOf(point: Uint8Array): KeyObject {
  if (checked(point).length !== 1 + 2 * numberBytes || point[0] !== 4)
    throw new RangeError("not an uncompressed P-256 point");
  const coordinate = (from: number) =>
    Buffer.from(point.subarray(from, from + numberBytes)).toString("base64url");
  const key = { kty: "EC", crv: "P-256", x: coordinate(1), y: coordinate(1 + numberBytes) };
  try {
    return createPublicKey({ key, format: "jwk" });
  } catch {
    throw new RangeError("not a point of P-256");
  }
}

/** Big-endian, in 32 bytes; zeroes `number`. */
function padded(number: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(numberBytes);
  bytes.set(number, numberBytes - number.length);
  number.fill(0);
  return bytes;
}

export const nodeCrypto: Crypto = {
  random: (byteLength) => new Uint8Array(randomBytes(byteLength)),
  sha256: (data) => new Uint8Array(createHash("sha256").update(checked(data)).digest()),

  importSecret: (bytes) => imported("derive", bytes),
  deriveMacKey: (secret, info, byteLength, salt) =>
    new NodeKey("mac", derive(secret, info, byteLength, salt)),
  deriveAeadKey: (secret, info, alg, salt) =>
    new NodeKey("aead", derive(secret, info, aeadLengths(alg).keyBytes, salt), alg),
  deriveBytes: derive,

  importMacKey: (bytes) => imported("mac", bytes),
  hmac: (key, data) =>
    new Uint8Array(createHmac("sha256", keyOf(key, "mac").bytes).update(checked(data)).digest()),

  importAeadKey: (bytes, alg) => {
    if (checked(bytes).length !== aeadLengths(alg).keyBytes)
      throw new RangeError("not a key of this algorithm's length");
    return new NodeKey("aead", copyOf(bytes), alg);
  },
  encrypt: (key, nonce, aad, plaintext) => {
    const { bytes, cipher: name, tagBytes, maxTextBytes } = aeadOf(key, nonce);
    if (checked(plaintext).length > maxTextBytes)
      throw new RangeError("more than this algorithm can encrypt");
    const cipher = createCipheriv(name, bytes, nonce, { authTagLength: tagBytes });
    cipher.setAAD(checked(aad), { plaintextLength: plaintext.length });
    // OpenSSL's CCM wants to be given its plaintext, also an empty one, but takes one without an address for none
    const text = cipher.update(plaintext.length ? plaintext : nothing);
    return new Uint8Array(Buffer.concat([text, cipher.final(), cipher.getAuthTag()]));
  },
  decrypt: (key, nonce, aad, ciphertext) => {
    const { bytes, cipher: name, tagBytes, maxTextBytes } = aeadOf(key, nonce);
    const end = checked(ciphertext).length - tagBytes;
    if (end < 0 || end > maxTextBytes) return undefined;
    const decipher = createDecipheriv(name, bytes, nonce, { authTagLength: tagBytes });
    decipher.setAuthTag(ciphertext.subarray(end));
    decipher.setAAD(checked(aad), { plaintextLength: end });
    let plaintext = Buffer.of();
    try {
      plaintext = decipher.update(ciphertext.subarray(0, end));
      decipher.final();
      return new Uint8Array(plaintext);
    } catch {
      return undefined;
    } finally {
      plaintext.fill(0);
    }
  },

  importSigningKey: (der) => importedNumber("sign", der),
  sign: (key, data) => {
    const privateKey = privateKeyOf(keyOf(key, "sign").bytes);
    return new Uint8Array(sign("sha256", checked(data), { key: privateKey, dsaEncoding: "ieee-p1363" }));
  },
  importVerifyingKey: (point) => {
    publicKeyOf(point);
    return new NodeKey("verify", copyOf(point));
  },
  verify: (key, data, signature) => {
    const publicKey = publicKeyOf(keyOf(key, "verify").bytes);
    return verify("sha256", checked(data), { key: publicKey, dsaEncoding: "ieee-p1363" }, checked(signature));
  },

  generateAgreementKey: () => {
    const pair = createECDH(curve);
    pair.generateKeys();
    return new NodeKey("agree", padded(pair.getPrivateKey()));
  },
  importAgreementKey: (der) => importedNumber("agree", der),
  agreementPoint: (key) => new Uint8Array(pairOf(keyOf(key, "agree").bytes).getPublicKey()),
  agree: (key, point) => {
    const pair = pairOf(keyOf(key, "agree").bytes);
    publicKeyOf(point);
    return new NodeKey("derive", padded(pair.computeSecret(point)));
  },
};
