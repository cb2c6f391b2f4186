import { type AeadLengths, aeadLengths } from "../../../lib/crypto/aead.js";
import type { AeadAlgorithm, Crypto } from "../../../lib/crypto/crypto.js";
import { bytes, equal, fromHex, hex, ok, type Platform, test, throws } from "../../device/harness.js";
import { casesOf } from "../sealed/vectors.js";
import { aeadAlgorithms, hasAead, pattern, publishedAeads } from "./aead-vectors.js";

/** Calls `check` for each algorithm of the platform. */
function each(
  { crypto }: Platform,
  check: (alg: AeadAlgorithm, lengths: AeadLengths, crypto: Crypto) => void,
): void {
  for (const alg of aeadAlgorithms) if (hasAead(crypto, alg)) check(alg, aeadLengths(alg), crypto);
}

test("every provider has all algorithms; noble on a board has no room for AES, and says so", ({
  name,
  crypto,
}) => {
  const onBoard = "fromArrayBuffer" in String; // XS has it
  for (const alg of aeadAlgorithms) {
    const left = onBoard && name === "noble" && alg !== 24;
    equal(hasAead(crypto, alg), !left, `algorithm ${alg}`);
    if (left) throws(() => crypto.importAeadKey(pattern(16, 0), alg), RangeError, /AES/);
  }
});

test("the published vectors, both ways", ({ crypto }) => {
  let tried = 0;
  for (const vector of publishedAeads) {
    if (!hasAead(crypto, vector.alg)) continue;
    const [nonce, aad] = [fromHex(vector.nonce), fromHex(vector.aad)];
    const key = crypto.importAeadKey(fromHex(vector.key), vector.alg);
    bytes(crypto.encrypt(key, nonce, aad, fromHex(vector.plaintext)), vector.ciphertext, vector.source);
    const plaintext = crypto.decrypt(key, nonce, aad, fromHex(vector.ciphertext));
    ok(plaintext, vector.source);
    bytes(plaintext, vector.plaintext, vector.source);
    key.close();
    tried++;
  }
  ok(tried >= 1, "a vector was tried");
});

interface AeadCase {
  readonly alg: AeadAlgorithm;
  readonly key: string;
  readonly longest: number;
  readonly sha256: string;
}

test("every length from 0 to 200, as Python has it, and back", ({ crypto, vectors }) => {
  for (const { alg, key: keyHex, longest, sha256 } of casesOf<AeadCase>(vectors("crypto/aead"))) {
    if (!hasAead(crypto, alg)) continue;
    const { nonceBytes, tagBytes } = aeadLengths(alg);
    const key = crypto.importAeadKey(fromHex(keyHex), alg);
    const all = new Uint8Array((longest + 1) * (longest / 2 + tagBytes));
    let at = 0;
    for (let length = 0; length <= longest; length++) {
      const [nonce, aad] = [pattern(nonceBytes, length), pattern((length * 7) % 53, 1)];
      const plaintext = pattern(length, 2);
      const ciphertext = crypto.encrypt(key, nonce, aad, plaintext);
      equal(ciphertext.length, length + tagBytes);
      equal(crypto.decrypt(key, nonce, aad, ciphertext), plaintext, `algorithm ${alg}, ${length} bytes`);
      all.set(ciphertext, at);
      at += ciphertext.length;
    }
    equal(at, all.length);
    bytes(crypto.sha256(all), sha256, `algorithm ${alg}`);
    key.close();
  }
});

test("views into larger buffers are read and written as views", (platform) => {
  each(platform, (alg, { keyBytes, nonceBytes, tagBytes }, crypto) => {
    const inside = (data: Uint8Array) => {
      const around = new Uint8Array(data.length + 7).fill(0xee);
      around.set(data, 3);
      return around.subarray(3, 3 + data.length);
    };
    const key = crypto.importAeadKey(inside(pattern(keyBytes, 1)), alg);
    const [nonce, aad, plaintext] = [pattern(nonceBytes, 2), pattern(9, 3), pattern(37, 4)];
    const whole = crypto.encrypt(key, nonce, aad, plaintext);
    equal(crypto.encrypt(key, inside(nonce), inside(aad), inside(plaintext)), whole);
    equal(crypto.decrypt(key, inside(nonce), inside(aad), inside(whole)), plaintext);
    equal(whole.byteLength, 37 + tagBytes);
    equal(whole.buffer.byteLength, whole.byteLength, "the result owns its buffer");
    key.close();
  });
});

test("a flipped byte, a cut or more bytes: not authentic", (platform) => {
  each(platform, (alg, { keyBytes, nonceBytes, tagBytes }, crypto) => {
    const material = pattern(keyBytes, 5);
    const [nonce, aad, plaintext] = [pattern(nonceBytes, 6), pattern(11, 7), pattern(21, 8)];
    const key = crypto.importAeadKey(material, alg);
    const ciphertext = crypto.encrypt(key, nonce, aad, plaintext);
    const refused = (n: Uint8Array, a: Uint8Array, c: Uint8Array, what: string) =>
      equal(crypto.decrypt(key, n, a, c), undefined, `algorithm ${alg}: ${what}`);

    for (let i = 0; i < ciphertext.length; i++) refused(nonce, aad, flipped(ciphertext, i), `byte ${i}`);
    for (let i = 0; i < nonceBytes; i++) refused(flipped(nonce, i), aad, ciphertext, `nonce ${i}`);
    for (let i = 0; i < aad.length; i++) refused(nonce, flipped(aad, i), ciphertext, `aad ${i}`);
    for (let end = 0; end < ciphertext.length; end++)
      refused(nonce, aad, ciphertext.subarray(0, end), `cut to ${end}`);
    for (let start = 1; start <= ciphertext.length; start++)
      refused(nonce, aad, ciphertext.subarray(start), `cut from ${start}`);
    refused(nonce, aad, fromHex(`${hex(ciphertext)}00`), "a byte more");
    refused(nonce, aad.subarray(1), ciphertext, "aad cut");
    refused(nonce, fromHex(""), ciphertext, "no aad");
    refused(nonce, aad, new Uint8Array(tagBytes), "a tag of zeros");
    equal(crypto.decrypt(key, nonce, aad, ciphertext), plaintext, "the sibling");

    for (let i = 0; i < keyBytes; i++) {
      const other = crypto.importAeadKey(flipped(material, i), alg);
      equal(crypto.decrypt(other, nonce, aad, ciphertext), undefined, `algorithm ${alg}: key ${i}`);
      other.close();
    }
    key.close();
  });
});

