/**
 * Pins: the SHA-256 of a public key's SubjectPublicKeyInfo (RFC 7469 §2.4), as operators write it. Text to bytes,
 * nothing else; written for XS, which has no base64 of its own. Strict: 44 characters with their padding, and no
 * second spelling of the same 32 bytes (RFC 4648 §3.5).
 */

const base64Length = 44;
const quoted = 'pin-sha256="';

/**
 * @param text `sha256/BASE64`, `sha256//BASE64` (curl) or `pin-sha256="BASE64"` (RFC 7469 §2.1)
 * @returns the 32 bytes
 * @throws {TypeError} when it is no text, {RangeError} when it is no pin
 * @example parsePin("sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=") // the SHA-256 of nothing
 */
export function parsePin(text: string): Uint8Array {
  if (typeof text !== "string") throw new TypeError("a pin must be a text");
  // Each spelling has a length of its own, so that a digest may begin with the slash of sha256//.
  const spare = text.length - base64Length;
  if (spare === 7 && text.startsWith("sha256/")) return digest(text, 7);
  if (spare === 8 && text.startsWith("sha256//")) return digest(text, 8);
  if (spare === quoted.length + 1 && text.startsWith(quoted) && text.endsWith('"'))
    return digest(text, quoted.length);
  throw new RangeError("a pin must be sha256/ and 44 characters of base64");
}

/** 42 digits of 6 bits, one more whose last 2 bits are zero, and the padding: 32 bytes. */
function digest(text: string, start: number): Uint8Array {
  const bytes = new Uint8Array(32);
  const padding = start + base64Length - 1;
  let bits = 0;
  let count = 0;
  let at = 0;
  for (let i = start; i < padding; i++) {
    bits = ((bits << 6) | digit(text.charCodeAt(i))) & 0x3fff;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes[at++] = bits >> count;
  }
  if ((bits & 3) !== 0 || text[padding] !== "=")
    throw new RangeError("the base64 of a pin is not that of 32 bytes");
  return bytes;
}

/** RFC 4648 §4, table 1. */
function digit(code: number): number {
  if (code >= 0x41 && code <= 0x5a) return code - 0x41; // A-Z
  if (code >= 0x61 && code <= 0x7a) return code - 0x61 + 26; // a-z
  if (code >= 0x30 && code <= 0x39) return code - 0x30 + 52; // 0-9
  if (code === 0x2b) return 62; // +
  if (code === 0x2f) return 63; // /
  throw new RangeError("a pin has a character that is not base64");
}
