/**
 * What a command and its result say, each one deterministic CBOR array (docs/commands.md). This file knows no
 * keys: payloads come here verified and go from here into lib/sealed. Reading refuses everything that writing
 * would not have written, and looks at the shape before it allocates.
 */
import { decode } from "../cbor/decode.js";
import { encode } from "../cbor/encode.js";
import { utf8Length } from "../cbor/utf8.js";
import { CborError, type CborValue } from "../cbor/value.js";
import { maxCounter } from "../sealed/header.js";

/** What an argument may be. A number that is whole is an integer, whatever its sender's language calls it. */
export type Scalar = number | string | boolean;
/** Bytes are what `crl` carries, and no other command. */
export type Argument = Scalar | Uint8Array;
export type ResultValue = Scalar | Uint8Array | null;

export interface Command {
  readonly name: string;
  readonly args: readonly Argument[];
  /** Unix seconds, as is `expiresAt`, which is not earlier. */
  readonly issuedAt: number;
  readonly expiresAt: number;
  /** What a device without authenticated time published last; null when the sender knows of none. */
  readonly challenge: Uint8Array | null;
}

/** How a command ended: `docs/commands.md` says what to do about each. */
export type Status =
  | "done"
  | "failed"
  | "refused"
  | "unknown"
  | "expired"
  | "challenge"
  | "unauthorised"
  | "malformed";

export interface Result {
  /** Sender id of the controller whose command this answers. */
  readonly controller: string;
  /** That command's counter. */
  readonly counter: number;
  readonly status: Status;
  readonly value: ResultValue;
  /** What the next command must carry; null when the device knows the time. */
  readonly challenge: Uint8Array | null;
}

export const maxNameLength = 32;
export const maxArgs = 8;
/** Bytes of UTF-8, or of a result's byte string. */
export const maxTextBytes = 128;
/** Of the array alone, without what protects it. */
export const maxPayloadBytes = 256;
/**
 * The one command that is larger, by a list, and the certificate of who has signed it, of so many bytes at most together. Brokers send a message in one TLS record, and a device
 * takes records of 4,096 bytes: so much is left beside topic, packet and protection.
 */
export const crlName = "crl";
export const maxCrlBytes = 3072;
export const challengeBytes = 8;
const maxControllerBytes = 64;
/** Beyond any clock, and an integer in every language. */
const maxSeconds = 2 ** 40 - 1;

const statuses: readonly Status[] = Object.freeze([
  "done",
  "failed",
  "refused",
  "unknown",
  "expired",
  "challenge",
  "unauthorised",
  "malformed",
]);

/** The array, five items in it, eight in one of these: a device makes no room for more. */
const limits = Object.freeze({ maxDepth: 2, maxItems: 6 + maxArgs });

/** Whether `name` can name a command: 1 to 32 of a-z, 0-9, full stop and hyphen. */
export function isCommandName(name: unknown): name is string {
  if (typeof name !== "string" || name.length === 0 || name.length > maxNameLength) return false;
  for (let i = 0; i < name.length; i++) {
    const unit = name.charCodeAt(i);
    const letter = unit >= 0x61 && unit <= 0x7a;
    const digit = unit >= 0x30 && unit <= 0x39;
    if (!letter && !digit && unit !== 0x2e && unit !== 0x2d) return false;
  }
  return true;
}

/** Whether `value` can be an argument: a finite number other than -0, a boolean, or text of at most 128 bytes. */
export function isScalar(value: unknown): value is Scalar {
  if (typeof value === "boolean") return true;
  if (typeof value === "number") return Number.isFinite(value) && !Object.is(value, -0);
  return typeof value === "string" && fits(value, maxTextBytes);
}

/** Whether `value` can be an argument of the command `name`. */
function isArgument(name: string, value: unknown): value is Argument {
  if (value instanceof Uint8Array) return name === crlName && value.length > 0 && value.length <= maxCrlBytes;
  return isScalar(value);
}

function maxBytesOf(name: string): number {
  return name === crlName ? maxPayloadBytes + maxCrlBytes : maxPayloadBytes;
}

/** Whether `value` can be a result's: a scalar, at most 128 bytes, or null. */
export function isResultValue(value: unknown): value is ResultValue {
  if (value instanceof Uint8Array) return value.length <= maxTextBytes;
  return value === null || isScalar(value);
}

/**
 * @returns new bytes, at most 256; of `crl` 3,328.
 * @throws RangeError for a command beyond the limits.
 */
