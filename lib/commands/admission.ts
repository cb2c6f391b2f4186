/**
 * What a device does with one message on its command topic, in two steps, so that nothing is acted on twice.
 * `admit` says whether it is authentic and new, and what to write to flash. `judgeCommand` is given what flash
 * then holds, and only from there on is there a command. Pure: the shell keeps keys and windows, writes, acts
 * and answers. A command that verified uses up its counter whatever becomes of it, so it is answered once.
 */

import { utf8Encode } from "../cbor/utf8.js";
import { constantTimeEqual } from "../cose/constant-time.js";
import type { Crypto, Key } from "../crypto/crypto.js";
import { claimed } from "../sealed/claimed.js";
import { coseSign1, plainCbor } from "../sealed/header.js";
import { encodeKid, type SealKey, type Sender, type StampKey } from "../sealed/keys.js";
import type { Verified } from "../sealed/opened.js";
import { openOperator } from "../sealed/operator.js";
import { open } from "../sealed/protect.js";
import { judge, type ReplayWindow, type Verdict } from "../sealed/window.js";
import { type Command, decodeCommand, maxCrlBytes } from "./command.js";
import { encodeWindowRecord } from "./windows.js";

/** How far a command's sender may be ahead of the device. */
export const maxAheadSeconds = 300;
/** The largest command with all that can be around it; what is larger is none. */
export const maxMessageBytes = 640;
/** On a device that takes lists of revoked certificates. */
export const maxLargeMessageBytes = maxMessageBytes + maxCrlBytes;

/** Names that the operator has to sign, whatever the profile says. */
const operatorNames: readonly string[] = Object.freeze(["pins", "keys", "crl", "reboot"]);

export function needsOperator(name: string): boolean {
  return operatorNames.includes(name);
}

/** Why a message is dropped: counted, never answered. `blocked`: the controller's window cannot be read. */
export type Dropped = "blocked" | "bad" | Exclude<Verdict, "fresh">;

export interface Admitted {
  readonly verdict: "fresh";
  readonly counter: number;
  /** To write to flash, and to read back from there, before anything else is done. */
  readonly record: Uint8Array;
  /** What `record` says, for the next message. */
  readonly window: ReplayWindow;
  /** Not to be looked at: `judgeCommand` opens it. A view of the message when that is stamped. */
  readonly held: Verified;
}

export type Admission = Admitted | { readonly verdict: Dropped };

/** The operator's public key, 65 bytes uncompressed, and the short name it goes by. */
export interface Operator {
  readonly kid: string;
  readonly point: Uint8Array;
}

export interface CommandRules {
  /** The device's command topic. */
  readonly topic: string;
  /** null: what needs the operator is refused. */
  readonly operator: Operator | null;
  /** Whether every command needs the operator. */
  readonly onlySigned: boolean;
}

export interface CommandClock {
  readonly nowSeconds: number;
  /** Whether there is a time at all. */
  readonly known: boolean;
  /** Whether nobody could have forged it. */
  readonly authenticated: boolean;
}

export type Outcome =
  | { readonly kind: "run"; readonly command: Command; readonly byChallenge: boolean }
  | { readonly kind: "answer"; readonly status: "expired" | "challenge" | "unauthorised" | "malformed" }
  /** Flash does not hold the record: nothing may be done, and nothing more be taken from this controller. */
  | { readonly kind: "not-kept" };

/**
 * Which of `controllers` a message claims to come from: whose key to derive, and window to read.
 * @param retained whether the broker kept the message: a command is for now, so that is none
 * @param maxBytes of the message: what is larger is none
 * @returns -1 for nobody's
 */
export function claimedController(
  message: Uint8Array,
  retained: boolean,
  controllers: readonly Sender[],
  maxBytes = maxMessageBytes,
): number {
  if (retained || message.length > maxBytes) return -1;
  const claim = claimed(message);
  if (claim?.protection !== "stamp" && claim?.protection !== "seal") return -1;
  for (let i = 0; i < controllers.length; i++)
    if (constantTimeEqual(claim.kid, encodeKid(controllers[i]!))) return i;
  return -1;
}

