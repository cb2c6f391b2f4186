/** Reads the fields of one keyring entry. What it complains of names entry and field, never a value. */
import { Buffer } from "node:buffer";

/** The keyring cannot be used: one line, for the operator. */
export class KeyringError extends Error {}

export class Fields {
  readonly #fields: ReadonlyMap<string, unknown>;
  readonly #known = new Set<string>();
  readonly #where: string;

  /** @param where e.g. "entry 3" */
  constructor(value: unknown, where: string) {
    this.#where = where;
    if (typeof value !== "object" || value === null || Array.isArray(value))
      throw new KeyringError(`${where}: not an object`);
    this.#fields = new Map(Object.entries(value));
  }

  fail(field: string, what: string): never {
    throw new KeyringError(`${this.#where}: ${field}: ${what}`);
  }

  has(field: string): boolean {
    this.#known.add(field);
    return this.#fields.has(field);
  }

  /** Any value; undefined when it is not there. */
  any(field: string): unknown {
    this.#known.add(field);
    return this.#fields.get(field);
  }

  /** @param maxBytes of UTF-8 */
  text(field: string, maxBytes: number): string {
    const value = this.any(field);
    if (typeof value !== "string" || value === "") this.fail(field, "a text is needed");
    if (value.includes("\0")) this.fail(field, "a NUL in it");
    if (Buffer.byteLength(value) > maxBytes) this.fail(field, `longer than ${maxBytes} bytes`);
    return value;
  }

  whole(field: string, max: number): number {
    const value = this.any(field);
    if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value > max)
      this.fail(field, `a whole number from 0 to ${max} is needed`);
    return value;
  }

  /** The caller zeroes what it gets, if that is secret. */
  hex(field: string, minBytes: number, maxBytes = minBytes): Uint8Array {
    const value = this.any(field);
    const digits = minBytes === maxBytes ? `${2 * minBytes}` : `${2 * minBytes} to ${2 * maxBytes}`;
    const valid = typeof value === "string" && value.length % 2 === 0 && /^[0-9a-fA-F]*$/.test(value);
    if (!valid || value.length < 2 * minBytes || value.length > 2 * maxBytes)
      this.fail(field, `${digits} hexadecimal digits are needed`);
    return Uint8Array.from(Buffer.from(value, "hex"));
  }

  /** Milliseconds since 1970; undefined when it is not there. */
  instant(field: string): number | undefined {
    const value = this.any(field);
    if (value === undefined) return undefined;
    const form = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z$/;
    const ms = typeof value === "string" && form.test(value) ? Date.parse(value) : Number.NaN;
    if (Number.isNaN(ms)) this.fail(field, "a time such as 2027-01-01T00:00:00Z is needed");
    return ms;
  }

  list(field: string): readonly unknown[] {
    const value = this.any(field);
    if (!Array.isArray(value) || value.length === 0) this.fail(field, "a list of one or more is needed");
    return value;
  }

  /** A list of objects, each read by itself. */
  objects(field: string): readonly Fields[] {
    return this.list(field).map((item, n) => new Fields(item, `${this.#where}: ${field}: ${n + 1}`));
  }

  /** Name and value of each field within, in the order of the file. */
  entries(field: string): readonly (readonly [string, unknown])[] {
    const value = this.any(field);
    if (typeof value !== "object" || value === null || Array.isArray(value))
      this.fail(field, "an object is needed");
    const entries = Object.entries(value);
    if (entries.length === 0) this.fail(field, "it is empty");
    return entries;
  }

  /** Call it last: a field that nobody has asked for is a mistake. */
  end(): void {
    for (const field of this.#fields.keys())
      if (!this.#known.has(field)) this.fail(JSON.stringify(field), "no such field in an entry of this kind");
  }
}