export function encodeCommand(command: Command): Uint8Array {
  const { name, args, issuedAt, expiresAt, challenge } = command;
  if (!isCommandName(name)) throw new RangeError("a command's name is 1 to 32 of a-z, 0-9, . and -");
  if (args.length > maxArgs) throw new RangeError(`a command has at most ${maxArgs} arguments`);
  if (!args.every((value) => isArgument(name, value)))
    throw new RangeError("an argument is a finite number, true, false or text of at most 128 bytes");
  if (!validTimes(issuedAt, expiresAt)) throw new RangeError("a command expires after it is issued");
  if (!isChallenge(challenge)) throw new RangeError("a challenge has 8 bytes");
  const payload = encode([name, args, issuedAt, expiresAt, challenge]);
  if (payload.length > maxBytesOf(name))
    throw new RangeError(`a command takes at most ${maxBytesOf(name)} bytes`);
  return payload;
}

/** @returns undefined for anything that `encodeCommand` does not write; byte strings are views of `payload`. */
export function decodeCommand(payload: Uint8Array): Command | undefined {
  const parts = arrayOfFive(payload, maxPayloadBytes + maxCrlBytes);
  if (!parts) return undefined;
  const [name, args, issuedAt, expiresAt, challenge] = parts;
  if (!isCommandName(name) || !Array.isArray(args) || args.length > maxArgs) return undefined;
  if (payload.length > maxBytesOf(name)) return undefined;
  if (
    !args.every((value) => isArgument(name, value)) ||
    !validTimes(issuedAt, expiresAt) ||
    !isChallenge(challenge)
  )
    return undefined;
  return {
    name,
    args: args as Argument[],
    issuedAt: issuedAt as number,
    expiresAt: expiresAt as number,
    challenge,
  };
}

/**
 * @returns new bytes, at most 256.
 * @throws RangeError for a result beyond the limits.
 */
export function encodeResult(result: Result): Uint8Array {
  const { controller, counter, status, value, challenge } = result;
  if (!isController(controller)) throw new RangeError("a controller's id has 1 to 64 bytes");
  if (!isCounter(counter)) throw new RangeError("a counter lies between 0 and 2^40 - 1");
  if (!statuses.includes(status)) throw new RangeError("no status of a command");
  if (!isResultValue(value)) throw new RangeError("a result's value is a scalar, at most 128 bytes, or null");
  if (!isChallenge(challenge)) throw new RangeError("a challenge has 8 bytes");
  return encode([controller, counter, status, value, challenge]);
}

/** @returns undefined for anything that `encodeResult` does not write; byte strings are views of `payload`. */
export function decodeResult(payload: Uint8Array): Result | undefined {
  const parts = arrayOfFive(payload, maxPayloadBytes);
  if (!parts) return undefined;
  const [controller, counter, status, value, challenge] = parts;
  if (!isController(controller) || !isCounter(counter) || !statuses.includes(status as Status))
    return undefined;
  if (!isResultValue(value) || !isChallenge(challenge)) return undefined;
  return { controller, counter, status: status as Status, value, challenge };
}

function arrayOfFive(payload: Uint8Array, maxBytes: number): readonly CborValue[] | undefined {
  if (payload.length > maxBytes) return undefined;
  try {
    const parts = decode(payload, limits);
    return Array.isArray(parts) && parts.length === 5 ? parts : undefined;
  } catch (error) {
    if (error instanceof CborError) return undefined;
    throw error;
  }
}

function fits(text: string, most: number): boolean {
  if (text.length > most) return false;
  try {
    return utf8Length(text) <= most;
  } catch {
    return false;
  }
}

function isController(id: unknown): id is string {
  return typeof id === "string" && id !== "" && fits(id, maxControllerBytes);
}

function isCounter(counter: unknown): counter is number {
  return Number.isSafeInteger(counter) && (counter as number) >= 0 && (counter as number) <= maxCounter;
}

function isChallenge(challenge: unknown): challenge is Uint8Array | null {
  return challenge === null || (challenge instanceof Uint8Array && challenge.length === challengeBytes);
}

function validTimes(issuedAt: unknown, expiresAt: unknown): boolean {
  if (!Number.isSafeInteger(issuedAt) || !Number.isSafeInteger(expiresAt)) return false;
  const from = issuedAt as number;
  const until = expiresAt as number;
  return from >= 0 && from <= until && until <= maxSeconds;
}
