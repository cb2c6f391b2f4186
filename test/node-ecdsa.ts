/** Deterministic ECDSA on P-256 with SHA-256 (RFC 6979), which node:crypto lacks: its points, our numbers. */
import { createECDH, createHash, createHmac } from "node:crypto";

const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

const toNumber = (bytes: Uint8Array) => BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
const toBytes = (number: bigint) => Buffer.from(number.toString(16).padStart(64, "0"), "hex");
const hmac = (key: Uint8Array, ...data: Uint8Array[]) =>
  createHmac("sha256", key).update(Buffer.concat(data)).digest();

/** RFC 6979 §3.2, where qlen and hlen are both 256 bits. */
function* nonces(key: Uint8Array, digest: Uint8Array): Generator<bigint, never> {
  const seed = Buffer.concat([key, toBytes(toNumber(digest) % order)]);
  let v: Buffer = Buffer.alloc(32, 1);
  let k: Buffer = Buffer.alloc(32);
  for (const step of [0, 1]) {
    k = hmac(k, v, Buffer.of(step), seed);
    v = hmac(k, v);
  }
  for (;;) {
    v = hmac(k, v);
    const nonce = toNumber(v);
    if (nonce > 0n && nonce < order) yield nonce;
    k = hmac(k, v, Buffer.of(0));
    v = hmac(k, v);
  }
}

/** For an exponent of the order less 2: the inverse (Fermat). */
function inverse(number: bigint): bigint {
  let result = 1n;
  let base = number % order;
  for (let exponent = order - 2n; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = (result * base) % order;
    base = (base * base) % order;
  }
  return result;
}

/** What must stay as secret as the key: whoever knows it works the key out of the signature. */
export function nonceOf(key: Uint8Array, data: Uint8Array): Uint8Array {
  return toBytes(nonces(key, createHash("sha256").update(data).digest()).next().value);
}

/** r, then s. @param key the private number, 32 bytes */
export function signDeterministically(key: Uint8Array, data: Uint8Array): Uint8Array {
  const digest = createHash("sha256").update(data).digest();
  const pair = createECDH("prime256v1");
  for (const nonce of nonces(key, digest)) {
    pair.setPrivateKey(toBytes(nonce));
    const r = toNumber(pair.getPublicKey().subarray(1, 33)) % order;
    const s = (inverse(nonce) * (toNumber(digest) + r * toNumber(key))) % order;
    if (r !== 0n && s !== 0n) return Uint8Array.from(Buffer.concat([toBytes(r), toBytes(s)]));
  }
  throw new Error("there is always another nonce");
}
