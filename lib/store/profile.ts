/**
 * The profile a device carries in flash: everything about one board that is not a secret, as JSON, complete
 * (no defaults are filled in on the device). Passwords, certificates and keys are other entries, see
 * flash-entries.ts. Reading is strict: a key too many, too few, or out of range, and the device refuses
 * the whole profile rather than run on half of it. What a user writes is richer: docs/profile.md.
 */
import type { TokenAlgorithm } from "../auth/jwt.js";
import { type Failure, failure } from "../failure.js";
import { parsePin } from "../tls/pins.js";
import { type CycleSettings, cycleConflict, cycleRule, longestAbsence } from "./cycle-settings.js";
import {
  type CommandSettings,
  commandsConflict,
  commandsRule,
  type DeviceState,
  kidRule,
  type Protection,
  plainTcpConflict,
  protectionRule,
  readingsConflict,
  stateRule,
} from "./protection.js";
import { group, may, must, name, oneOf, printable, type Rule, range, text } from "./rules.js";

export interface Profile {
  readonly schema: 1;
  readonly device: {
    readonly id: string;
    /** A short name in its messages, 2 to 8 bytes as hex; without it they carry the id and the epoch. */
    readonly kid?: string;
  };
  readonly wifi: WifiSettings;
  /** The SNTP server. */
  readonly time: { readonly server: string };
  readonly broker: {
    readonly host: string;
    readonly port: number;
    /** `false`: plain TCP, only together with `insecure`. */
    readonly tls: TlsSettings | false;
    readonly insecure?: true;
    /** MQTT over WebSocket, at this path of the broker's. */
    readonly websocket?: { readonly path: string };
    /** Stands before the device's id in its client id. */
    readonly clientIdPrefix?: string;
    readonly username?: string;
    /** Where the password comes from that goes with the user name; over plain TCP there is none. */
    readonly auth: "none" | "password" | "derived" | "jwt";
    /** There exactly when `auth` says so. */
    readonly jwt?: TokenSettings;
  };
  readonly mqtt: MqttSettings;
  readonly topics: {
    readonly base: string;
    readonly readings: string;
    /** SenML in the one or the other form. */
    readonly format: "cbor" | "json";
    readonly state: readonly DeviceState[];
    /** Of everything that the device publishes. */
    readonly up: Protection;
  };
  /** Without it the device takes no commands. */
  readonly commands?: CommandSettings;
  readonly cycle: CycleSettings;
  readonly outbox?: OutboxSettings;
  readonly sensor: { readonly kind: "simulated" };
}

/** The network's name; or `improv`, and then name and password are in flash, given by Improv at the board itself. */
export type WifiSettings =
  | { readonly ssid: string; readonly improv?: never }
  | { readonly improv: true; readonly ssid?: never };

/** Of the readings that wait; what is not said here is the board's own default. */
export interface OutboxSettings {
  /** So many are in RTC memory alone, at most. */
  readonly spillEvery?: number;
  /** For those that wait in flash; 0: none do. */
  readonly flashBytes?: number;
  /** Which go when there is no more room: the oldest, those just taken, or every second one. */
  readonly drop?: "oldest" | "newest" | "thin";
}

export interface MqttSettings {
  readonly version: "5" | "3.1.1";
  readonly keepAliveSeconds: number;
  /** How long the broker keeps the session while the device sleeps; 0: every connection begins clean. */
  readonly sessionExpirySeconds: number;
  /** Whether messages go out behind CONNECT, without waiting for the broker's answer. */
  readonly pipelining: boolean;
  /** A message to BASE/will, protected as readings are, sent by the broker when the device is gone. */
  readonly will?: {
    /** 0: at once, when the connection breaks. Else when the device has not come back for so long, asleep or not. */
    readonly afterSeconds: number;
    readonly retain: boolean;
  };
}

/** Whom the device trusts and who it is: by the CA and CRL in flash, by pins, or by a PSK in place of all these. */
export interface TlsSettings {
  readonly minVersion: "1.2" | "1.3";
  /** There is a CA, a CRL, in flash. flashEntries says so: a device that has lost one must not go on without it. */
  readonly ca?: true;
  readonly crl?: true;
  /** As sha256/BASE64: none, or 2 to 8 different ones. */
  readonly pins: readonly string[];
  readonly identity: "none" | "certificate" | "psk";
  /** Only with a PSK, and always then: 1 to 128 printable ASCII characters, sent in the clear. */
  readonly pskIdentity?: string;
  /** `false`, only with a PSK: TLS 1.2's static PSK is offered too, where the firmware has it. */
  readonly forwardSecrecy: boolean;
  /** Whether a certificate is accepted when nothing but the build time is known; pins and a PSK need no time. */
  readonly withoutClock: "accept" | "refuse";
  readonly resumption: false | Resumption;
  /**
   * Send the first message as 0-RTT data, which others can send again: needs resumption, excludes a user name and a
   * WebSocket.
   */
  readonly earlyData: boolean;
}

