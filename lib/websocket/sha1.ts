/**
 * SHA-1 (RFC 3174), for Sec-WebSocket-Accept and nothing else: RFC 6455 §4.2.2 fixes it there. It only shows that
 * the other end speaks WebSocket, so no secret and no trust rests on it. A board's crypto leaves SHA-1 out on
 * purpose, so that nothing that does matter can use it; noble's module cannot be preloaded.
 */

/** @returns the 20 bytes of the digest, the caller's */
export function sha1(message: Uint8Array): Uint8Array {
  const state = Int32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0);
  const padded = pad(message);
  const words = new Int32Array(16);
  for (let block = 0; block < padded.length; block += 64) {
    for (let i = 0; i < 16; i++) words[i] = wordAt(padded, block + 4 * i);
    compress(state, words);
  }
  const digest = new Uint8Array(20);
  for (let i = 0; i < 20; i++) digest[i] = state[i >> 2]! >> (24 - 8 * (i & 3));
  return digest;
}

/** A one bit, zeros, and the length in bits: whole blocks of 64 bytes (§4). Lengths here stay far below 2^29. */
function pad(message: Uint8Array): Uint8Array {
  const padded = new Uint8Array((((message.length + 8) >> 6) + 1) << 6);
  padded.set(message);
  padded[message.length] = 0x80;
  const bits = message.length * 8;
  for (let i = 0; i < 4; i++) padded[padded.length - 1 - i] = bits >>> (8 * i);
  return padded;
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

/** One block, with the sixteen words that §6.2 needs at a time. */
function compress(state: Int32Array, words: Int32Array): void {
  let [a, b, c, d, e] = state as unknown as [number, number, number, number, number];
  for (let t = 0; t < 80; t++) {
    const s = t & 15;
    if (t >= 16)
      words[s] = rotate(words[(s + 13) & 15]! ^ words[(s + 8) & 15]! ^ words[(s + 2) & 15]! ^ words[s]!, 1);
    const next = (rotate(a, 5) + mix(t, b, c, d) + e + words[s]!) | 0;
    e = d;
    d = c;
    c = rotate(b, 30);
    b = a;
    a = next;
  }
  state[0]! += a;
  state[1]! += b;
  state[2]! += c;
  state[3]! += d;
  state[4]! += e;
}

/** The function and the constant of round `t` (§5). */
function mix(t: number, b: number, c: number, d: number): number {
  if (t < 20) return ((b & c) | (~b & d)) + 0x5a827999;
  if (t < 40) return (b ^ c ^ d) + 0x6ed9eba1;
  if (t < 60) return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
  return (b ^ c ^ d) + 0xca62c1d6;
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
