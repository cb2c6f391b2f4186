/**
 * The states, events and effects of a session. A state is a plain value; it is continued once, by `step`
 * (a packet that arrives in parts is collected in place).
 */
import type { Failure } from "../failure.js";
import type { KeptSession } from "./kept-session.js";
import type { Limits } from "./limits.js";
import type { Settings } from "./session-options.js";
import type { Framing } from "./wire/framing.js";
import type { MessageProperties, QoS, Subscription } from "./wire/packet-types.js";

/** A message to publish. The caller keeps the payload; it is read during the step only. Properties: MQTT 5 only. */
export interface Message extends MessageProperties {
  /** Well-formed, not empty, without wildcards, at most 65,535 bytes of UTF-8. */
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly retain?: boolean | undefined;
}

/** A message from the broker; its bytes are the receiver's. */
export interface ReceivedMessage extends MessageProperties {
  /** In full, also where the broker sent an alias. */
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  /** The broker had it stored before the subscription was made. */
  readonly retain: boolean;
  /** At QoS 1: it may have come before. */
  readonly duplicate: boolean;
  /** With `deferredAcks`, at QoS 1: for `acknowledge`. */
  readonly packetId?: number | undefined;
  /** Of the subscriptions that brought it, as far as they have one. */
  readonly subscriptionIdentifiers: readonly number[];
}

export type SessionEvent =
  /** The transport is connected: CONNECT goes out, and with it what may go with it. */
  | { readonly type: "start" }
  /** Bytes from the broker; read during the step only. */
  | { readonly type: "received"; readonly bytes: Uint8Array }
  /**
   * `token` is the caller's name for the message, given back with what becomes of it: a whole number below 2^48.
   * A message that was not acknowledged on an earlier connection of this session has the token it had then.
   */
  | { readonly type: "publish"; readonly message: Message; readonly token: number }
  /** The message of this token, one of `toResend`, is not there any more and will not be sent again. */
  | { readonly type: "forget"; readonly token: number }
  | {
      readonly type: "subscribe";
      readonly subscriptions: readonly Subscription[];
      readonly token: number;
      /** MQTT 5: 1 to 268,435,455, comes back with each message. */
      readonly identifier?: number | undefined;
    }
  | { readonly type: "unsubscribe"; readonly filters: readonly string[]; readonly token: number }
  /** With `deferredAcks`: the caller has the message of this packet id for good, the first of those that wait for this. */
  | { readonly type: "acknowledge"; readonly packetId: number }
  /** PINGREQ now, whenever the next was due: what the broker answers later it has done later. */
  | { readonly type: "ping" }
  /** Answers a `challenge`; when there is none, begins a re-authentication (MQTT 5 §4.12.1). */
  | { readonly type: "authenticate"; readonly data?: Uint8Array | undefined }
  /** End in order: DISCONNECT. The broker forgets the will unless `withWill` (MQTT 5). Unacknowledged messages stay so. */
  | {
      readonly type: "disconnect";
      readonly withWill?: boolean | undefined;
      /** MQTT 5: instead of what CONNECT asked for. */
      readonly sessionExpirySeconds?: number | undefined;
    }
  | { readonly type: "transport-closed" }
  /** The time that `nextWakeAt` gave has come; harmless at any other. */
  | { readonly type: "time" };

/** What became of a SUBSCRIBE or UNSUBSCRIBE. */
export interface Answered {
  /** undefined: the session's own, of its options. */
  readonly token: number | undefined;
  /**
   * For each filter: the QoS granted, or a reason code from 128 up. None in the UNSUBACK of 3.1.1, and when nothing
   * was sent because the broker's CONNACK excludes it.
   */
  readonly codes: readonly number[];
  /** Of the first that was refused. */
  readonly failure: Failure | undefined;
}

export type SessionEffect =
  /** To write, in this order. The bytes are the shell's; CONNECT's hold the password: zero them afterwards. */
  | { readonly type: "send"; readonly bytes: Uint8Array }
  | {
      readonly type: "connected";
      readonly sessionPresent: boolean;
      readonly limits: Limits;
      /** The client id the broker chose, when none was given (MQTT 5). */
      readonly assignedClientId: string | undefined;
      /** Where to expect responses, when that was asked for (MQTT 5 §4.10.1). */
      readonly responseInformation: string | undefined;
    }
  /** The message is in the `send` before this; at QoS 0 (packet id 0) there is nothing more to come. */
  | { readonly type: "published"; readonly token: number; readonly packetId: number }
  /**
   * The broker has the message: forget it. `reasonCode` is 0, or 16: nobody has subscribed to it. At QoS 2 `completed`
   * follows, until when it counts as in flight.
   */
  | {
      readonly type: "acked";
      readonly token: number;
      readonly packetId: number;
      readonly reasonCode: number;
    }
  /** QoS 2 only: the exchange is over. */
  | { readonly type: "completed"; readonly token: number; readonly packetId: number }
  /**
   * Not sent: nothing is known yet of a broker that takes it. To be published anew once `connected`.
   */
  | { readonly type: "postponed"; readonly token: number }
  /**
   * This message will not be accepted; the session goes on. By the broker's PUBACK or PUBREC, or (packet id 0)
   * because it is beyond what the broker's CONNACK allows and was not sent.
   */
  | {
      readonly type: "refused";
      readonly token: number;
      readonly packetId: number;
      readonly failure: Failure;
    }
  | ({ readonly type: "subscribed" } & Answered)
  | ({ readonly type: "unsubscribed" } & Answered)
  /** Handle it completely before the next effect, which may be its acknowledgement (without `deferredAcks`). */
  | { readonly type: "message"; readonly message: ReceivedMessage }
  /** The broker has answered every `ping` so far. */
  | { readonly type: "pong" }
  /** Enhanced authentication: the broker waits for an `authenticate`. */
  | { readonly type: "challenge"; readonly data: Uint8Array | undefined }
  /** The broker is satisfied. Its last data may let the client judge the broker: if it does not, `disconnect`. */
  | { readonly type: "authenticated"; readonly data: Uint8Array | undefined }
  /**
   * The session has failed; `closed` follows. What was not acked is to be sent again. `again`: what was assumed of the
   * broker did not hold, so another connection may fare better at once.
   */
  | { readonly type: "failed"; readonly failure: Failure; readonly again: boolean }
  /** The last effect, once: close the transport when what was to be sent is written. */
  | { readonly type: "closed" };

