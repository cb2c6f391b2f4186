/**
 * Sends commands to devices and knows their answers, whatever MQTT client carries them (docs/commands.md). Each
 * command has a counter that is written down before the command exists, so that two processes under one sender id
 * never use one twice. Which answers are awaited is kept here, in memory; nothing else is.
 */
import { needsOperator } from "../lib/commands/admission.js";
import {
  type Argument,
  decodeResult,
  encodeCommand,
  type ResultValue,
  type Status,
} from "../lib/commands/command.js";
import type { Crypto } from "../lib/crypto/crypto.js";
import { thaw } from "../lib/sealed/frozen.js";
import { coseSign1, plainCbor } from "../lib/sealed/header.js";
import { type OperatorKey, signOperator } from "../lib/sealed/operator.js";
import { protect } from "../lib/sealed/protect.js";
import type { CommandKey, Keyring } from "./keyring.js";
import { nodeCrypto } from "./node-crypto.js";
import type { Received } from "./receiver.js";
import type { Symmetric } from "./symmetric.js";

/** What is kept for a controller beyond its life: backend/counters.ts, or something of one's own. */
export interface CounterSource {
  /** A counter that nobody else has got or will get, for commands of `sender` to `device` in this epoch. */
  reserve(stream: {
    readonly sender: string;
    readonly device: string;
    readonly epoch: number;
  }): Promise<number>;
  /** The challenge that was kept last, if any. */
  challengeOf?(device: { readonly device: string; readonly epoch: number }): Promise<Uint8Array | undefined>;
  keepChallenge?(
    device: { readonly device: string; readonly epoch: number },
    challenge: Uint8Array,
  ): Promise<void>;
}

export interface ControllerOptions {
  /** This controller's id, as the devices' profiles have it. */
  readonly sender: string;
  /** Stays the caller's, as do the others. */
  readonly keyring: Keyring;
  readonly counters: CounterSource;
  /** The operator's key: then every command is signed with it. */
  readonly operator?: OperatorKey;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  readonly crypto?: Crypto;
}

export interface CommandOptions {
  /** `topics.base` of the device's profile (sensors/DEVICE). */
  readonly base?: string;
  /** How long the device may still act on it (3600). */
  readonly expiresInSeconds?: number;
  /** As the device's profile has it; what the keyring says of the command topic, or stamps with HMAC-256. */
  readonly protection?: Symmetric;
  /** Which of the device's secrets: the newest that is no newer (the newest; with `keys`, the one before the new one). */
  readonly epoch?: number;
}

/** To publish at QoS 1, not retained. */
export interface PreparedCommand {
  readonly device: string;
  readonly name: string;
  readonly args: readonly Argument[];
  readonly topic: string;
  /** The caller's. */
  readonly payload: Uint8Array;
  readonly counter: number;
  readonly epoch: number;
  /** Where the answer comes: subscribe there before publishing. */
  readonly resultTopic: string;
  /** Unix seconds. A broker that is told (MQTT 5's message expiry interval) drops the command then. */
  readonly expiresAt: number;
}

export interface CommandAnswer {
  readonly command: PreparedCommand;
  readonly status: Status;
  readonly value: ResultValue;
  /** With "challenge": the same command once more, to publish now; null with any other status, or when it has expired. */
  readonly again: PreparedCommand | null;
}

interface Awaited {
  readonly command: PreparedCommand;
  readonly options: CommandOptions;
}

const defaultLifetimeSeconds = 3600;
const maxLifetimeSeconds = 366 * 86_400;
/** Answers to commands that expired so long ago are not awaited any more. */
const graceSeconds = 86_400;

export class Controller {
  readonly #options: ControllerOptions;
  readonly #crypto: Crypto;
  readonly #now: () => number;
  /** By device and counter. */
  readonly #awaited = new Map<string, Awaited>();

  constructor(options: ControllerOptions) {
    this.#options = options;
    this.#crypto = options.crypto ?? nodeCrypto;
    this.#now = options.now ?? Date.now;
  }

