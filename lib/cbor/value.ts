/**
 * What CBOR (RFC 8949) can carry here. Refused: integers beyond ±(2^53 - 1), which a JavaScript number cannot
 * hold exactly, map keys other than integers and text, and simple values other than false, true, null, undefined.
 */

export type CborKey = number | string;

/** Any order; it is sorted when written and sorted already when read. */
export type CborMap = ReadonlyMap<CborKey, CborValue>;

/**
 * A number that is a safe integer (and not -0) stands for a CBOR integer, any other for a float;
 * a float whose value happens to be a safe integer is a `CborFloat`. So each value has one encoding.
 */
export type CborValue =
  | number
  | string
  | boolean
  | null
  | undefined
  | Uint8Array
  | CborFloat
  | CborTagged
  | CborMap
  | readonly CborValue[];

export class CborFloat {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

export class CborTagged {
  readonly tag: number;
  readonly value: CborValue;
  constructor(tag: number, value: CborValue) {
    this.tag = tag;
    this.value = value;
  }
}

/** The input is not deterministic CBOR, or beyond the limits above. Its message never quotes the input. */
export class CborError extends RangeError {}

/** Whether `value` is written as an integer. */
export function isCborInteger(value: number): boolean {
  if ((value | 0) === value && value !== 0) return true; // most are, and this takes an interpreter less
  return Number.isSafeInteger(value) && !Object.is(value, -0);
}
