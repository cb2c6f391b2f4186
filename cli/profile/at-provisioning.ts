/**
 * What of a profile there is only when a board is provisioned: the keys that it makes itself, what a person types in, and
 * the network that it was given before. Everything else is in the profile, or where it refers to.
 */
import { type Protection, signs } from "../../lib/store/protection.js";
import type { WrittenAccount } from "./auth-rules.js";
import type { Mistake } from "./check.js";
import type { WrittenTls } from "./tls-rules.js";
import type { WrittenTopics } from "./topic-rules.js";

/** In the place of a reference: whoever provisions is asked, and nothing is shown or kept. */
export const prompted = "prompt";

/** Stands as the certificate: its key is made on the board, and it is issued for that key. */
export const issued = "issued";

/** Stands as a key: it is made on the board. */
export const deviceMade = "device";

/** As flash entries are called. */
export type MadeKey = "tls-key" | "sign-key";

export type PromptedSetting = "wifi.password" | "broker.password" | "broker.tls.psk.key" | "broker.jwt.key";

export interface Prompt {
  readonly setting: PromptedSetting;
  /** What to ask for, in words that can stand behind the setting's name. */
  readonly what: string;
}

export interface AtProvisioning {
  /** Keys that the board makes itself and never gives out; for `tls-key` a certificate is issued. */
  readonly made: readonly MadeKey[];
  /** What to ask for, in this order. */
  readonly prompts: readonly Prompt[];
  /** The board has its network already, by Improv Wi-Fi, and keeps it. */
  readonly improv: boolean;
}

/** Asks for what stands behind a setting's name. @returns it, not empty */
export type Ask = (prompt: Prompt) => Promise<string>;

/** `wifi` as written, once the schema holds. */
export type WrittenWifi =
  | { readonly ssid: string; readonly password?: string; readonly improv?: undefined }
  | { readonly improv: true; readonly ssid?: undefined; readonly password?: undefined };

const words: Readonly<Record<PromptedSetting, string>> = {
  "wifi.password": "the network's password",
  "broker.password": "the password for the broker",
  "broker.tls.psk.key": "the pre-shared key, in hex",
  "broker.jwt.key": "the key for tokens",
};

export function promptFor(setting: PromptedSetting): Prompt {
  return { setting, what: words[setting] };
}

interface Written {
  readonly wifi: WrittenWifi;
  readonly broker: WrittenAccount & { readonly tls: WrittenTls | false };
  readonly topics: WrittenTopics;
}

/** For settings without mistakes. @param up what `topics` comes to on the device */
export function atProvisioning({ wifi, broker, topics }: Written, up: Protection): AtProvisioning {
  const tls = broker.tls === false ? undefined : broker.tls;
  const made: MadeKey[] = [];
  if (tls?.certificate === issued) made.push("tls-key");
  // Whoever names no key wants none to exist anywhere else.
  if (signs(up) && (topics.signKey ?? deviceMade) === deviceMade) made.push("sign-key");
  const secrets: [PromptedSetting, string | undefined][] = [
    ["wifi.password", wifi.password],
    ["broker.password", broker.password],
    ["broker.jwt.key", broker.jwt?.key],
    ["broker.tls.psk.key", tls?.psk?.key],
  ];
  const prompts = secrets.filter(([, value]) => value === prompted).map(([setting]) => promptFor(setting));
  return { made, prompts, improv: wifi.improv === true };
}

type Said = readonly [problem: string, remedy: string];

const typedIn: Said = [
  "cannot be asked for: nobody types in a private key",
  'Write "file:PATH" or "env:NAME".',
];
const notMade: Said = [
  "cannot be made on the board: whoever checks it must have it too",
  'Write "file:PATH", "env:NAME" or "prompt".',
];
const byCertificate: Said = [
  "is not how a key comes to be made on the board",
  'Write "certificate": "issued", and no key.',
];

/** By setting and word: words that have a meaning, in places where they have none. */
const misplaced: { readonly [path: string]: { readonly [word: string]: Said } } = {
  "broker.tls.key": { [prompted]: typedIn, [deviceMade]: byCertificate, [issued]: byCertificate },
  "broker.tls.certificate": { [deviceMade]: byCertificate },
  "broker.tls.psk.key": { [deviceMade]: notMade, [issued]: notMade },
  "broker.password": {
    [deviceMade]: ["is not how it is called", 'Write "derived": made of the device\'s secret.'],
  },
  "broker.jwt.key": { [deviceMade]: notMade, [issued]: notMade },
  "topics.signKey": {
    [prompted]: typedIn,
    [issued]: ["is for certificates, and no message has one", 'Write "device": the board makes the key.'],
  },
};

/** Of what the schema lets nobody write beside `improv`, and it forbids nothing else outright. */
export function besideImprov(path: string): Mistake {
  return {
    path,
    problem: "is there though the network is left to Improv",
    remedy: "Remove it, or wifi.improv: the board keeps the network that it was given by Improv Wi-Fi.",
  };
}

/** What is wrong with a word that means something elsewhere; undefined for any other. */
export function misplacedWord(path: string, word: unknown): Mistake | undefined {
  const words = Object.hasOwn(misplaced, path) ? misplaced[path]! : {};
  if (typeof word !== "string" || !Object.hasOwn(words, word)) return undefined;
  const [problem, remedy] = words[word]!;
  return { path, problem, remedy };
}
