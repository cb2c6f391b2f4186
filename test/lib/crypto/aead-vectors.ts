/** Published AEAD vectors, and what the AEAD tests share. */
import { aeadLengths } from "../../../lib/crypto/aead.js";
import type { AeadAlgorithm, Crypto } from "../../../lib/crypto/crypto.js";

export const aeadAlgorithms: readonly AeadAlgorithm[] = [1, 3, 10, 24];

/** noble in XS has no AES. */
export function hasAead(crypto: Crypto, alg: AeadAlgorithm): boolean {
  try {
    crypto.importAeadKey(new Uint8Array(aeadLengths(alg).keyBytes), alg).close();
    return true;
  } catch (error) {
    if (error instanceof RangeError && error.message === "this provider has no AES") return false;
    throw error;
  }
}

/** Bytes as test/vectors/make-crypto.py makes them. */
export function pattern(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 167 + seed * 59 + (i >> 8)) & 0xff);
}

export interface PublishedAead {
  readonly source: string;
  readonly alg: AeadAlgorithm;
  /** All in hex; the tag is the ciphertext's end. */
  readonly key: string;
  readonly nonce: string;
  readonly aad: string;
  readonly plaintext: string;
  readonly ciphertext: string;
}

const sunscreen =
  "4c616469657320616e642047656e746c656d656e206f662074686520636c617373206f66202739393a204966204920636f756c64206f66666572" +
  "20796f75206f6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73637265656e20776f756c642062652069742e";

/** The plaintext of McGrew and Viega's cases 4 and 16: 60 bytes. */
const gcmPlaintext =
  "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39";
const gcmAad = "feedfacedeadbeeffeedfacedeadbeefabaddad2";
const gcmKey = "feffe9928665731c6d6a8f9467308308";

export const publishedAeads: readonly PublishedAead[] = [
  {
    source: "RFC 8439 §2.8.2",
    alg: 24,
    key: "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
    nonce: "070000004041424344454647",
    aad: "50515253c0c1c2c3c4c5c6c7",
    plaintext: sunscreen,
    ciphertext:
      "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6" +
      "a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b6116" +
      "1ae10b594f09e26a7e902ecbd0600691",
  },
  {
    source: "McGrew and Viega, The Galois/Counter Mode of Operation, test case 1",
    alg: 1,
    key: "00000000000000000000000000000000",
    nonce: "000000000000000000000000",
    aad: "",
    plaintext: "",
    ciphertext: "58e2fccefa7e3061367f1d57a4e7455a",
  },
  {
    source: "the same, test case 2",
    alg: 1,
    key: "00000000000000000000000000000000",
    nonce: "000000000000000000000000",
    aad: "",
    plaintext: "00000000000000000000000000000000",
    ciphertext: "0388dace60b6a392f328c2b971b2fe78ab6e47d42cec13bdf53a67b21257bddf",
  },
  {
    source: "the same, test case 4",
    alg: 1,
    key: gcmKey,
    nonce: "cafebabefacedbaddecaf888",
    aad: gcmAad,
    plaintext: gcmPlaintext,
    ciphertext:
      "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091" +
      "5bc94fbc3221a5db94fae95ae7121a47",
  },
  {
    source: "the same, test case 13",
    alg: 3,
    key: "0000000000000000000000000000000000000000000000000000000000000000",
    nonce: "000000000000000000000000",
    aad: "",
    plaintext: "",
    ciphertext: "530f8afbc74536b9a963b4f1c4cb738b",
  },
  {
    source: "the same, test case 16",
    alg: 3,
    key: gcmKey + gcmKey,
    nonce: "cafebabefacedbaddecaf888",
    aad: gcmAad,
    plaintext: gcmPlaintext,
    ciphertext:
      "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662" +
      "76fc6ece0f4e1768cddf8853bb2d551b",
  },
  {
    source: "RFC 3610 §8, packet vector 1",
    alg: 10,
    key: "c0c1c2c3c4c5c6c7c8c9cacbcccdcecf",
    nonce: "00000003020100a0a1a2a3a4a5",
    aad: "0001020304050607",
    plaintext: "08090a0b0c0d0e0f101112131415161718191a1b1c1d1e",
    ciphertext: "588c979a61c663d2f066d0c2c0f989806d5f6b61dac38417e8d12cfdf926e0",
  },
  {
    source: "RFC 3610 §8, packet vector 2",
    alg: 10,
    key: "c0c1c2c3c4c5c6c7c8c9cacbcccdcecf",
    nonce: "00000004030201a0a1a2a3a4a5",
    aad: "0001020304050607",
    plaintext: "08090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
    ciphertext: "72c91a36e135f8cf291ca894085c87e3cc15c439c9e43a3ba091d56e10400916",
  },
  {
    source: "RFC 3610 §8, packet vector 5",
    alg: 10,
    key: "c0c1c2c3c4c5c6c7c8c9cacbcccdcecf",
    nonce: "00000007060504a0a1a2a3a4a5",
    aad: "000102030405060708090a0b",
    plaintext: "0c0d0e0f101112131415161718191a1b1c1d1e1f",
    ciphertext: "dcf1fb7b5d9e23fb9d4e131253658ad86ebdca3e51e83f077d9c2d93",
  },
];
