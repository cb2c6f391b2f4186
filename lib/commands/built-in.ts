/**
 * The commands that the firmware itself carries out, as far as their arguments say: which there are, and what they ask
 * for. Pure: what is written where, and what else stands against it, is the shell's.
 */
import { type AlarmSetting, type Settings, withAlarm } from "../store/settings.js";
import type { Argument, Scalar } from "./command.js";

export type BuiltIn = "interval" | "batch" | "alarm" | "reboot" | "pins" | "crl" | "keys";

const names: readonly string[] = Object.freeze([
  "interval",
  "batch",
  "alarm",
  "reboot",
  "pins",
  "crl",
  "keys",
]);

/** An application does not hear of these. */
export function isBuiltIn(name: string): name is BuiltIn {
  return names.includes(name);
}

/** Why a command is not carried out, for whoever sent it: at most 128 bytes. */
export type Refusal = string;

/**
 * `interval SECONDS`, `batch MESSAGES`, `alarm NAME off`, `alarm NAME above A below B` with one of the two or both.
 * @returns `settings` with what the command changes; a text when the arguments say nothing. The values' limits are
 *   those of the profile, which checks them
 */
export function changedSettings(
  settings: Settings,
  name: "interval" | "batch" | "alarm",
  args: readonly Argument[],
): Settings | Refusal {
  if (name === "alarm") {
    const alarm = alarmOf(args as readonly Scalar[]);
    return typeof alarm === "string" ? alarm : withAlarm(settings, alarm);
  }
  const [value] = args;
  if (args.length !== 1 || typeof value !== "number") return `${name} takes one number`;
  return name === "interval" ? { ...settings, intervalSeconds: value } : { ...settings, sendEvery: value };
}

const alarmForm = "alarm takes a name, then off, or above and below with a number each";

function alarmOf([name, ...words]: readonly Scalar[]): AlarmSetting | Refusal {
  if (typeof name !== "string" || name === "") return alarmForm;
  if (words.length === 1 && words[0] === "off") return { name, above: null, below: null };
  let above: number | null = null;
  let below: number | null = null;
  for (let i = 0; i < words.length; i += 2) {
    const bound = words[i + 1];
    if (typeof bound !== "number") return alarmForm;
    if (words[i] === "above" && above === null) above = bound;
    else if (words[i] === "below" && below === null) below = bound;
    else return alarmForm;
  }
  return above === null && below === null ? alarmForm : { name, above, below };
}

/** `pins VERSION OLD NEW`: a whole number and two texts. */
export interface PinsCommand {
  readonly version: number;
  readonly old: string;
  readonly next: string;
}

export function pinsCommand(args: readonly Argument[]): PinsCommand | undefined {
  const [version, old, next] = args;
  if (args.length !== 3 || !isWhole(version) || typeof old !== "string" || typeof next !== "string")
    return undefined;
  return { version, old, next };
}

/** `keys EPOCH SALT`: a whole number, and 32 to 128 hex digits in small letters. */
export interface KeysCommand {
  readonly epoch: number;
  readonly salt: Uint8Array;
}

export function keysCommand(args: readonly Argument[]): KeysCommand | undefined {
  const [epoch, digits] = args;
  if (args.length !== 2 || !isWhole(epoch) || epoch > 0xffff_ffff || typeof digits !== "string")
    return undefined;
  const salt = hexBytes(digits);
  return salt && { epoch, salt };
}

const minSaltDigits = 32;

function hexBytes(digits: string): Uint8Array | undefined {
  if (digits.length < minSaltDigits || digits.length % 2 !== 0) return undefined;
  for (let i = 0; i < digits.length; i++) if (!"0123456789abcdef".includes(digits[i]!)) return undefined;
  const bytes = new Uint8Array(digits.length >> 1);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

/** `crl NUMBER LIST [ISSUER]`: a whole number, the list's bytes, and the certificate of the CA that has signed it. */
export interface CrlCommand {
  readonly number: number;
  readonly list: Uint8Array;
  /** undefined: it is the one that the device trusts. */
  readonly issuer: Uint8Array | undefined;
}

export function crlCommand(args: readonly Argument[]): CrlCommand | undefined {
  const [number, list, issuer] = args;
  if (args.length > 3 || !isWhole(number) || !(list instanceof Uint8Array)) return undefined;
  return issuer === undefined || issuer instanceof Uint8Array ? { number, list, issuer } : undefined;
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
