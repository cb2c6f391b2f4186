/**
 * How a device protects what it publishes, and which protections a connection is good enough for: the part of the
 * profile that lib/sealed carries out. Names of algorithms are those of COSE (RFC 9053), spelt in small letters.
 */
import { base64urlLength, readBase64url } from "../auth/base64url.js";
import { group, may, must, name, oneOf, type Rule, text, variant } from "./rules.js";

/** COSE's number of each algorithm (RFC 9053 §3.1, §4). */
export const stampAlgorithms = Object.freeze({ "hmac-256": 5, "hmac-256-64": 4 } as const);
export const sealAlgorithms = Object.freeze({
  "chacha20-poly1305": 24,
  a128gcm: 1,
  a256gcm: 3,
  "aes-ccm-16-64-128": 10,
} as const);

export type StampAlgorithmName = keyof typeof stampAlgorithms;
export type SealAlgorithmName = keyof typeof sealAlgorithms;

export type StampSettings = { readonly protection: "stamp"; readonly algorithm: StampAlgorithmName };
export type SealSettings = { readonly protection: "seal"; readonly algorithm: SealAlgorithmName };

export interface SealToSettings {
  readonly protection: "sealTo";
  /** What the key's owner calls it: 1 to 32 bytes of UTF-8. */
  readonly recipientKid: string;
  /** A P-256 public key, uncompressed (65 bytes), as base64url. */
  readonly recipientKey: string;
  /** Signed inside by the device's own key. Without it nobody knows who has sent it. */
  readonly sign: boolean;
}

export type Protection =
  | { readonly protection: "none" }
  | StampSettings
  | SealSettings
  | { readonly protection: "sign" }
  | SealToSettings;

/** Which commands the device takes, on BASE/command. */
export type CommandSettings = (StampSettings | SealSettings) & {
  /** The sender ids of those who may send some, 1 to 4 different ones. */
  readonly controllers: readonly string[];
  /** Whose signature certain commands need. */
  readonly operator?: {
    /** What the operator calls the key: 1 to 32 bytes of UTF-8. */
    readonly kid: string;
    /** As `recipientKey`. */
    readonly key: string;
  };
  /** Nothing is done without the operator's signature. */
  readonly onlySigned?: true;
};

/** What a message says of the device beside its readings. */
export type DeviceState = "battery" | "rssi" | "dropped" | "reset" | "refused";
export const deviceStates: readonly DeviceState[] = Object.freeze([
  "battery",
  "rssi",
  "dropped",
  "reset",
  "refused",
]);

const keyName = name(32, 32);
const pointLetters = base64urlLength(65);

/** Whether it is a point of the curve is seen when it is imported. */
const point: Rule = (value) => {
  try {
    if (typeof value === "string" && value.length === pointLetters && readBase64url(value)[0] === 4)
      return undefined;
  } catch {
    // not base64url
  }
  return " must be a P-256 public key, 65 bytes as base64url";
};

const stampAlgorithm = must(oneOf(...Object.keys(stampAlgorithms)));
const sealAlgorithm = must(oneOf(...Object.keys(sealAlgorithms)));
const word = (known: string) => must(oneOf(known));

export const protectionRule: Rule = variant("protection", {
  none: group({ protection: word("none") }),
  stamp: group({ protection: word("stamp"), algorithm: stampAlgorithm }),
  seal: group({ protection: word("seal"), algorithm: sealAlgorithm }),
  sign: group({ protection: word("sign") }),
  sealTo: group({
    protection: word("sealTo"),
    recipientKid: must(keyName),
    recipientKey: must(point),
    sign: must(oneOf(true, false)),
  }),
});

/** Items that each pass `item`, from `min` to `max` of them, no two alike. */
const different =
  (min: number, max: number, item: Rule, problem: string): Rule =>
  (value) =>
    Array.isArray(value) &&
    value.length >= min &&
    value.length <= max &&
    value.every((one, i) => item(one) === undefined && value.indexOf(one) === i)
      ? undefined
      : problem;

