/** Deterministic CBOR (RFC 8949 §4.2.1) over the cborg package, apart from lib/cbor on purpose: it judges what that writes. */
import { decode, encode, rfc8949EncodeOptions } from "cborg";

const encodeOptions = { ...rfc8949EncodeOptions, useMaps: true };

export function encodeDeterministic(value: unknown): Uint8Array {
  return encode(value, encodeOptions);
}

/**
 * Decodes one item; maps become Map. Floats may have any width here.
 * @throws {Error} on trailing bytes, indefinite lengths, lengths or integers not in shortest form, duplicate keys, tags
 */
export function decodeStrict(data: Uint8Array): unknown {
  return decode(data, {
    strict: true,
    useMaps: true,
    allowIndefinite: false,
    allowUndefined: false,
    rejectDuplicateMapKeys: true,
  });
}

/** As decodeStrict, and the bytes must be the only ones that encode this value: also the order of keys counts. */
export function decodeDeterministic(data: Uint8Array): unknown {
  const value = decodeStrict(data);
  if (!Buffer.from(encodeDeterministic(value)).equals(data))
    throw new RangeError("not in deterministic form");
  return value;
}