  /**
   * A command to publish, and from now on its answer is awaited.
   * @throws {RangeError} for a name or argument that no command can have, a device whose key the keyring does not
   *   have, and a name that needs the operator's signature when there is no operator's key
   */
  prepare(
    device: string,
    name: string,
    args: readonly Argument[] = [],
    options: CommandOptions = {},
  ): Promise<PreparedCommand> {
    const { expiresInSeconds = defaultLifetimeSeconds } = options;
    if (!(expiresInSeconds >= 1 && expiresInSeconds <= maxLifetimeSeconds))
      throw new RangeError("a command lives from one second to 366 days");
    const expiresAt = Math.floor(this.#now() / 1000 + expiresInSeconds);
    return this.#prepare(device, name, args, expiresAt, options);
  }

  async #prepare(
    device: string,
    name: string,
    args: readonly Argument[],
    expiresAt: number,
    options: CommandOptions,
    given?: Uint8Array | null,
  ): Promise<PreparedCommand> {
    const { sender, counters, operator } = this.#options;
    if (needsOperator(name) && !operator)
      throw new RangeError(`"${name}" needs the operator's signature, and there is no operator's key`);
    const base = options.base ?? `sensors/${device}`;
    const topic = `${base}/command`;
    const nowMs = this.#now();
    this.#forgetOld(nowMs);
    const issuedAt = Math.floor(nowMs / 1000);
    const maxEpoch = options.epoch ?? epochBefore(name, args);
    const { epoch } = this.#key(device, topic, options, nowMs, maxEpoch);
    // With it a device that does not know the time needs no second attempt.
    const challenge = given ?? (await counters.challengeOf?.({ device, epoch })) ?? null;
    const plaintext = encodeCommand({ name, args, issuedAt, expiresAt, challenge });
    const counter = await counters.reserve({ sender, device, epoch });
    // Asked for again: the keyring may have closed the key in the meantime, or the secret's time be over.
    const found = this.#key(device, topic, options, this.#now(), maxEpoch);
    if (found.epoch !== epoch) return this.#prepare(device, name, args, expiresAt, options, given);
    const payload = this.#protect(found, topic, counter, plaintext, operator);
    plaintext.fill(0);
    const command: PreparedCommand = {
      ...{ device, name, args, topic, payload, counter, epoch },
      resultTopic: `${base}/result`,
      expiresAt,
    };
    this.#awaited.set(placeOf(device, counter), { command, options });
    return command;
  }

  /**
   * What `received` answers.
   * @param received from a `Receiver` whose keyring has the device's key for the result topic
   * @returns undefined for anything but a genuine answer to a command that this object has prepared, and for an
   *   answer that came before
   */
  async matchResult(received: Received): Promise<CommandAnswer | undefined> {
    const { verdict, topic, sender: device, epoch, contentType, payload } = received;
    // A duplicate too: processes may share a replay store, and only one of them awaits this answer.
    if (verdict !== "fresh" && verdict !== "duplicate") return undefined;
    if (device === null || epoch === null || payload === null || contentType !== plainCbor) return undefined;
    const result = decodeResult(payload);
    if (!result || result.controller !== this.#options.sender) return undefined;
    const place = placeOf(device, result.counter);
    const awaited = this.#awaited.get(place);
    if (!awaited || awaited.command.resultTopic !== topic || !isAnswering(awaited.command, epoch))
      return undefined;
    this.#awaited.delete(place);
    const { counters } = this.#options;
    const challenge = result.challenge?.slice() ?? null;
    if (challenge) await counters.keepChallenge?.({ device, epoch }, challenge);
    const { command, options } = awaited;
    const { status, value } = result;
    const again = status === "challenge" && this.#now() < command.expiresAt * 1000;
    const { name, args, expiresAt } = command;
    return {
      command,
      status,
      value: value instanceof Uint8Array ? value.slice() : value,
      again: again ? await this.#prepare(device, name, args, expiresAt, options, challenge) : null,
    };
  }

  /** No answer to this command is awaited any more. */
  forget({ device, counter }: PreparedCommand): void {
    this.#awaited.delete(placeOf(device, counter));
  }

  #key(
    device: string,
    topic: string,
    { protection }: CommandOptions,
    nowMs: number,
    maxEpoch: number | undefined,
  ): CommandKey {
    const { keyring, sender } = this.#options;
    const found = keyring.commandKey(device, sender, topic, protection, nowMs, maxEpoch);
    if (found) return found;
    throw new RangeError(`the keyring has no key for commands of "${sender}" to "${device}" on ${topic}`);
  }

  #protect(
    { key }: CommandKey,
    topic: string,
    counter: number,
    plaintext: Uint8Array,
    operator: OperatorKey | undefined,
  ): Uint8Array {
    const message = thaw({ counter, plaintext, contentType: plainCbor } as const);
    if (!operator) return protect(this.#crypto, key, message);
    const signed = signOperator(this.#crypto, operator, { topic, kid: key.kid }, message);
    return protect(this.#crypto, key, thaw({ counter, plaintext: signed, contentType: coseSign1 } as const));
  }

  #forgetOld(nowMs: number): void {
    for (const [place, { command }] of this.#awaited)
      if ((command.expiresAt + graceSeconds) * 1000 < nowMs) this.#awaited.delete(place);
  }
}

/** `keys` goes under the secret that is there, and the keyring may have the new one already. */
function epochBefore(name: string, [epoch]: readonly Argument[]): number | undefined {
  return name === "keys" && typeof epoch === "number" ? epoch - 1 : undefined;
}

/** Under the keys of the command; of `keys` also under the new ones, when the power failed before the answer was out. */
function isAnswering({ name, args, epoch }: PreparedCommand, of: number): boolean {
  return of === epoch || (name === "keys" && of === args[0]);
}

function placeOf(device: string, counter: number): string {
  return `${device} ${counter}`;
}
