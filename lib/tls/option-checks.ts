/**
 * Checks of single options: TypeError for a wrong shape, RangeError for a wrong value, and the option's name.
 * Plain loops: iterators and callbacks cost stack, and a TLSSocket is made where little of it is left.
 */
export type Bytes = Uint8Array | ArrayBuffer;

export function checkObject(value: unknown, name: string): asserts value is object {
  if (typeof value !== "object" || value === null) throw new TypeError(`${name} must be an object`);
}

/** A member that nobody knows is a member misspelt, and the check it asks for would not be made. */
export function checkMembers(value: unknown, name: string, known: readonly string[]): void {
  checkObject(value, name);
  const given = Object.keys(value);
  for (let i = 0; i < given.length; i++)
    if (!known.includes(given[i]!)) throw new TypeError(`${name}.${given[i]} is no option`);
}

export function checkBytes(value: unknown, name: string): Bytes {
  if (!(value instanceof Uint8Array) && !(value instanceof ArrayBuffer))
    throw new TypeError(`${name} must be a Uint8Array or an ArrayBuffer`);
  if (value.byteLength === 0) throw new RangeError(`${name} is empty`);
  return value;
}

export function checkFlag(value: unknown, name: string): boolean {
  if (typeof value !== "boolean") throw new TypeError(`${name} must be a boolean`);
  return value;
}

export function checkOneOf<T>(value: T, name: string, allowed: readonly T[]): T {
  if (!allowed.includes(value)) throw new RangeError(`${name} must be ${allowed.join(" or ")}`);
  return value;
}

/** A whole number from `min` to `max`. */
export function checkWhole(value: unknown, name: string, min: number, max: number): number {
  if (typeof value !== "number") throw new TypeError(`${name} must be a number`);
  if (!Number.isInteger(value) || value < min || value > max)
    throw new RangeError(`${name} must be a whole number from ${min} to ${max}`);
  return value;
}

/** 1 to `maxLength` printable ASCII characters. */
export function checkPrintable(value: unknown, name: string, maxLength: number): string {
  if (typeof value !== "string") throw new TypeError(`${name} must be a string`);
  if (value.length === 0 || value.length > maxLength)
    throw new RangeError(`${name} must be 1 to ${maxLength} characters`);
  for (let i = 0; i < value.length; i++) {
    const unit = value.charCodeAt(i);
    if (unit < 0x20 || unit > 0x7e) throw new RangeError(`${name} must be printable ASCII`);
  }
  return value;
}