export const stateRule: Rule = different(
  0,
  deviceStates.length,
  (value) => (deviceStates.includes(value as DeviceState) ? undefined : ""),
  ` must be a list without repetition of ${deviceStates.join(", ")}`,
);

const controllers = must(
  different(1, 4, name(64, 64), " must be 1 to 4 different sender ids, each of 1 to 64 bytes"),
);
const operator = may(group({ kid: must(keyName), key: must(point) }));
const onlySigned = may(oneOf(true));

export const commandsRule: Rule = variant("protection", {
  stamp: group({ protection: word("stamp"), algorithm: stampAlgorithm, controllers, operator, onlySigned }),
  seal: group({ protection: word("seal"), algorithm: sealAlgorithm, controllers, operator, onlySigned }),
});

/** Of a device's short name in its messages, in place of id and epoch: 2 to 8 bytes as hex. */
export const kidRule: Rule = (value) => {
  if (text(16)(value) === undefined) {
    const hex = value as string;
    let wrong = hex.length < 4 || hex.length % 2 !== 0;
    for (let i = 0; i < hex.length; i++) if (!"0123456789abcdef".includes(hex[i]!)) wrong = true;
    if (!wrong) return undefined;
  }
  return " must be 2 to 8 bytes as hex digits, in small letters";
};

/** Of a short name that `kidRule` lets through. */
export function kidBytes(hex: string): Uint8Array {
  const bytes = new Uint8Array(hex.length >> 1);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

/** Whether the device signs, and so has a key pair of its own. */
export function signs(up: Protection): boolean {
  return up.protection === "sign" || (up.protection === "sealTo" && up.sign);
}

/** Whether the device takes lists of revoked certificates: in place of the one it was given. */
export function takesCrl(
  tls: { readonly crl?: true } | false,
  commands: CommandSettings | undefined,
): boolean {
  return tls !== false && tls.crl === true && commands?.operator !== undefined;
}

/** Whether what `up` and `commands` ask for needs P-256, which an ESP8266 lacks. */
export function needsP256(up: Protection, commands: CommandSettings | undefined): boolean {
  return up.protection === "sign" || up.protection === "sealTo" || commands?.operator !== undefined;
}

/**
 * Why messages protected so must not go over this connection; undefined when they may. Over plain TCP anyone on the
 * way can change a message and send one: what a receiver acts on has to prove where it comes from.
 */
export function plainTcpConflict(up: Protection): string | undefined {
  if (up.protection === "none")
    return 'topics.up.protection must not be "none" over plain TCP: anyone on the way could change a message or make one up';
  if (up.protection === "sealTo" && !up.sign)
    return "topics.up.sign must be true over plain TCP: anyone on the way could seal a message of their own";
  return undefined;
}

/**
 * Why readings must not go there; undefined when they may. A will has the counter of the message behind it: only keys of
 * their own keep the two from one nonce. And what comes in on the device's command topic is a command.
 */
export function readingsConflict({ base, readings }: { readonly base: string; readonly readings: string }) {
  for (const taken of ["will", "command", "result"])
    if (readings === `${base}/${taken}`) return `topics.readings must not be BASE/${taken}`;
  return undefined;
}

/** Why commands cannot be taken so; undefined when they can. */
export function commandsConflict(
  commands: CommandSettings,
  mqtt: { readonly version: "5" | "3.1.1"; readonly sessionExpirySeconds: number },
): string | undefined {
  if (commands.onlySigned && !commands.operator) return "commands.operator must be there with onlySigned";
  // 3.1.1 has no maximum packet size: one message that is too long would end every connection.
  if (mqtt.version !== "5") return 'mqtt.version must be "5" with commands';
  // The broker keeps for a sleeping device what comes meanwhile, as long as its session lives.
  if (mqtt.sessionExpirySeconds === 0) return "mqtt.sessionExpirySeconds must be above 0 with commands";
  return undefined;
}
