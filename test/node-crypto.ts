/** lib's Crypto over node:crypto: a third, independent provider for tests. */
import { createHash, createHmac, hkdfSync, randomBytes } from "node:crypto";
import type { Crypto, Key } from "../lib/crypto/crypto.js";

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

export const nodeCrypto: Crypto = {
  random: (byteLength) => Uint8Array.from(randomBytes(byteLength)),
  sha256: (data) => Uint8Array.from(createHash("sha256").update(data).digest()),
  importSecret: (bytes) => new NodeKey(bytes),
  deriveMacKey: (secret, info, byteLength) => new NodeKey(hkdf(secret, info, byteLength)),
  deriveBytes: hkdf,
  hmac: (key, data) => Uint8Array.from(createHmac("sha256", bytesOf(key)).update(data).digest()),
};
