/** What the broker lets a session do: granted in its CONNACK, remembered for the next connection. */
import type { Settings } from "./session-options.js";
import type { ConnackProperties } from "./wire/packet-types.js";

/** No limit: the largest packet there can be (§2.1.4). */
export const maxPacketBytes = 268_435_455 + 5;
/** A session that never expires. */
export const noExpiry = 0xffff_ffff;

/** Defaults of MQTT 5 §3.2.2.3, and all of it in 3.1.1. */
export interface Limits {
  /** Most QoS 1 and 2 messages unacknowledged: the broker's receive maximum, or `maxInFlight` if less. */
  readonly receiveMaximum: number;
  /** The largest packet the broker takes, whole. */
  readonly maxPacketBytes: number;
  readonly maximumQoS: 0 | 1 | 2;
  readonly retainAvailable: boolean;
  /** How many topic aliases to use: as many as the broker takes and the options ask for. */
  readonly topicAliasMaximum: number;
  /** What counts: the broker's, or the one asked for. */
  readonly keepAliveSeconds: number;
  /** As the last; 0: the session ends with the connection. */
  readonly sessionExpirySeconds: number;
  readonly wildcardSubscriptions: boolean;
  readonly sharedSubscriptions: boolean;
  readonly subscriptionIdentifiers: boolean;
}

export function grantedLimits(settings: Settings, granted: ConnackProperties): Limits {
  return {
    receiveMaximum: Math.min(settings.maxInFlight, granted.receiveMaximum ?? 65535),
    maxPacketBytes: granted.maxPacketBytes ?? maxPacketBytes,
    maximumQoS: granted.maximumQoS ?? 2,
    retainAvailable: granted.retainAvailable ?? true,
    topicAliasMaximum: Math.min(settings.topicAliases, granted.topicAliasMaximum ?? 0),
    keepAliveSeconds: granted.keepAliveSeconds ?? settings.keepAliveSeconds,
    sessionExpirySeconds: granted.sessionExpirySeconds ?? settings.sessionExpirySeconds,
    wildcardSubscriptions: granted.wildcardSubscriptions ?? true,
    sharedSubscriptions: settings.version === 5 && (granted.sharedSubscriptions ?? true),
    subscriptionIdentifiers: settings.version === 5 && (granted.subscriptionIdentifiers ?? true),
  };
}

/** Before a broker has said anything: nothing that it might not have. */
export function cautiousLimits(settings: Settings): Limits {
  return {
    ...grantedLimits(settings, {}),
    receiveMaximum: 1,
    topicAliasMaximum: 0,
    wildcardSubscriptions: false,
    sharedSubscriptions: false,
    subscriptionIdentifiers: false,
  };
}

/** Whether `granted` forbids anything that `assumed` allows. */
export function isLess(granted: Limits, assumed: Limits): boolean {
  return (
    granted.receiveMaximum < assumed.receiveMaximum ||
    granted.maxPacketBytes < assumed.maxPacketBytes ||
    granted.maximumQoS < assumed.maximumQoS ||
    granted.topicAliasMaximum < assumed.topicAliasMaximum ||
    (!granted.retainAvailable && assumed.retainAvailable) ||
    (!granted.wildcardSubscriptions && assumed.wildcardSubscriptions) ||
    (!granted.sharedSubscriptions && assumed.sharedSubscriptions) ||
    (!granted.subscriptionIdentifiers && assumed.subscriptionIdentifiers)
  );
}
