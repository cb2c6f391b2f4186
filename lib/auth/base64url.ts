/**
 * base64url without padding (RFC 4648 §5, RFC 7515 §2), written as ASCII bytes: what stands in a password is wiped
 * after use, and text cannot be.
 */
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

export function base64urlLength(byteLength: number): number {
  return Math.ceil((byteLength * 4) / 3);
}

/**
 * Writes `bytes` into `out` from `at`, which has room for `base64urlLength(bytes.length)` bytes.
 * @returns the index after it
 */
export function writeBase64url(bytes: Uint8Array, out: Uint8Array, at: number): number {
  for (let i = 0; i < bytes.length; i += 3) {
    const left = Math.min(3, bytes.length - i);
    const group = (bytes[i]! << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    for (let digit = 0; digit <= left; digit++)
      out[at++] = alphabet.charCodeAt((group >> (18 - 6 * digit)) & 0x3f);
  }
  return at;
}

/** @throws {RangeError} for letters that base64url has not, or bits behind the last byte */
export function readBase64url(text: string): Uint8Array {
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4));
  let bits = 0;
  let held = 0;
  let at = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = alphabet.indexOf(text[i]!);
    if (digit < 0) throw new RangeError("not base64url");
    bits = ((bits << 6) | digit) & 0xffff;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    bytes[at++] = bits >> held;
  }
  if (held >= 6 || (bits & ((1 << held) - 1)) !== 0) throw new RangeError("not base64url");
  return bytes;
}
