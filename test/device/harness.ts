/**
 * A test harness small enough to run on the device. Test files only collect; a runner (Node or XS) runs
 * them once per platform, so that the same rules hold in both engines and over every crypto provider.
 */
import type { Crypto } from "../../lib/crypto/crypto.js";

export interface Platform {
  readonly name: string;
  readonly crypto: Crypto;
  /** Parsed test/vectors/<path>.json. */
  vectors(path: string): unknown;
}

export interface Test {
  readonly name: string;
  readonly run: (platform: Platform) => void | Promise<void>;
}

const collected: Test[] = [];

export function test(name: string, run: Test["run"]): void {
  collected.push({ name, run });
}

/** Hands the tests collected since the last call to the runner. */
export function takeTests(): Test[] {
  return collected.splice(0);
}

export function hex(data: Uint8Array): string {
  let text = "";
  for (const byte of data) text += byte.toString(16).padStart(2, "0");
  return text;
}

export function fromHex(text: string): Uint8Array {
  const data = new Uint8Array(text.length >> 1);
  // No regular expression: in XS it would use a board's stack by the length of the text.
  for (let i = 0; i < text.length; i++) {
    const digit = "0123456789abcdef".indexOf(text.charAt(i).toLowerCase());
    if (digit < 0 || text.length % 2 !== 0) throw new TypeError(`not hex: ${text}`);
    data[i >> 1] = data[i >> 1]! * 16 + digit;
  }
  return data;
}

function show(value: unknown): string {
  if (value instanceof Uint8Array) return `h'${hex(value)}'`;
  return typeof value === "bigint" ? `${value}n` : (JSON.stringify(value) ?? String(value));
}

function same(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (a instanceof Uint8Array || b instanceof Uint8Array)
    return a instanceof Uint8Array && b instanceof Uint8Array && hex(a) === hex(b);
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const keysA = Object.keys(a);
  const keysB = Object.keys(b);
  return (
    keysA.length === keysB.length &&
    keysA.every((key) => key in b && same(a[key as keyof typeof a], b[key as keyof typeof b]))
  );
}

/** Deep equality; Uint8Array by content. */
export function equal(actual: unknown, expected: unknown, what = "value"): void {
  if (!same(actual, expected)) throw new Error(`${what}: expected ${show(expected)}, got ${show(actual)}`);
}

export function ok(condition: unknown, what: string): asserts condition {
  if (!condition) throw new Error(`not so: ${what}`);
}

/** Compares bytes with a hex string. */
export function bytes(actual: Uint8Array, expectedHex: string, what = "bytes"): void {
  if (hex(actual) !== expectedHex.toLowerCase())
    throw new Error(`${what}: expected h'${expectedHex.toLowerCase()}', got h'${hex(actual)}'`);
}

type ErrorClass = new (message?: string) => Error;

/** The call must throw `expected`, with a message that matches `pattern` if one is given. */
export function throws(call: () => unknown, expected: ErrorClass, pattern?: RegExp): void {
  try {
    call();
  } catch (error) {
    if (!(error instanceof expected)) throw new Error(`expected ${expected.name}, got ${String(error)}`);
    if (pattern && !pattern.test(error.message))
      throw new Error(`message "${error.message}" lacks ${pattern}`);
    return;
  }
  throw new Error(`expected ${expected.name}, nothing was thrown`);
}
