/** The control packets of MQTT 3.1.1 and 5 as plain typed values. What only 5 has is left out in 3.1.1. */
import type { ProtocolVersion } from "./reason-codes.js";

export type QoS = 0 | 1 | 2;

/** In order; a name may stand there more than once (§3.3.2.3.7). */
export type UserProperties = readonly (readonly [name: string, value: string])[];

/** What MQTT 5 lets a message say of itself (§3.3.2.3). */
export interface MessageProperties {
  /** The payload is well-formed UTF-8 (payload format indicator 1). */
  readonly payloadIsText?: boolean | undefined;
  readonly messageExpirySeconds?: number | undefined;
  readonly contentType?: string | undefined;
  readonly responseTopic?: string | undefined;
  readonly correlationData?: Uint8Array | undefined;
  readonly userProperties?: UserProperties | undefined;
}

/** What the broker publishes when the connection ends without a DISCONNECT. */
export interface Will extends MessageProperties {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
  /** MQTT 5: how long the broker waits for the client to come back first. */
  readonly delaySeconds?: number | undefined;
}

/** Enhanced authentication (MQTT 5 §4.12). */
export interface Authentication {
  readonly method: string;
  readonly data?: Uint8Array | undefined;
}

export interface Connect {
  readonly version: ProtocolVersion;
  readonly clientId: string;
  readonly userName?: string | undefined;
  readonly password?: Uint8Array | undefined;
  readonly keepAliveSeconds: number;
  readonly cleanStart: boolean;
  readonly will?: Will | undefined;
  /**
   * MQTT 5 only, as all below; 0 and false are left out of the packet. In 3.1.1 a session has no end of its own but with
   * a clean start.
   */
  readonly sessionExpirySeconds: number;
  /** 65,535 is left out. */
  readonly receiveMaximum: number;
  readonly maxPacketBytes: number;
  readonly topicAliasMaximum: number;
  readonly requestResponseInformation?: boolean | undefined;
  /** false: the broker is asked to leave reason strings out. */
  readonly requestProblemInformation: boolean;
  readonly userProperties?: UserProperties | undefined;
  readonly authentication?: Authentication | undefined;
}

export interface Publish extends MessageProperties {
  /** Empty only with an alias. */
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly duplicate: boolean;
  /** 0 at QoS 0. */
  readonly packetId: number;
  readonly topicAlias?: number | undefined;
}

export interface Subscription {
  /** A topic filter; in MQTT 5 also `$share/NAME/FILTER`. */
  readonly filter: string;
  readonly qos: QoS;
  /** MQTT 5, as the next two: not what this client publishes itself. */
  readonly noLocal?: boolean | undefined;
  readonly retainAsPublished?: boolean | undefined;
  /** Retained messages: 0 at each subscribe, 1 only at a new one, 2 never. */
  readonly retainHandling?: 0 | 1 | 2 | undefined;
}

export interface Subscribe {
  readonly packetId: number;
  readonly subscriptions: readonly Subscription[];
  /** MQTT 5: comes with each message that this subscription brings. */
  readonly identifier?: number | undefined;
}

/** What the broker says of itself in an MQTT 5 CONNACK (§3.2.2.3). */
export interface ConnackProperties {
  readonly sessionExpirySeconds?: number;
  readonly receiveMaximum?: number;
  readonly maximumQoS?: 0 | 1;
  readonly retainAvailable?: boolean;
  readonly maxPacketBytes?: number;
  readonly assignedClientId?: string;
  readonly topicAliasMaximum?: number;
  readonly reasonString?: string;
  readonly userProperties?: UserProperties;
  readonly wildcardSubscriptions?: boolean;
  readonly subscriptionIdentifiers?: boolean;
  readonly sharedSubscriptions?: boolean;
  readonly keepAliveSeconds?: number;
  readonly responseInformation?: string;
  readonly serverReference?: string;
  readonly authentication?: Authentication;
}

export type AckType = "puback" | "pubrec" | "pubrel" | "pubcomp";

export type Incoming =
  | {
      readonly type: "connack";
      readonly sessionPresent: boolean;
      /** As sent: a return code in 3.1.1, and where a broker answers an MQTT 5 CONNECT in 3.1.1. */
      readonly code: number;
      /** The MQTT 5 reason code with the same meaning. */
      readonly reason: number;
      readonly properties: ConnackProperties;
    }
  /** The payload and the correlation data are copies, so the receiver's to keep. */
  | ({ readonly type: "publish"; readonly subscriptionIdentifiers: readonly number[] } & Publish)
  | {
      readonly type: AckType;
      readonly packetId: number;
      readonly code: number;
      /** The broker's own words, "" without. */
      readonly text: string;
    }
  | {
      readonly type: "suback" | "unsuback";
      readonly packetId: number;
      /** One for each filter; none in the UNSUBACK of 3.1.1. */
      readonly codes: readonly number[];
      readonly text: string;
    }
  | { readonly type: "pingresp" }
  | { readonly type: "disconnect"; readonly code: number; readonly text: string }
  | {
      readonly type: "auth";
      readonly code: number;
      readonly method: string | undefined;
      readonly data: Uint8Array | undefined;
      readonly text: string;
    };
