/** IEEE 754 binary16, which no typed array of ES2022 knows. */

const leastNormal = 2 ** -14;
const subnormalUnit = 2 ** -24;

/** The 16 bits of `value`, or undefined when they cannot hold it exactly. NaN gives RFC 8949's 0x7e00. */
export function halfBits(value: number): number | undefined {
  if (Number.isNaN(value)) return 0x7e00;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (size === Number.POSITIVE_INFINITY) return sign | 0x7c00;
  if (size < leastNormal) {
    const units = size / subnormalUnit;
    return Number.isInteger(units) ? sign | units : undefined;
  }
  if (size > 65504) return undefined;
  let exponent = 15;
  let scaled = size;
  while (scaled >= 2) {
    scaled /= 2;
    exponent++;
  }
  while (scaled < 1) {
    scaled *= 2;
    exponent--;
  }
  const fraction = (scaled - 1) * 1024;
  return Number.isInteger(fraction) ? sign | (exponent << 10) | fraction : undefined;
}

export function halfValue(bits: number): number {
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  const size =
    exponent === 0
      ? fraction * subnormalUnit
      : exponent < 31
        ? (1024 + fraction) * 2 ** (exponent - 25)
        : fraction === 0
          ? Number.POSITIVE_INFINITY
          : Number.NaN;
  return bits & 0x8000 ? -size : size;
}
