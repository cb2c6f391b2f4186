/** The outermost structure of DER (X.690 §8.1, §10.1): where an element ends, and which elements it holds. */

export interface Element {
  readonly tag: number;
  /** With tag and length. */
  readonly whole: Uint8Array;
  readonly content: Uint8Array;
}

/**
 * Reads the elements that follow each other in `bytes`, to its end.
 * @throws {RangeError} when they do not end there, or a length or tag is written in another way than DER's
 */
export function derElements(bytes: Uint8Array): Element[] {
  const elements: Element[] = [];
  for (let at = 0; at < bytes.length; ) {
    const { start, end } = extent(bytes, at);
    elements.push({ tag: bytes[at]!, whole: bytes.subarray(at, end), content: bytes.subarray(start, end) });
    at = end;
  }
  return elements;
}

function extent(bytes: Uint8Array, at: number): { start: number; end: number } {
  const first = bytes[at + 1];
  if ((bytes[at]! & 0x1f) === 0x1f || first === undefined) throw new RangeError("not DER");
  const lengthBytes = first < 0x80 ? 0 : first - 0x80;
  const start = at + 2 + lengthBytes;
  if (first === 0x80 || lengthBytes > 4 || start > bytes.length) throw new RangeError("not DER");
  let length = lengthBytes === 0 ? first : 0;
  for (let i = at + 2; i < start; i++) length = length * 256 + bytes[i]!;
  const shortest = lengthBytes === 0 || (length >= 0x80 && length >= 256 ** (lengthBytes - 1));
  if (!shortest || start + length > bytes.length) throw new RangeError("not DER");
  return { start, end: start + length };
}

/** The content of the one SEQUENCE that `bytes` is. @throws {RangeError} when it is anything else */
export function derSequence(bytes: Uint8Array): Element[] {
  const [sequence, ...more] = derElements(bytes);
  if (sequence?.tag !== 0x30 || more.length > 0) throw new RangeError("not one DER SEQUENCE");
  return derElements(sequence.content);
}
