/** The options of `dormouse command`, checked before anything is sent; keys are read last. */
import { type Keyring, readKeyring } from "../../backend/keyring.js";
import { defaultSymmetric, type Symmetric, symmetricNamed, symmetricNames } from "../../backend/symmetric.js";
import type { Argument } from "../../lib/commands/command.js";
import { checkTopicName } from "../../lib/mqtt/wire/topics.js";
import type { OperatorKey } from "../../lib/sealed/operator.js";
import {
  addressOf,
  type ClientFlags,
  type ClientSettings,
  checked,
  clientSettings,
} from "../mqtt/client-flags.js";
import { OperatorError, UsageError } from "../report.js";
import { choice, duration, whole } from "../values.js";
import { operatorOf } from "./operator.js";
import { argumentsOf, nameOf } from "./words.js";

export interface CommandFlags extends ClientFlags {
  readonly keyring: string;
  readonly sender?: string;
  readonly base?: string;
  readonly state?: string;
  readonly expires?: string;
  readonly protection?: string;
  readonly algorithm?: string;
  readonly epoch?: string;
  readonly operatorKey?: string;
  readonly operatorKid?: string;
  /** true: without a duration. */
  readonly wait?: string | true;
  readonly json?: boolean;
}

export interface CommandSettings {
  readonly device: string;
  readonly name: string;
  readonly args: readonly Argument[];
  readonly base: string;
  readonly sender: string;
  readonly keyring: Keyring;
  readonly statePath: string;
  readonly expiresInSeconds: number;
  readonly protection: Symmetric | undefined;
  /** undefined: the newest secret. */
  readonly epoch: number | undefined;
  readonly operator: OperatorKey | undefined;
  /** undefined: no answer is waited for. */
  readonly waitMs: number | undefined;
  readonly json: boolean;
  readonly client: ClientSettings;
  /** The broker keeps the session for this one command: it is to forget it in the end. */
  readonly forgets: boolean;
}

const dayMs = 86_400_000;
const maxEpoch = 2 ** 32 - 1;

/** @throws {UsageError | OperatorError | KeyringError} in one line */
export async function commandSettings(
  device: string,
  name: string,
  words: readonly string[],
  flags: CommandFlags,
): Promise<CommandSettings> {
  const address = addressOf(flags);
  if (address.topic !== undefined)
    throw new UsageError("-L: leave the topic out; --base says what the device's topics begin with");
  const expiresMs = duration("--expires", flags.expires ?? "1h", 1000, 366 * dayMs);
  const { base = `sensors/${device}`, wait } = flags;
  const settings = {
    device,
    name: nameOf(name),
    args: await argumentsOf(name, words),
    base,
    statePath: flags.state ?? `${flags.keyring}.counters`,
    expiresInSeconds: Math.floor(expiresMs / 1000),
    protection: protectionOf(flags),
    epoch: flags.epoch === undefined ? undefined : whole("--epoch", flags.epoch, 0, maxEpoch),
    waitMs: wait === undefined ? undefined : wait === true ? expiresMs : waitOf(wait),
    json: flags.json ?? false,
  };
  checked("--base", () => checkTopicName(`${base}/command`));
  if (flags.operatorKey === "-" && (flags.pw === "-" || flags.psk === "-"))
    throw new UsageError("standard input cannot give two secrets: write env:NAME or file:PATH");
  const client = await clientSettings(flags, address);
  const operator = await operatorOf(flags.operatorKey, flags.operatorKid);
  const keyring = readKeyring(flags.keyring);
  try {
    const sender = flags.sender ?? onlyController(keyring);
    if (settings.waitMs !== undefined && !keyring.accepts(device, `${base}/result`, Date.now()))
      throw new OperatorError(
        `${flags.keyring} has no key for what "${device}" answers on ${base}/result: add that topic to it, or leave --wait out`,
      );
    return { ...settings, sender, keyring, operator, ...keptUntilAnswered(client, flags, settings.waitMs) };
  } catch (error) {
    keyring.close();
    operator?.key.close();
    throw error;
  }
}

function waitOf(text: string): number {
  if (!/^\d/.test(text))
    throw new UsageError(`--wait "${text}": write a duration like 30s or 5m, or --wait as the last word`);
  return duration("--wait", text, 1000, 366 * dayMs);
}

function onlyController(keyring: Keyring): string {
  const [only, ...others] = keyring.controllers;
  if (only === undefined || others.length > 0)
    throw new UsageError("--sender ID is missing: which of the controllers in the device's profile this is");
  return only;
}

function protectionOf({ protection, algorithm }: CommandFlags): Symmetric | undefined {
  const wanted = protection === undefined ? undefined : choice("--protection", protection, ["stamp", "seal"]);
  if (algorithm === undefined) return wanted && defaultSymmetric[wanted];
  const used = symmetricNamed(choice("--algorithm", algorithm, symmetricNames));
  if (wanted !== undefined && wanted !== used.protection)
    throw new UsageError(`--algorithm ${algorithm} goes with --protection ${used.protection}`);
  return used;
}

/** Who waits through lost connections wants what came meanwhile: the broker keeps the session until the answer is there. */
function keptUntilAnswered(
  client: ClientSettings,
  flags: ClientFlags,
  waitMs: number | undefined,
): Pick<CommandSettings, "client" | "forgets"> {
  const isTheirs = flags.id !== undefined || flags.disableCleanSession || flags.sessionExpiryInterval;
  if (waitMs === undefined || isTheirs || client.session.version !== 5) return { client, forgets: false };
  const sessionExpirySeconds = Math.ceil(waitMs / 1000);
  const session = { ...client.session, cleanStart: false, sessionExpirySeconds };
  return { client: { ...client, session }, forgets: true };
}
