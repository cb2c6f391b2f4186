/** What the sections of RTC memory have in common: each is a dCBOR array, and unreadable is a value. */
import { decode } from "../cbor/decode.js";
import { CborError, type CborValue } from "../cbor/value.js";

/** The array of exactly `length` values that `data` encodes, or undefined. */
export function decodeArray(data: Uint8Array | undefined, length: number): readonly CborValue[] | undefined {
  if (data === undefined) return undefined;
  try {
    const value = decode(data);
    return Array.isArray(value) && value.length === length ? value : undefined;
  } catch (error) {
    if (error instanceof CborError) return undefined;
    throw error;
  }
}

/** An integer from 0 to `most`. */
export function isCount(value: unknown, most = Number.MAX_SAFE_INTEGER): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most;
}

/** Whether the four bytes of a secret's id stand in `data` at `at`. */
export function isOf(secretId: Uint8Array | undefined, data: Uint8Array, at: number): boolean {
  if (!secretId) return false;
  for (let i = 0; i < 4; i++) if (data[at + i] !== secretId[i]) return false;
  return true;
}
