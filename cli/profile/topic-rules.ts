/**
 * The rules between a profile's settings for protecting messages and commands, and what of them the device stores.
 * What each setting may be by itself stands in the schema.
 */
import type { Profile } from "../../lib/store/profile.js";
import {
  type CommandSettings,
  type DeviceState,
  type Protection,
  type SealAlgorithmName,
  type StampAlgorithmName,
  sealAlgorithms,
  stampAlgorithms,
} from "../../lib/store/protection.js";
import { deviceMade } from "./at-provisioning.js";
import type { Mistake } from "./check.js";
import type { References } from "./references.js";

type AlgorithmName = StampAlgorithmName | SealAlgorithmName;

interface WrittenKey {
  readonly kid: string;
  /** A reference to a public key. */
  readonly key: string;
}

/** `topics` as written, once the schema holds and its defaults are in. */
export interface WrittenTopics {
  readonly base?: string;
  readonly readings?: string;
  readonly format: "cbor" | "json";
  readonly state: readonly DeviceState[];
  readonly protection: Protection["protection"];
  readonly algorithm?: AlgorithmName;
  readonly recipient?: WrittenKey;
  readonly sign?: boolean;
  readonly signKey?: string;
}

export interface WrittenCommands {
  readonly protection: "stamp" | "seal";
  readonly algorithm?: AlgorithmName;
  readonly controllers: readonly string[];
  readonly operator?: WrittenKey;
  readonly onlySigned?: boolean;
}

const stampNames = Object.keys(stampAlgorithms) as StampAlgorithmName[];
const sealNames = Object.keys(sealAlgorithms) as SealAlgorithmName[];

/** Every algorithm that has a choice. */
export const algorithmNames: readonly AlgorithmName[] = [...stampNames, ...sealNames];
export const protectionNames: readonly Protection["protection"][] = [
  "stamp",
  "seal",
  "sign",
  "sealTo",
  "none",
];

/** In the place of a public key that has not been read yet: the generator of P-256 (SEC 2 §2.4.2), nobody's. */
const unreadKey = "BGsX0fLhLEJH-Lzm5WOkQPJ3A32BLeszoPShOUXYmMKWT-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU";

/** What somebody may write who wants damage to be noticed. */
const checksums = ["checksum", "crc", "md", "sha", "hash", "adler", "fletcher", "parity", "xor", "sum"];

/** What is written in the place of a protection and is none that protects; undefined for any other word. */
export function checksumMistake(path: string, word: unknown): Mistake | undefined {
  if (typeof word !== "string" || !checksums.some((name) => word.toLowerCase().startsWith(name)))
    return undefined;
  return {
    path,
    problem:
      "is a checksum: it finds damage, and stops nobody, because whoever changes a message computes it anew",
    remedy: 'Write "stamp": the same with a key, which only the device and its receivers have.',
  };
}

type Blame = (setting: string, problem: string, remedy: string) => void;

function blamer(group: string, mistakes: Mistake[]): Blame {
  return (setting, problem, remedy) => mistakes.push({ path: `${group}.${setting}`, problem, remedy });
}

function blameAlgorithm(blame: Blame, protection: string, algorithm: AlgorithmName | undefined): void {
  if (algorithm === undefined) return;
  const known: readonly string[] | undefined = { stamp: stampNames, seal: sealNames }[protection];
  if (!known)
    blame("algorithm", `is there though protection is "${protection}"`, "Remove it: there is only one.");
  else if (!known.includes(algorithm))
    blame("algorithm", `does not go with protection "${protection}"`, `Write ${words(known)}.`);
}

function words(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(" or ");
}

