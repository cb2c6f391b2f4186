/**
 * AES-CCM-16-64-128 (RFC 9053 §4.2): CCM (RFC 3610, NIST SP 800-38C) with an 8-byte tag and a 2-byte length, out of
 * noble's CBC and CTR, as noble has none itself. The reference; never preload it in XS, see noble-aes.ts.
 */
import { cbc, ctr } from "@noble/ciphers/aes.js";
import { equalBytes } from "@noble/ciphers/utils.js";

const blockBytes = 16;
const tagBytes = 8;
const lengthBytes = 2; // RFC 3610's L; with it the nonce has 15 - L bytes

/** @param nonce 13 bytes. @param plaintext at most 65,535, so that 2 bytes can hold its length */
export function ccmEncrypt(
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  plaintext: Uint8Array,
): Uint8Array {
  const tag = cbcMac(key, nonce, aad, plaintext);
  const stream = keyStream(key, nonce, tag, plaintext);
  const result = new Uint8Array(plaintext.length + tagBytes);
  result.set(stream.subarray(blockBytes));
  result.set(stream.subarray(0, tagBytes), plaintext.length);
  tag.fill(0);
  return result;
}

/**
 * @param ciphertext at least as long as the tag
 * @returns undefined when it is not authentic; CCM must decrypt first to know, and zeroes what it has then
 */
export function ccmDecrypt(
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  ciphertext: Uint8Array,
): Uint8Array | undefined {
  const end = ciphertext.length - tagBytes;
  const sealedTag = new Uint8Array(blockBytes);
  sealedTag.set(ciphertext.subarray(end));
  const opened = keyStream(key, nonce, sealedTag, ciphertext.subarray(0, end));
  const plaintext = opened.slice(blockBytes);
  const tag = cbcMac(key, nonce, aad, plaintext);
  const authentic = equalBytes(tag.subarray(0, tagBytes), opened.subarray(0, tagBytes));
  tag.fill(0);
  opened.fill(0);
  if (authentic) return plaintext;
  plaintext.fill(0);
  return undefined;
}

/** CTR from counter 0 on (RFC 3610 §2.3): the tag goes through the first block, the payload through the others. */
function keyStream(key: Uint8Array, nonce: Uint8Array, tag: Uint8Array, payload: Uint8Array): Uint8Array {
  const counter = new Uint8Array(blockBytes);
  counter[0] = lengthBytes - 1;
  counter.set(nonce, 1);
  const input = new Uint8Array(blockBytes + payload.length);
  input.set(tag);
  input.set(payload, blockBytes);
  const output = ctr(key, counter).encrypt(input);
  input.fill(0);
  return output;
}

/** RFC 3610 §2.2: the last block of CBC over what is authenticated, each part padded with zeros. */
function cbcMac(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, payload: Uint8Array): Uint8Array {
  const head = aad.length === 0 ? [] : lengthOf(aad.length);
  const payloadAt = blockBytes + padded(head.length + aad.length);
  const blocks = new Uint8Array(payloadAt + padded(payload.length));
  blocks[0] = (aad.length ? 64 : 0) | (((tagBytes - 2) / 2) << 3) | (lengthBytes - 1);
  blocks.set(nonce, 1);
  blocks[14] = payload.length >> 8;
  blocks[15] = payload.length & 0xff;
  blocks.set(head, blockBytes);
  blocks.set(aad, blockBytes + head.length);
  blocks.set(payload, payloadAt);
  const chain = cbc(key, new Uint8Array(blockBytes), { disablePadding: true }).encrypt(blocks);
  const tag = chain.slice(-blockBytes);
  blocks.fill(0);
  chain.fill(0);
  return tag;
}

/** How long the authenticated data is: in 2 bytes, or from 0xff00 on in 6. */
function lengthOf(byteLength: number): number[] {
  if (byteLength < 0xff00) return [byteLength >> 8, byteLength & 0xff];
  return [
    0xff,
    0xfe,
    byteLength >>> 24,
    (byteLength >> 16) & 0xff,
    (byteLength >> 8) & 0xff,
    byteLength & 0xff,
  ];
}

function padded(byteLength: number): number {
  return Math.ceil(byteLength / blockBytes) * blockBytes;
}
