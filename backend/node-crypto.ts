/** lib's Crypto over node:crypto, for whoever runs on a host. Its signatures are not deterministic: Node's are not. */
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
  randomBytes,
  sign,
  verify,
} from "node:crypto";
import { aeadLengths } from "../lib/crypto/aead.js";
import type { AeadAlgorithm, Crypto, Key } from "../lib/crypto/crypto.js";

type Use = "derive" | "mac" | "aead" | "sign" | "verify" | "agree";

/** Holds a copy of the bytes, zeroed by `close`. */
class NodeKey implements Key {
  readonly use: Use;
  readonly alg: AeadAlgorithm | undefined;
  #bytes: Uint8Array | undefined;

  constructor(use: Use, bytes: Uint8Array, alg?: AeadAlgorithm) {
    if (bytes.length === 0) throw new RangeError("a key of no bytes");
    this.use = use;
    this.alg = alg;
    this.#bytes = Uint8Array.from(bytes);
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

const curve = "prime256v1";
const noSalt = new Uint8Array(0);

/** OpenSSL's CCM wants to be given its plaintext, also an empty one, but takes one without an address for none. */
const nothing = new Uint8Array(1).subarray(1);

type Cipher = "aes-128-gcm" | "aes-256-gcm" | "aes-128-ccm" | "chacha20-poly1305";

const ciphers: Readonly<Record<AeadAlgorithm, Cipher>> = {
  1: "aes-128-gcm",
  3: "aes-256-gcm",
  10: "aes-128-ccm",
  24: "chacha20-poly1305",
};

function hkdf(secret: Key, info: Uint8Array, byteLength: number, salt: Uint8Array = noSalt): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", keyOf(secret, "derive").bytes, salt, info, byteLength));
}

function aeadKey(bytes: Uint8Array, alg: AeadAlgorithm): Key {
  if (bytes.length !== aeadLengths(alg).keyBytes)
    throw new RangeError("not a key of this algorithm's length");
  return new NodeKey("aead", bytes, alg);
}

/** What both directions need; the types of node:crypto know each cipher by its name only. */
function aeadOf(key: Key, nonce: Uint8Array) {
  const { bytes, alg } = keyOf(key, "aead");
  const { nonceBytes, tagBytes } = aeadLengths(alg!);
  if (nonce.length !== nonceBytes) throw new RangeError("not a nonce of this algorithm's length");
  return { bytes, cipher: ciphers[alg!] as "aes-128-gcm", tagBytes };
}

/** The private number; OpenSSL reads the key: of what it takes, P-256 alone. */
function privateNumber(der: Uint8Array): Uint8Array {
  for (const type of ["pkcs8", "sec1"] as const)
    try {
      const key = createPrivateKey({ key: Buffer.from(der), format: "der", type }).export({ format: "jwk" });
      const number = Buffer.from(key.d!, "base64url");
      createECDH(curve).setPrivateKey(number); // throws unless it lies below the order
      if (key.crv === "P-256") return number;
    } catch {
      // the other form, or none
    }
  throw new RangeError("not a P-256 private key");
}

function pairOf(number: Uint8Array): ECDH {
  const pair = createECDH(curve);
  pair.setPrivateKey(number);
  return pair;
}

function jwkOf(point: Uint8Array): { kty: string; crv: string; x: string; y: string } {
  const coordinate = (from: number) => Buffer.from(point.subarray(from, from + 32)).toString("base64url");
  return { kty: "EC", crv: "P-256", x: coordinate(1), y: coordinate(33) };
}

function checkPoint(point: Uint8Array): void {
  if (point.length !== 65 || point[0] !== 4) throw new RangeError("not an uncompressed P-256 point");
  try {
    createPublicKey({ key: jwkOf(point), format: "jwk" });
  } catch {
    throw new RangeError("not a point of P-256");
  }
}

export const nodeCrypto: Crypto = {
  random: (byteLength) => Uint8Array.from(randomBytes(byteLength)),
  sha256: (data) => Uint8Array.from(createHash("sha256").update(data).digest()),

  importSecret: (bytes) => new NodeKey("derive", bytes),
  deriveMacKey: (secret, info, byteLength, salt) => new NodeKey("mac", hkdf(secret, info, byteLength, salt)),
  deriveAeadKey: (secret, info, alg, salt) =>
    new NodeKey("aead", hkdf(secret, info, aeadLengths(alg).keyBytes, salt), alg),
  deriveBytes: hkdf,

  importMacKey: (bytes) => new NodeKey("mac", bytes),
  hmac: (key, data) => Uint8Array.from(createHmac("sha256", keyOf(key, "mac").bytes).update(data).digest()),

  importAeadKey: aeadKey,
  encrypt: (key, nonce, aad, plaintext) => {
    const { bytes, cipher: name, tagBytes } = aeadOf(key, nonce);
    const cipher = createCipheriv(name, bytes, nonce, { authTagLength: tagBytes });
    cipher.setAAD(aad, { plaintextLength: plaintext.length });
    const parts = [
      cipher.update(plaintext.length ? plaintext : nothing),
      cipher.final(),
      cipher.getAuthTag(),
    ];
    return Uint8Array.from(Buffer.concat(parts));
  },
  decrypt: (key, nonce, aad, ciphertext) => {
    const { bytes, cipher: name, tagBytes } = aeadOf(key, nonce);
    const end = ciphertext.length - tagBytes;
    if (end < 0) return undefined;
    const decipher = createDecipheriv(name, bytes, nonce, { authTagLength: tagBytes });
    decipher.setAuthTag(ciphertext.subarray(end));
    decipher.setAAD(aad, { plaintextLength: end });
    const plaintext = decipher.update(ciphertext.subarray(0, end));
    try {
      decipher.final();
      return Uint8Array.from(plaintext);
    } catch {
      return undefined;
    } finally {
      plaintext.fill(0);
    }
  },

  importSigningKey: (der) => new NodeKey("sign", privateNumber(der)),
  sign: (key, data) => {
    const number = keyOf(key, "sign").bytes;
    const jwk = { ...jwkOf(pairOf(number).getPublicKey()), d: Buffer.from(number).toString("base64url") };
    const privateKey = createPrivateKey({ key: jwk, format: "jwk" });
    return Uint8Array.from(sign("sha256", data, { key: privateKey, dsaEncoding: "ieee-p1363" }));
  },
  importVerifyingKey: (point) => {
    checkPoint(point);
    return new NodeKey("verify", point);
  },
  verify: (key, data, signature) => {
    const publicKey = createPublicKey({ key: jwkOf(keyOf(key, "verify").bytes), format: "jwk" });
    return verify("sha256", data, { key: publicKey, dsaEncoding: "ieee-p1363" }, signature);
  },

  generateAgreementKey: () => {
    const pair = createECDH(curve);
    pair.generateKeys();
    return new NodeKey("agree", Buffer.from(pair.getPrivateKey("hex").padStart(64, "0"), "hex"));
  },
  importAgreementKey: (der) => new NodeKey("agree", privateNumber(der)),
  agreementPoint: (key) => Uint8Array.from(pairOf(keyOf(key, "agree").bytes).getPublicKey()),
  agree: (key, point) => {
    checkPoint(point);
    return new NodeKey("derive", pairOf(keyOf(key, "agree").bytes).computeSecret(point));
  },
};
