/**
 * UTF-8 (RFC 3629) for engines without TextEncoder. Refuses what UTF-8 cannot say: a lone surrogate in a
 * string, and in bytes overlong forms, surrogates, code points above U+10FFFF and sequences cut short.
 * XS holds a character beyond U+FFFF as one unit, which charCodeAt gives whole; other engines hold two.
 */

/** XS: bytes to string in one native step. It stops at a zero byte. */
type NativeString = { fromArrayBuffer?: (buffer: ArrayBufferLike, at: number, length: number) => string };

const blockUnits = 16;

/** @throws RangeError on a lone surrogate. */
export function utf8Length(text: string): number {
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) length += 1;
    else if (unit < 0x800) length += 2;
    else if (unit > 0xffff) length += 4;
    else if (unit < 0xd800 || unit > 0xdfff) length += 3;
    else {
      codePointOfPair(unit, text.charCodeAt(++i));
      length += 4;
    }
  }
  return length;
}

/**
 * Writes `text` into `out` from `at`, which has room for `utf8Length(text)` bytes; returns the offset after it.
 * @throws RangeError on a lone surrogate.
 */
export function utf8Write(text: string, out: Uint8Array, at: number): number {
  let to = at;
  for (let i = 0; i < text.length; i++) {
    let code = text.charCodeAt(i);
    if (code >= 0xd800 && code <= 0xdfff) code = codePointOfPair(code, text.charCodeAt(++i));
    if (code < 0x80) {
      out[to++] = code;
      continue;
    }
    if (code < 0x800) out[to++] = 0xc0 | (code >> 6);
    else {
      if (code < 0x10000) out[to++] = 0xe0 | (code >> 12);
      else {
        out[to++] = 0xf0 | (code >> 18);
        out[to++] = 0x80 | ((code >> 12) & 0x3f);
      }
      out[to++] = 0x80 | ((code >> 6) & 0x3f);
    }
    out[to++] = 0x80 | (code & 0x3f);
  }
  return to;
}

/**
 * @returns new bytes, owned by the caller.
 * @throws RangeError on a lone surrogate.
 */
export function utf8Encode(text: string): Uint8Array {
  const out = new Uint8Array(utf8Length(text));
  utf8Write(text, out, 0);
  return out;
}

/** @throws RangeError when `data` is not well-formed UTF-8. */
export function utf8Decode(data: Uint8Array): string {
  let hasZero = false;
  for (let at = 0; at < data.length; at += sequenceLength(data[at]!))
    if (codePointAt(data, at) === 0) hasZero = true;
  const native = (String as NativeString).fromArrayBuffer;
  if (native && !hasZero) return native.call(String, data.buffer, data.byteOffset, data.length);
  return decodeInBlocks(data);
}

/** Joins a few characters at a time: one at a time would leave a string behind for each. */
function decodeInBlocks(data: Uint8Array): string {
  let text = "";
  let block: number[] = [];
  for (let at = 0; at < data.length; at += sequenceLength(data[at]!)) {
    block.push(codePointAt(data, at));
    if (block.length === blockUnits) {
      text += String.fromCodePoint(...block);
      block = [];
    }
  }
  return text + String.fromCodePoint(...block);
}

function codePointOfPair(high: number, low: number): number {
  // `low` is NaN when the string ends here: no comparison with it holds.
  if (high > 0xdbff || !(low >= 0xdc00 && low <= 0xdfff)) throw new RangeError("lone surrogate");
  return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

function sequenceLength(first: number): number {
  return first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

function codePointAt(data: Uint8Array, at: number): number {
  const first = data[at]!;
  if (first < 0x80) return first;
  if (first < 0xc2 || first > 0xf4) throw new RangeError("not UTF-8");
  const length = sequenceLength(first);
  let code = first & (0xff >> (length + 1));
  for (let i = 1; i < length; i++) {
    const next = data[at + i];
    if (next === undefined || (next & 0xc0) !== 0x80) throw new RangeError("not UTF-8");
    code = (code << 6) | (next & 0x3f);
  }
  const overlong = (length === 3 && code < 0x800) || (length === 4 && code < 0x10000);
  if (overlong || (code >= 0xd800 && code <= 0xdfff) || code > 0x10ffff) throw new RangeError("not UTF-8");
  return code;
}