export interface Resumption {
  /** Since the last full handshake, at most 7 days. */
  readonly maxAgeSeconds: number;
  /** How long to stay awake for a TLS 1.3 ticket, which comes after the handshake. */
  readonly ticketWaitSeconds: number;
}

/** A token signed with the key in flash takes the password's place. */
export interface TokenSettings {
  readonly algorithm: TokenAlgorithm;
  readonly lifetimeSeconds: number;
  readonly audience?: string;
}

/** NVS strings end at 4,000 bytes with their terminator. */
export const maxProfileBytes = 3999;

/** A topic to publish to: no wildcards [MQTT-3.3.2-2], and nothing that MQTT cannot say. */
const topic: Rule = (value) =>
  name(128)(value) ?? (/[+#]/.test(value as string) ? " must not contain + or #" : undefined);

/** Of a client id: + and # would be wildcards where a broker puts it into the patterns of its ACL. */
const clientIdPart: Rule = (value) =>
  printable(64)(value) ?? (/[+#]/.test(value as string) ? " must not contain + or #" : undefined);

/** One spelling of the three, so that two different texts are two different pins. */
function isPin(value: unknown): boolean {
  try {
    parsePin(value as string);
    return (value as string).length === 51;
  } catch {
    return false;
  }
}

const pins: Rule = (value) =>
  Array.isArray(value) &&
  value.length !== 1 &&
  value.length <= 8 &&
  value.every((pin, i) => isPin(pin) && value.indexOf(pin) === i)
    ? undefined
    : " must be none, or 2 to 8 different pins as sha256/BASE64";

const resumptionGroup = group({
  maxAgeSeconds: must(range(1, 604_800, true)),
  ticketWaitSeconds: must(range(0, 5, false)),
});

const tlsGroup = group({
  minVersion: must(oneOf("1.2", "1.3")),
  ca: may(oneOf(true)),
  crl: may(oneOf(true)),
  pins: must(pins),
  identity: must(oneOf("none", "certificate", "psk")),
  pskIdentity: may(printable(128)),
  forwardSecrecy: must(oneOf(true, false)),
  withoutClock: must(oneOf("accept", "refuse")),
  resumption: must((value) => (value === false ? undefined : resumptionGroup(value))),
  earlyData: must(oneOf(true, false)),
});

const tokenGroup = group({
  algorithm: must(oneOf("HS256", "ES256")),
  lifetimeSeconds: must(range(60, 86_400, true)),
  audience: may(name(128)),
});

/** As a WebSocket's request has it (RFC 6455 §3), and no longer than lib/websocket sends. */
const path: Rule = (value) =>
  text(255)(value) ??
  (/^\/[!-"$-~]*$/.test(value as string) ? undefined : " must begin with / and be printable ASCII without #");

// IEEE 802.11 limits an SSID to 32 octets.
const networkGroup = group({ ssid: must(text(32)) });
const improvGroup = group({ improv: must(oneOf(true)) });

const rules = group({
  schema: must(oneOf(1)),
  device: must(group({ id: must(name(64, 64)), kid: may(kidRule) })),
  wifi: must((value) => (improvGroup(value) === undefined ? undefined : networkGroup(value))),
  time: must(group({ server: must(text(253)) })),
  broker: must(
    group({
      host: must(text(253)),
      port: must(range(1, 65_535, true)),
      tls: must((value) => (value === false ? undefined : tlsGroup(value))),
      insecure: may(oneOf(true)),
      websocket: may(group({ path: must(path) })),
      clientIdPrefix: may(clientIdPart),
      username: may(name(128)),
      auth: must(oneOf("none", "password", "derived", "jwt")),
      jwt: may(tokenGroup),
    }),
  ),
  mqtt: must(
    group({
      version: must(oneOf("5", "3.1.1")),
      keepAliveSeconds: must(range(0, 65_535, true)),
      sessionExpirySeconds: must(range(0, 0xffff_ffff, true)),
      pipelining: must(oneOf(true, false)),
      will: may(group({ afterSeconds: must(range(0, 0xffff_ffff, true)), retain: must(oneOf(true, false)) })),
    }),
  ),
  topics: must(
    group({
      base: must(topic),
      readings: must(topic),
      format: must(oneOf("cbor", "json")),
      state: must(stateRule),
      up: must(protectionRule),
    }),
  ),
  commands: may(commandsRule),
  cycle: must(cycleRule),
  outbox: may(
    group({
      spillEvery: may(range(1, 64, true)),
      flashBytes: may(range(0, 65_536, true)),
      drop: may(oneOf("oldest", "newest", "thin")),
    }),
  ),
  sensor: must(group({ kind: must(oneOf("simulated")) })),
});

/**
 * Reads a profile from flash.
 * @returns the profile, or a failure that names the first setting that is wrong (never its value)
 */
export function readProfile(json: string): Profile | Failure {
  if (json.length > maxProfileBytes) return failure("profile-invalid", "the profile is too long");
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return failure("profile-invalid", "the profile is not JSON");
  }
  const problem = profileProblem(value);
  return problem === undefined ? (value as Profile) : failure("profile-invalid", problem);
}

/** What is wrong with it, by the name of the first setting that is; undefined for a profile. */
export function profileProblem(value: unknown): string | undefined {
  const problem = rules(value);
  if (problem !== undefined) return problem.slice(1);
  const profile = value as Profile;
  const { broker, topics, commands, mqtt } = profile;
  return (
    brokerConflict(broker) ??
    readingsConflict(topics) ??
    (broker.tls === false ? plainTcpConflict(topics.up) : undefined) ??
    (commands && commandsConflict(commands, mqtt)) ??
    cycleConflict(profile.cycle) ??
    willConflict(profile)
  );
}

/** A will that waits for a sleeping device needs MQTT 5, and a session that lives as long. */
function willConflict({ mqtt, cycle, broker }: Profile): string | undefined {
  // Whoever sends 0-RTT data again takes the session over, and then the broker publishes the will.
  if (mqtt.will && broker.tls !== false && broker.tls.earlyData)
    return "broker.tls.earlyData must be false with a will";
  const after = mqtt.will?.afterSeconds ?? 0;
  if (after === 0) return undefined;
  if (mqtt.version !== "5") return "mqtt.will.afterSeconds must be 0 with MQTT 3.1.1";
  if (mqtt.sessionExpirySeconds < after) return "mqtt.sessionExpirySeconds must reach mqtt.will.afterSeconds";
  if (after <= longestAbsence(cycle))
    return "mqtt.will.afterSeconds must be above cycle.intervalSeconds times sendEvery and cycle.wakeBudgetSeconds together";
  return undefined;
}

/** Settings that each are right and together are not. */
function brokerConflict(broker: Profile["broker"]): string | undefined {
  const { tls, insecure } = broker;
  if (tls !== false) return accountConflict(broker) ?? tlsConflict(tls, broker);
  if (!insecure) return "broker.insecure must be true when broker.tls is false";
  // Anyone on the way could read it, and be the device from then on.
  return broker.auth === "none"
    ? accountConflict(broker)
    : 'broker.auth must be "none" when broker.tls is false';
}

function accountConflict({ username, auth, jwt }: Profile["broker"]): string | undefined {
  // MQTT 3.1.1 has no password without one [MQTT-3.1.2-22].
  if (auth !== "none" && username === undefined) return "broker.username is missing";
  if (auth === "jwt" && jwt === undefined) return "broker.jwt is missing";
  return auth !== "jwt" && jwt !== undefined ? "broker.jwt must not be there without that auth" : undefined;
}

function tlsConflict(tls: TlsSettings, { username, websocket }: Profile["broker"]): string | undefined {
  const psk = tls.identity === "psk";
  if (psk && tls.pskIdentity === undefined) return "broker.tls.pskIdentity is missing";
  if (!psk && tls.pskIdentity !== undefined) return "broker.tls.pskIdentity must not be there without a PSK";
  if (!psk && !tls.forwardSecrecy) return "broker.tls.forwardSecrecy must be true without a PSK";
  if (psk && tls.pins.length > 0) return "broker.tls.pins must be none with a PSK";
  if (tls.earlyData && !tls.resumption) return "broker.tls.earlyData must be false without resumption";
  // and so without a password
  if (tls.earlyData && username !== undefined) return "broker.tls.earlyData must be false with a user name";
  // RFC 6455 §4.1: a client sends nothing between its request and the answer.
  if (tls.earlyData && websocket !== undefined) return "broker.tls.earlyData must be false with a WebSocket";
  return undefined;
}

/** The name under which the broker knows the device. */
export function clientId({ device, broker }: Profile): string {
  return `${broker.clientIdPrefix ?? ""}${device.id}`;
}