/**
 * The first step, for the controller that `claimedController` gave.
 * @param key of `controller`, for the device's command topic, direction down
 * @param window undefined when flash holds one that cannot be read
 */
export function admit(
  crypto: Crypto,
  key: StampKey | SealKey,
  controller: Sender,
  window: ReplayWindow | undefined,
  message: Uint8Array,
): Admission {
  if (!window) return { verdict: "blocked" };
  const held = verifyCommand(crypto, key, message);
  if (!held) return { verdict: "bad" };
  const novelty = judgeNovelty(window, held);
  if (novelty.verdict !== "fresh") return novelty;
  const record = encodeWindowRecord(controller, novelty.window);
  return { ...novelty, counter: held.counter, record, held };
}

/** The first part of `admit`, for who has no room for all of it at once: whether the message is authentic. */
export function verifyCommand(
  crypto: Crypto,
  key: StampKey | SealKey,
  message: Uint8Array,
): Verified | undefined {
  const check = open(crypto, key, message);
  return check.verdict === "verified" ? check.message : undefined;
}

/** The second part: whether it is new. The third is to make the record of the window that this gives. */
export function judgeNovelty(
  window: ReplayWindow | undefined,
  held: Verified,
): { readonly verdict: "fresh"; readonly window: ReplayWindow } | { readonly verdict: Dropped } {
  if (!window) return { verdict: "blocked" };
  const judged = judge(window, held);
  return judged.verdict === "fresh"
    ? { verdict: "fresh", window: judged.window }
    : { verdict: judged.verdict };
}

/**
 * The second step: signature, time, and the command itself.
 * @param kept what flash holds now under this controller's entry
 * @param challenge what the device published last; null when it has published none
 */
export function judgeCommand(
  crypto: Crypto,
  { held, record }: Pick<Admitted, "held" | "record">,
  kept: Uint8Array | undefined,
  rules: CommandRules,
  clock: CommandClock,
  challenge: Uint8Array | null,
): Outcome {
  if (!kept || !constantTimeEqual(kept, record)) return { kind: "not-kept" };
  const signed = held.contentType === coseSign1;
  const payload = signed ? signedPayload(crypto, rules, held) : held.payload;
  if (!payload) return { kind: "answer", status: "unauthorised" };
  const command = signed || held.contentType === plainCbor ? decodeCommand(payload) : undefined;
  if (!command) return { kind: "answer", status: "malformed" };
  if (!signed && (rules.onlySigned || needsOperator(command.name)))
    return { kind: "answer", status: "unauthorised" };
  return inTime(command, clock, challenge);
}

/** What the operator signed; undefined when it was not the operator, or this device has none. */
function signedPayload(
  crypto: Crypto,
  { topic, operator }: CommandRules,
  held: Verified,
): Uint8Array | undefined {
  if (!operator) return undefined;
  const key = verifyingKey(crypto, operator.point);
  const check = key && openOperator(crypto, { kid: utf8Encode(operator.kid), key }, topic, held);
  key?.close();
  return check?.verdict === "verified" ? check.message.payload : undefined;
}

/** Undefined for what is nobody's key, and where there is no P-256: then nobody can have signed. */
function verifyingKey(crypto: Crypto, point: Uint8Array): Key | undefined {
  try {
    return crypto.importVerifyingKey(point);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** An expired command is not worth a challenge; a clock that may be forged can only take away. */
function inTime(command: Command, clock: CommandClock, challenge: Uint8Array | null): Outcome {
  const { nowSeconds, known, authenticated } = clock;
  if (known && nowSeconds > command.expiresAt) return { kind: "answer", status: "expired" };
  if (known && authenticated) {
    if (command.issuedAt - maxAheadSeconds > nowSeconds) return { kind: "answer", status: "expired" };
    return { kind: "run", command, byChallenge: false };
  }
  if (!challenge || !command.challenge || !constantTimeEqual(challenge, command.challenge))
    return { kind: "answer", status: "challenge" };
  return { kind: "run", command, byChallenge: true };
}
