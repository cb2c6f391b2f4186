/**
 * A point of P-256 from its x coordinate and the sign of y (SEC 1 §2.3.4). Public values only: the time depends on
 * them. Needed by those who open a `sealTo` message; its sender knows y.
 */

const p = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn;
const b = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;

/**
 * @param x 32 bytes, big-endian
 * @param odd the lowest bit of y
 * @returns 04, x, y; undefined when no point of the curve has this x
 */
export function decompressPoint(x: Uint8Array, odd: boolean): Uint8Array | undefined {
  const at = toNumber(x);
  if (x.length !== 32 || at >= p) return undefined;
  const square = (((at * at - 3n) * at + b) % p) + p;
  const root = squareRoot(square % p);
  if ((root * root - square) % p !== 0n) return undefined;
  const point = new Uint8Array(65);
  point[0] = 4;
  point.set(x, 1);
  writeNumber((root & 1n) === (odd ? 1n : 0n) ? root : p - root, point, 33);
  return point;
}

/** For a square modulo p: to the power of (p + 1) / 4 = 2^254 - 2^222 + 2^190 + 2^94, as p is 3 modulo 4. */
function squareRoot(square: bigint): bigint {
  const ones2 = times(powers(square, 1), square);
  const ones4 = times(powers(ones2, 2), ones2);
  const ones8 = times(powers(ones4, 4), ones4);
  const ones16 = times(powers(ones8, 8), ones8);
  const ones32 = times(powers(ones16, 16), ones16);
  const high = times(powers(ones32, 32), square);
  return powers(times(powers(high, 96), square), 94);
}

function times(one: bigint, other: bigint): bigint {
  return (one * other) % p;
}

/** Squared `count` times. */
function powers(base: bigint, count: number): bigint {
  let result = base;
  for (let i = 0; i < count; i++) result = (result * result) % p;
  return result;
}

function toNumber(data: Uint8Array): bigint {
  let number = 0n;
  for (const byte of data) number = (number << 8n) | BigInt(byte);
  return number;
}

function writeNumber(number: bigint, out: Uint8Array, at: number): void {
  let rest = number;
  for (let i = at + 31; i >= at; i--) {
    out[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
}