/** A QoS 1 or 2 message on its way to the broker. */
export interface Outgoing {
  readonly packetId: number;
  readonly token: number;
  readonly qos: 1 | 2;
  /**
   * `kept`: sent on an earlier connection only. `published`: PUBACK or PUBREC is awaited. `released`: QoS 2, PUBREL is
   * sent or to be sent, PUBCOMP is awaited.
   */
  readonly stage: "kept" | "published" | "released";
  /** Until when its acknowledgement must come; not for `kept`. */
  readonly deadlineMs: number;
  /** It went out before CONNACK. */
  readonly early?: true;
}

/** SUBSCRIBE or UNSUBSCRIBE on its way to the broker. */
export interface Request {
  readonly type: "subscribe" | "unsubscribe";
  readonly packetId: number;
  readonly token: number | undefined;
  readonly count: number;
  readonly deadlineMs: number;
  readonly early?: true;
}

/** What a connection is about, before and after CONNACK. */
export interface Exchange {
  readonly settings: Settings;
  readonly framing: Framing;
  /** What the broker's CONNACK granted; before it, what is assumed. */
  readonly limits: Limits;
  /** In the order first sent. */
  readonly outgoing: readonly Outgoing[];
  /** QoS 2 messages received whose PUBREL has not come. */
  readonly incoming: readonly number[];
  readonly requests: readonly Request[];
  readonly nextPacketId: number;
  /** The topic of alias i + 1, for each direction (MQTT 5 §3.3.2.3.4). */
  readonly outgoingAliases: readonly string[];
  readonly incomingAliases: readonly (string | undefined)[];
  /** Of the subscriptions the broker has confirmed for this session; 0: none. */
  readonly subscriptionsHash: number;
  readonly pipeliningPause: number;
  readonly lastSentMs: number;
  /** With `deferredAcks`: packet ids of QoS 1 messages received, in their order. */
  readonly unacknowledged?: readonly number[];
  /** Enhanced authentication: whose turn it is, until when the broker must answer; undefined: none goes on. */
  readonly authenticating: { readonly turn: "broker" | "client"; readonly deadlineMs: number } | undefined;
}

export type SessionState =
  | { readonly at: "idle"; readonly settings: Settings; readonly kept: KeptSession | undefined }
  | (Exchange & {
      readonly at: "connecting";
      /** What the last connection left, unless the broker is asked to forget it. */
      readonly kept: KeptSession | undefined;
      readonly deadlineMs: number;
      /** How many messages may go out before CONNACK. */
      readonly allowance: number;
      /** Something has gone out before CONNACK besides CONNECT. */
      readonly pipelined: boolean;
    })
  | (Exchange & {
      readonly at: "connected";
      /** What went out before CONNACK was more than it allows. */
      readonly overshot: boolean;
      /** Until when PINGRESP must come, when PINGREQ is out. */
      readonly pingDeadlineMs: number | undefined;
      /** There while a `ping` is unanswered: after how many PINGRESP it is not. */
      readonly fence?: number;
    })
  | { readonly at: "ended"; readonly failure: Failure | undefined; readonly kept: KeptSession | undefined };

export type Connecting = Extract<SessionState, { at: "connecting" }>;
export type Connected = Extract<SessionState, { at: "connected" }>;
export type Open = Connecting | Connected;

export interface SessionStep {
  readonly state: SessionState;
  readonly effects: readonly SessionEffect[];
}

const following: Readonly<Record<SessionState["at"], readonly SessionState["at"][]>> = {
  idle: ["connecting", "ended"],
  connecting: ["connecting", "connected", "ended"],
  connected: ["connected", "ended"],
  ended: [],
};

/** The only way from one state to another. */
export function setState<S extends SessionState>(from: SessionState, to: S): S {
  if (!following[from.at].includes(to.at)) throw new Error(`MQTT session: ${from.at} => ${to.at}`);
  return to;
}