/** @returns one mistake for each rule that is broken */
export function topicMistakes(topics: WrittenTopics, encrypted: boolean): Mistake[] {
  const { protection, algorithm, recipient, sign, signKey } = topics;
  const mistakes: Mistake[] = [];
  const blame = blamer("topics", mistakes);
  blameAlgorithm(blame, protection, algorithm);
  const sealTo = protection === "sealTo";
  if (sealTo && !recipient)
    blame("recipient", "is missing", 'Write { "kid": NAME, "key": "file:PATH" }: whom the messages are for.');
  if (!sealTo && recipient)
    blame("recipient", 'is there though protection is not "sealTo"', "Remove one of them.");
  if (!sealTo && sign !== undefined)
    blame("sign", 'is there though protection is not "sealTo"', 'Remove it, or write "protection": "sign".');
  if (signKey !== undefined && protection !== "sign" && !(sealTo && sign))
    blame("signKey", "is there though nothing is signed", "Remove it: no other protection has a key pair.");
  if (!encrypted && protection === "none")
    blame(
      "protection",
      'is "none" though broker.tls is false: anyone on the way could change a message or make one up',
      'Write "stamp", "seal" or "sign", or let broker.tls be an object.',
    );
  if (!encrypted && sealTo && !sign)
    blame(
      "sign",
      "is not true though broker.tls is false: anyone on the way could seal a message of their own",
      'Write "sign": true, or let broker.tls be an object.',
    );
  return mistakes;
}

/** @returns one mistake for each rule that is broken */
export function commandMistakes(commands: WrittenCommands, mqtt: Profile["mqtt"]): Mistake[] {
  const { protection, algorithm, operator, onlySigned } = commands;
  const mistakes: Mistake[] = [];
  const blame = blamer("commands", mistakes);
  blameAlgorithm(blame, protection, algorithm);
  if (onlySigned && !operator)
    blame(
      "operator",
      "is missing though onlySigned is true",
      'Write { "kid": NAME, "key": "file:PATH" }: whose signature a command needs.',
    );
  if (mqtt.version !== "5")
    mistakes.push({
      path: "mqtt.version",
      problem: 'is not "5" though there are commands',
      remedy: "Remove it: in 3.1.1 one message that is too long would end every connection.",
    });
  if (mqtt.sessionExpirySeconds === 0)
    mistakes.push({
      path: "mqtt.sessionExpirySeconds",
      problem: "is 0 though there are commands",
      remedy: "Write for how long the broker is to keep commands for a device that is asleep, e.g. 86400.",
    });
  return mistakes;
}

/** For settings without mistakes. A recipient's key is still to be read. */
export function deviceTopics(written: WrittenTopics, deviceId: string): Profile["topics"] {
  const { format, state, protection, algorithm, recipient, sign } = written;
  const base = written.base ?? `sensors/${deviceId}`;
  const choice = { protection, algorithm, recipientKid: recipient?.kid ?? "", sign: sign === true };
  return { base, readings: written.readings ?? `${base}/readings`, format, state, up: protectionOf(choice) };
}

/** Of settings that suit each other: each protection has the algorithm that it has when none is named. */
export function protectionOf(choice: {
  readonly protection: Protection["protection"];
  readonly algorithm?: AlgorithmName | undefined;
  readonly recipientKid: string;
  readonly sign: boolean;
}): Protection {
  const { protection, algorithm, recipientKid, sign } = choice;
  switch (protection) {
    case "stamp":
      return { protection, algorithm: (algorithm as StampAlgorithmName | undefined) ?? "hmac-256" };
    case "seal":
      return { protection, algorithm: (algorithm as SealAlgorithmName | undefined) ?? "chacha20-poly1305" };
    case "sealTo":
      return { protection, recipientKid, recipientKey: unreadKey, sign };
    default:
      return { protection };
  }
}

/** For settings without mistakes. The operator's key is still to be read. */
export function deviceCommands(written: WrittenCommands): CommandSettings {
  const { protection, algorithm, controllers, operator, onlySigned } = written;
  const settings = protectionOf({ protection, algorithm, recipientKid: "", sign: false });
  return {
    ...(settings as Exclude<Protection, { protection: "none" | "sign" | "sealTo" }>),
    controllers,
    ...(operator && { operator: { kid: operator.kid, key: unreadKey } }),
    ...(onlySigned && { onlySigned: true as const }),
  };
}

export function topicReferences(
  { recipient, signKey }: WrittenTopics,
  commands: WrittenCommands | undefined,
): References {
  return {
    ...(recipient && { recipient: recipient.key }),
    ...(signKey !== undefined && signKey !== deviceMade && { signKey }),
    ...(commands?.operator && { operator: commands.operator.key }),
  };
}
