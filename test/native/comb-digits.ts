/**
 * The digits in which mbedTLS writes the number by which it multiplies a point (ecp_comb_recode_core, ecp.c): whoever
 * finds them has the number, a private key or a nonce.
 */
import type { Sought } from "./memory-search.js";

const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const bits = 256;

/** By windows of 4 bits, and of 5 as for the curve's own base point. */
export function combDigits(name: string, number: Uint8Array): Sought[] {
  const value = BigInt(`0x${Buffer.from(number).toString("hex")}`);
  const odd = value & 1n ? value : order - value;
  return [4, 5].map((window) => ({ name: `${name}'s digits`, bytes: digits(odd, window) }));
}

function digits(number: bigint, window: number): Uint8Array {
  const count = Math.ceil(bits / window);
  const digits = new Uint8Array(count + 1);
  for (let i = 0; i < count; i++)
    for (let j = 0; j < window; j++) digits[i]! |= Number((number >> BigInt(i + count * j)) & 1n) << j;
  let carry = 0;
  for (let i = 1; i <= count; i++) {
    const both = digits[i]! & carry;
    digits[i]! ^= carry;
    carry = both;
    if (digits[i]! & 1) continue;
    carry |= digits[i]! & digits[i - 1]!;
    digits[i]! ^= digits[i - 1]!;
    digits[i - 1]! |= 0x80;
  }
  return digits;
}
