/** What a caller chooses for a session, checked once; and what the broker granted in its CONNACK. */
import { type ConnackProperties, maxPacketBytes } from "./wire/packets.js";
import type { ProtocolVersion } from "./wire/reason-codes.js";
import { maxTextBytes, textBytes } from "./wire/text.js";

export interface SessionOptions {
  /** 5, the default, or 4, which is how MQTT 3.1.1 numbers itself. */
  readonly version?: ProtocolVersion | undefined;
  /** May be empty with a clean start: the broker then assigns one. */
  readonly clientId: string;
  readonly userName?: string | undefined;
  /** At most 65,535 bytes, needs a user name. Read at `start`; the caller keeps, and may then zero, the bytes. */
  readonly password?: Uint8Array | undefined;
  /** 0 to 65,535, 0 is off; 60 by default. An MQTT 5 broker may impose another. */
  readonly keepAliveSeconds?: number | undefined;
  /** Discard what the broker kept of an earlier session; true by default. In 3.1.1: clean session. */
  readonly cleanStart?: boolean | undefined;
  /** How long the broker keeps the session after the connection, MQTT 5 only; 0 by default. */
  readonly sessionExpirySeconds?: number | undefined;
  /** The largest packet to accept from the broker, whole; 1,024 by default. MQTT 5 brokers are told. */
  readonly maxPacketBytes?: number | undefined;
  /** The most QoS 1 messages to have unacknowledged, whatever the broker allows; 8 by default. */
  readonly maxInFlight?: number | undefined;
  /** How long to wait for CONNACK, PUBACK and PINGRESP; 10,000 by default. */
  readonly ackTimeoutMs?: number | undefined;
}

/** The options with their defaults. */
export interface Settings {
  readonly version: ProtocolVersion;
  readonly clientId: string;
  readonly userName: string | undefined;
  readonly password: Uint8Array | undefined;
  readonly keepAliveSeconds: number;
  readonly cleanStart: boolean;
  readonly sessionExpirySeconds: number;
  readonly maxPacketBytes: number;
  readonly maxInFlight: number;
  readonly ackTimeoutMs: number;
}

/** What is left to obey of the broker's CONNACK; defaults of MQTT 5 §3.2.2.3, and all of it in 3.1.1. */
export interface Limits {
  /** Most QoS 1 and 2 messages unacknowledged: the broker's receive maximum, or `maxInFlight` if less. */
  readonly receiveMaximum: number;
  /** The largest packet the broker takes, whole. */
  readonly maxPacketBytes: number;
  readonly maximumQoS: 0 | 1 | 2;
  readonly retainAvailable: boolean;
  /** The highest topic alias the broker takes, 0: none. */
  readonly topicAliasMaximum: number;
  /** What counts: the broker's, or the one asked for. */
  readonly keepAliveSeconds: number;
  readonly sessionExpirySeconds: number;
  readonly wildcardSubscriptions: boolean;
  readonly sharedSubscriptions: boolean;
  readonly subscriptionIdentifiers: boolean;
}

/** @throws {TypeError | RangeError} for a value that no session can have */
export function checkOptions(options: SessionOptions): Settings {
  const { version = 5, clientId, userName, password, cleanStart = true } = options;
  if (version !== 4 && version !== 5) throw new RangeError("version must be 4 (MQTT 3.1.1) or 5");
  // [MQTT-3.1.3-8] of 3.1.1; brokers of 5 may not resume a session without a name either.
  if (textBytes(clientId, "client id") === 0 && !cleanStart)
    throw new RangeError("a session to resume needs a client id");
  if (userName !== undefined) textBytes(userName, "user name");
  if (password !== undefined) checkPassword(password, userName);
  return {
    version,
    clientId,
    userName,
    password,
    cleanStart,
    keepAliveSeconds: whole(options.keepAliveSeconds ?? 60, 0, 65535, "keepAliveSeconds"),
    sessionExpirySeconds: whole(options.sessionExpirySeconds ?? 0, 0, 0xffff_ffff, "sessionExpirySeconds"),
    maxPacketBytes: whole(options.maxPacketBytes ?? 1024, 16, maxPacketBytes, "maxPacketBytes"),
    maxInFlight: whole(options.maxInFlight ?? 8, 1, 65535, "maxInFlight"),
    ackTimeoutMs: whole(options.ackTimeoutMs ?? 10_000, 1, 0x7fff_ffff, "ackTimeoutMs"),
  };
}

export function grantedLimits(settings: Settings, granted: ConnackProperties): Limits {
  return {
    receiveMaximum: Math.min(settings.maxInFlight, granted.receiveMaximum ?? 65535),
    maxPacketBytes: granted.maximumPacketSize ?? maxPacketBytes,
    maximumQoS: granted.maximumQoS === 0 ? 0 : granted.maximumQoS === 1 ? 1 : 2,
    retainAvailable: granted.retainAvailable ?? true,
    topicAliasMaximum: granted.topicAliasMaximum ?? 0,
    keepAliveSeconds: granted.serverKeepAlive ?? settings.keepAliveSeconds,
    sessionExpirySeconds: granted.sessionExpiryInterval ?? settings.sessionExpirySeconds,
    wildcardSubscriptions: granted.wildcardSubscriptionAvailable ?? true,
    sharedSubscriptions: granted.sharedSubscriptionAvailable ?? true,
    subscriptionIdentifiers: granted.subscriptionIdentifiersAvailable ?? true,
  };
}

function checkPassword(password: Uint8Array, userName: string | undefined): void {
  if (!(password instanceof Uint8Array)) throw new TypeError("password must be bytes");
  if (password.length > maxTextBytes) throw new RangeError(`password is longer than ${maxTextBytes} bytes`);
  // [MQTT-3.1.2-22] of 3.1.1; 5 allows it, mqtt-packet does not.
  if (userName === undefined) throw new RangeError("a password needs a user name");
}

function whole(value: number, least: number, most: number, name: string): number {
  if (!Number.isInteger(value) || value < least || value > most)
    throw new RangeError(`${name} must be a whole number from ${least} to ${most}`);
  return value;
}
