/**
 * MQTT's UTF-8 encoded strings (3.1.1 and 5, §1.5.3/§1.5.4), checked before anything is sent and before anything
 * received is believed. Knows no packets.
 */

/** A string's length field has two bytes. */
export const maxTextBytes = 65535;

/** XS: a string to bytes in one native step, and so a check of plain ASCII. */
type NativeBytes = { fromString?: (text: string) => ArrayBuffer };

/**
 * Bytes of `text` in UTF-8.
 * @throws {RangeError} for a lone surrogate [MQTT-1.5.4-1], U+0000 [MQTT-1.5.4-2] or more than 65,535 bytes
 */
export function textBytes(text: string, what: string): number {
  if (typeof text !== "string") throw new TypeError(`${what} must be a string`);
  if (text.includes("\u0000")) throw new RangeError(`${what} must not contain U+0000`);
  const native = (ArrayBuffer as NativeBytes).fromString;
  let length = text.length;
  if (native?.call(ArrayBuffer, text).byteLength !== length) length = utf8Bytes(text, what);
  if (length > maxTextBytes) throw new RangeError(`${what} is longer than ${maxTextBytes} bytes`);
  return length;
}

function utf8Bytes(text: string, what: string): number {
  let length = 0;
  for (const character of text) {
    const code = character.codePointAt(0)!;
    if (code >= 0xd800 && code < 0xe000) throw new RangeError(`${what} must not contain a lone surrogate`);
    length += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return length;
}

/**
 * Whether bytes [start, end) are well-formed UTF-8 without U+0000: shortest forms only, no surrogates,
 * nothing above U+10FFFF (RFC 3629 §4).
 */
export function isText(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; ) {
    const first = bytes[at++]!;
    if (first < 0x80) {
      if (first === 0) return false;
      continue;
    }
    const more = first < 0xc2 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : first < 0xf5 ? 3 : 0;
    if (more === 0 || at + more > end) return false;
    const second = bytes[at]!;
    // These four first bytes narrow what may follow.
    const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
    const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
    if (second < low || second > high) return false;
    for (let i = 1; i < more; i++) if ((bytes[at + i]! & 0xc0) !== 0x80) return false;
    at += more;
  }
  return true;
}

/**
 * Writes `text`, which `textBytes` has accepted, as UTF-8 at `at`.
 * @returns the index after it
 */
export function writeText(text: string, target: Uint8Array, at: number): number {
  const native = (ArrayBuffer as NativeBytes).fromString;
  if (native) {
    const bytes = new Uint8Array(native.call(ArrayBuffer, text));
    target.set(bytes, at);
    return at + bytes.length;
  }
  for (const character of text) {
    const code = character.codePointAt(0)!;
    if (code < 0x80) {
      target[at++] = code;
      continue;
    }
    const more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    target[at++] = (0xff00 >> (more + 1)) | (code >> (6 * more));
    for (let shift = 6 * (more - 1); shift >= 0; shift -= 6) target[at++] = 0x80 | ((code >> shift) & 0x3f);
  }
  return at;
}
