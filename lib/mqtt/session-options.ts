/** What a caller chooses for a session, checked once. */
import { maxPacketBytes, noExpiry } from "./limits.js";
import { subscriptionsHash } from "./subscriptions.js";
import { messageProperties, willOf } from "./wire/encode.js";
import { checkWhole } from "./wire/fields.js";
import type { Authentication, Connect, Subscription, UserProperties, Will } from "./wire/packet-types.js";
import type { ProtocolVersion } from "./wire/reason-codes.js";
import { maxTextBytes, textBytes } from "./wire/text.js";

export interface SessionOptions {
  /** 5, the default, or 4, which is how MQTT 3.1.1 numbers itself. */
  readonly version?: ProtocolVersion | undefined;
  /** May be empty with a clean start: the broker then assigns one. */
  readonly clientId: string;
  readonly userName?: string | undefined;
  /**
   * At most 65,535 bytes, needs a user name and an encrypted transport. Read at `start`; the caller keeps, and may then
   * zero, the bytes.
   */
  readonly password?: Uint8Array | undefined;
  /** Nobody on the way can read what is sent: TLS, or a connection that does not leave the machine. */
  readonly encrypted?: boolean | undefined;
  /** 0 to 65,535, 0 is off; 60 by default. An MQTT 5 broker may impose another. */
  readonly keepAliveSeconds?: number | undefined;
  /** Discard what the broker kept of an earlier session; true by default. In 3.1.1: clean session. */
  readonly cleanStart?: boolean | undefined;
  /** How long the broker keeps the session after the connection, MQTT 5 only; 0 by default. */
  readonly sessionExpirySeconds?: number | undefined;
  readonly will?: Will | undefined;
  /** What the session keeps subscribed: sent when the broker has no session, or one with other subscriptions. */
  readonly subscriptions?: readonly Subscription[] | undefined;
  /** Whether anything goes out before CONNACK besides CONNECT; true by default. */
  readonly pipelining?: boolean | undefined;
  /** The largest packet to accept from the broker, whole; 1,024 by default. MQTT 5 brokers are told. */
  readonly maxPacketBytes?: number | undefined;
  /** The most QoS 1 and 2 messages to have unacknowledged, whatever the broker allows, at most 255; 8 by default. */
  readonly maxInFlight?: number | undefined;
  /** The most QoS 2 messages of the broker's to have unfinished, at most 255; 8 by default. MQTT 5 brokers are told. */
  readonly receiveMaximum?: number | undefined;
  /**
   * Whether each QoS 1 message is acknowledged by an `acknowledge`, in their order [MQTT-4.6.0-2]; false by default: at once.
   * What is not acknowledged by the end of the connection comes again with the next.
   */
  readonly deferredAcks?: boolean | undefined;
  /** MQTT 5: for how many topics to use an alias after the first message; 0 by default. */
  readonly topicAliases?: number | undefined;
  /** MQTT 5: how many aliases the broker may use; 0 by default. */
  readonly topicAliasMaximum?: number | undefined;
  /** MQTT 5: ask where to expect responses; false by default. */
  readonly requestResponseInformation?: boolean | undefined;
  /** MQTT 5: whether the broker may explain itself in words; true by default. */
  readonly requestProblemInformation?: boolean | undefined;
  /** MQTT 5: for the broker. */
  readonly userProperties?: UserProperties | undefined;
  /** MQTT 5: enhanced authentication. Excludes pipelining [MQTT-3.1.2-30]. */
  readonly authentication?: Authentication | undefined;
  /** How long to wait for CONNACK, for each acknowledgement and for PINGRESP; 10,000 by default. */
  readonly ackTimeoutMs?: number | undefined;
}

/** The options with their defaults: what CONNECT says, and what stays here. */
export interface Settings extends Connect {
  readonly subscriptions: readonly Subscription[];
  /** Of these; 0 when there are none. */
  readonly subscriptionsHash: number;
  readonly pipelining: boolean;
  readonly deferredAcks?: true;
  readonly maxInFlight: number;
  readonly topicAliases: number;
  readonly ackTimeoutMs: number;
}

/**
 * What is in the authentication is checked when CONNECT is made of it, at `start`.
 * @throws {TypeError | RangeError} for a value that no session can have
 */
export function checkOptions(options: SessionOptions): Settings {
  const { version = 5, clientId, userName, password, will, authentication, userProperties } = options;
  const { cleanStart = true, subscriptions = [], encrypted = false } = options;
  if (version !== 4 && version !== 5) throw new RangeError("version must be 4 (MQTT 3.1.1) or 5");
  // [MQTT-3.1.3-8] of 3.1.1; brokers of 5 may not resume a session without a name either.
  if (textBytes(clientId, "client id") === 0 && !cleanStart)
    throw new RangeError("a session to resume needs a client id");
  if (userName !== undefined) textBytes(userName, "user name");
  if (password !== undefined) checkPassword(password, userName, encrypted);
  if (will) willOf(will, version);
  if (userProperties) messageProperties({ userProperties });
  if (authentication && version === 4) throw new RangeError("enhanced authentication needs MQTT 5");
  const expiry = checkWhole(options.sessionExpirySeconds ?? 0, 0, noExpiry, "sessionExpirySeconds");
  return {
    version,
    clientId,
    cleanStart,
    subscriptions,
    subscriptionsHash: subscriptionsHash(subscriptions, version),
    // What is not there takes no memory.
    ...(userName !== undefined && { userName }),
    ...(password !== undefined && { password }),
    ...(will && { will }),
    ...(userProperties && { userProperties }),
    ...(authentication && { authentication }),
    keepAliveSeconds: checkWhole(options.keepAliveSeconds ?? 60, 0, 65535, "keepAliveSeconds"),
    sessionExpirySeconds: version === 5 ? expiry : cleanStart ? 0 : noExpiry,
    ...(options.deferredAcks && { deferredAcks: true as const }),
    pipelining: (options.pipelining ?? true) && authentication === undefined,
    maxPacketBytes: checkWhole(options.maxPacketBytes ?? 1024, 16, maxPacketBytes, "maxPacketBytes"),
    maxInFlight: checkWhole(options.maxInFlight ?? 8, 1, 255, "maxInFlight"),
    // In 3.1.1 the broker cannot be told.
    receiveMaximum: version === 4 ? 255 : checkWhole(options.receiveMaximum ?? 8, 1, 255, "receiveMaximum"),
    topicAliases: version === 4 ? 0 : checkWhole(options.topicAliases ?? 0, 0, 65535, "topicAliases"),
    topicAliasMaximum:
      version === 4 ? 0 : checkWhole(options.topicAliasMaximum ?? 0, 0, 65535, "topicAliasMaximum"),
    ...(options.requestResponseInformation && { requestResponseInformation: true }),
    requestProblemInformation: version === 4 || (options.requestProblemInformation ?? true),
    ackTimeoutMs: checkWhole(options.ackTimeoutMs ?? 10_000, 1, 0x7fff_ffff, "ackTimeoutMs"),
  };
}

function checkPassword(password: Uint8Array, userName: string | undefined, encrypted: boolean): void {
  if (!(password instanceof Uint8Array)) throw new TypeError("password must be bytes");
  if (password.length > maxTextBytes) throw new RangeError(`password is longer than ${maxTextBytes} bytes`);
  // [MQTT-3.1.2-22] of 3.1.1; 5 allows it, mqtt-packet does not.
  if (userName === undefined) throw new RangeError("a password needs a user name");
  if (!encrypted) throw new RangeError("a password must not go over a connection that others can read");
}