test("a key and a nonce of another length are refused", (platform) => {
  each(platform, (alg, { keyBytes, nonceBytes }, crypto) => {
    for (const length of [0, 15, 16, 17, 24, 31, 32, 33])
      if (length !== keyBytes) throws(() => crypto.importAeadKey(pattern(length, 0), alg), RangeError);
    const key = crypto.importAeadKey(pattern(keyBytes, 0), alg);
    const nothing = new Uint8Array(0);
    const sealed = crypto.encrypt(key, pattern(nonceBytes, 0), nothing, nothing);
    for (const length of [0, 1, 7, 8, 11, 12, 13, 14, 16, 24]) {
      if (length === nonceBytes) continue;
      throws(() => crypto.encrypt(key, pattern(length, 0), nothing, nothing), RangeError, /nonce/);
      throws(() => crypto.decrypt(key, pattern(length, 0), nothing, sealed), RangeError, /nonce/);
      throws(() => crypto.decrypt(key, pattern(length, 0), nothing, nothing), RangeError, /nonce/);
    }
    key.close();
  });
});

test("no other algorithm is one", ({ crypto }) => {
  const secret = crypto.importSecret(pattern(32, 0));
  for (const alg of [0, 2, 4, 5, 11, 25, 30, -7, 1.5, Number.NaN] as unknown as AeadAlgorithm[]) {
    throws(() => crypto.importAeadKey(pattern(16, 0), alg), RangeError);
    throws(() => crypto.deriveAeadKey(secret, pattern(3, 0), alg), RangeError);
  }
  secret.close();
});

test("a derived key is that of the derived bytes", (platform) => {
  each(platform, (alg, { keyBytes, nonceBytes }, crypto) => {
    const secret = crypto.importSecret(pattern(32, 9));
    const [info, nonce, aad, plaintext] = [
      pattern(20, 1),
      pattern(nonceBytes, 1),
      pattern(5, 1),
      pattern(40, 1),
    ];
    for (const salt of [undefined, pattern(16, 3)]) {
      const derived = crypto.deriveAeadKey(secret, info, alg, salt);
      const imported = crypto.importAeadKey(crypto.deriveBytes(secret, info, keyBytes, salt), alg);
      const ciphertext = crypto.encrypt(derived, nonce, aad, plaintext);
      equal(ciphertext, crypto.encrypt(imported, nonce, aad, plaintext));
      derived.close();
      imported.close();
    }
    secret.close();
  });
});

test("an AEAD key lives on when its secret is closed and its bytes are zeroed; closed, it throws", (platform) => {
  each(platform, (alg, { keyBytes, nonceBytes }, crypto) => {
    const [nonce, nothing] = [pattern(nonceBytes, 1), new Uint8Array(0)];
    const material = pattern(keyBytes, 1);
    const secret = crypto.importSecret(pattern(32, 9));
    const keys = [crypto.importAeadKey(material, alg), crypto.deriveAeadKey(secret, nothing, alg)];
    const before = keys.map((key) => crypto.encrypt(key, nonce, nothing, nonce));
    material.fill(0);
    secret.close();
    throws(() => crypto.deriveAeadKey(secret, nothing, alg), TypeError);
    equal(
      keys.map((key) => crypto.encrypt(key, nonce, nothing, nonce)),
      before,
    );
    for (const [i, key] of keys.entries()) {
      key.close();
      key.close();
      throws(() => crypto.encrypt(key, nonce, nothing, nonce), TypeError);
      throws(() => crypto.decrypt(key, nonce, nothing, before[i]!), TypeError);
    }
  });
});

test("a key is for its own use", (platform) => {
  each(platform, (alg, { keyBytes, nonceBytes }, crypto) => {
    const [nonce, nothing] = [pattern(nonceBytes, 1), new Uint8Array(0)];
    const secret = crypto.importSecret(pattern(32, 1));
    const mac = crypto.importMacKey(pattern(32, 1));
    const aead = crypto.importAeadKey(pattern(keyBytes, 1), alg);
    for (const other of [secret, mac, { close() {} }]) {
      throws(() => crypto.encrypt(other, nonce, nothing, nothing), TypeError);
      throws(() => crypto.decrypt(other, nonce, nothing, new Uint8Array(16)), TypeError);
    }
    throws(() => crypto.hmac(aead, nothing), TypeError);
    throws(() => crypto.deriveBytes(aead, nothing, 16), TypeError);
    throws(() => crypto.deriveMacKey(aead, nothing, 16), TypeError);
    throws(() => crypto.deriveAeadKey(aead, nothing, alg), TypeError);
    throws(() => crypto.deriveAeadKey(mac, nothing, alg), TypeError);
    for (const key of [secret, mac, aead]) key.close();
  });
});

function flipped(data: Uint8Array, at: number): Uint8Array {
  const copy = data.slice();
  copy[at]! ^= 1 << (at & 7);
  return copy;
}
