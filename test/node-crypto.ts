/** lib's Crypto over node:crypto: a third, independent provider for tests. */
import { createECDH, createHash, createHmac, createPrivateKey, hkdfSync, randomBytes } from "node:crypto";
import type { Crypto, Key } from "../lib/crypto/crypto.js";
import { signDeterministically } from "./node-ecdsa.js";

class NodeKey implements Key {
  #bytes: Uint8Array | undefined;
  constructor(bytes: Uint8Array) {
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

function bytesOf(key: Key): Uint8Array {
  if (!(key instanceof NodeKey)) throw new TypeError("not a key of this provider");
  return key.bytes;
}

function hkdf(secret: Key, info: Uint8Array, byteLength: number): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", bytesOf(secret), new Uint8Array(0), info, byteLength));
}

/** OpenSSL reads the key: of what it takes, P-256 alone. */
function privateNumber(der: Uint8Array): Uint8Array {
  for (const type of ["pkcs8", "sec1"] as const)
    try {
      const { crv, d } = createPrivateKey({ key: Buffer.from(der), format: "der", type }).export({
        format: "jwk",
      });
      const number = Buffer.from(d!, "base64url");
      createECDH("prime256v1").setPrivateKey(number); // throws unless it lies below the order
      if (crv === "P-256") return number;
    } catch {
      // the other form, or none
    }
  throw new RangeError("not a P-256 private key");
}

export const nodeCrypto: Crypto = {
  random: (byteLength) => Uint8Array.from(randomBytes(byteLength)),
  sha256: (data) => Uint8Array.from(createHash("sha256").update(data).digest()),
  importSecret: (bytes) => new NodeKey(bytes),
  deriveMacKey: (secret, info, byteLength) => new NodeKey(hkdf(secret, info, byteLength)),
  deriveBytes: hkdf,
  importMacKey: (bytes) => {
    if (bytes.length === 0) throw new RangeError("a MAC key of no bytes");
    return new NodeKey(bytes);
  },
  hmac: (key, data) => Uint8Array.from(createHmac("sha256", bytesOf(key)).update(data).digest()),
  importSigningKey: (der) => new NodeKey(privateNumber(der)),
  sign: (key, data) => signDeterministically(bytesOf(key), data),
};
