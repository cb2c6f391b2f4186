/** The first certificate of a chain in PEM (RFC 7468 §2, §5), out of bytes: a device has no room for it as text. */

const begin = "-----BEGIN CERTIFICATE-----";
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const dash = 0x2d;
const pad = 0x3d;

/** @returns its DER, new bytes; undefined when there is none, or it is damaged */
export function firstPemCertificate(bytes: Uint8Array): Uint8Array | undefined {
  const start = indexOf(bytes, begin, 0);
  if (start < 0) return undefined;
  const from = start + begin.length;
  const end = bytes.indexOf(dash, from);
  if (end < 0 || indexOf(bytes, "-----END CERTIFICATE-----", end) !== end) return undefined;
  return base64Bytes(bytes.subarray(from, end));
}

function indexOf(bytes: Uint8Array, text: string, from: number): number {
  for (let at = from; at + text.length <= bytes.length; at++) {
    let i = 0;
    while (i < text.length && bytes[at + i] === text.charCodeAt(i)) i++;
    if (i === text.length) return at;
  }
  return -1;
}

/** base64 (RFC 4648 §4) with white space between, padded. */
function base64Bytes(text: Uint8Array): Uint8Array | undefined {
  const out = new Uint8Array(Math.floor((text.length * 3) / 4));
  let bits = 0;
  let letters = 0;
  let pads = 0;
  let at = 0;
  for (const letter of text) {
    if (letter <= 0x20) continue;
    letters++;
    if (letter === pad) {
      pads++;
      continue;
    }
    const digit = alphabet.indexOf(String.fromCharCode(letter));
    if (digit < 0 || pads > 0) return undefined;
    bits = ((bits << 6) | digit) & 0xffff;
    const held = (letters * 6) % 8;
    if (letters % 4 !== 1) out[at++] = bits >> held;
  }
  if (letters % 4 !== 0 || pads > 2) return undefined;
  return out.slice(0, at);
}
