/**
 * The states, events and effects of a session. A state is a plain value; it is continued once, by `step`
 * (a packet that arrives in parts is collected in place).
 */
import type { Failure } from "../failure.js";
import type { Limits, Settings } from "./session-options.js";
import type { Framing } from "./wire/framing.js";

/** A message to publish. The caller keeps the payload; it is read during the step only. */
export interface Message {
  /** Well-formed, not empty, without wildcards, at most 65,535 bytes of UTF-8. */
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: 0 | 1;
  readonly retain?: boolean | undefined;
  /** MQTT 5 only, left out in 3.1.1; as the next. */
  readonly contentType?: string | undefined;
  readonly messageExpirySeconds?: number | undefined;
}

export type SessionEvent =
  /** The transport is connected: CONNECT goes out. */
  | { readonly type: "start" }
  /** Bytes from the broker; read during the step only. */
  | { readonly type: "received"; readonly bytes: Uint8Array }
  /** `token` is the caller's name for the message, given back with what becomes of it. */
  | { readonly type: "publish"; readonly message: Message; readonly token: number }
  /** End in order: DISCONNECT, so that the broker forgets the will. Unacknowledged messages stay so. */
  | { readonly type: "disconnect" }
  | { readonly type: "transport-closed" }
  /** The time that `nextWakeAt` gave has come; harmless at any other. */
  | { readonly type: "time" };

export type SessionEffect =
  /** To write, in this order. The bytes are the shell's; CONNECT's hold the password: zero them afterwards. */
  | { readonly type: "send"; readonly bytes: Uint8Array }
  | {
      readonly type: "connected";
      readonly sessionPresent: boolean;
      readonly limits: Limits;
      /** The client id the broker chose, when none was given (MQTT 5). */
      readonly assignedClientId: string | undefined;
    }
  /** The message is in the `send` before this; at QoS 0 (packet id 0) there is nothing more to come. */
  | { readonly type: "published"; readonly token: number; readonly packetId: number }
  /** The broker has the message. `reasonCode` is 0, or 16: nobody has subscribed to it. */
  | {
      readonly type: "acked";
      readonly token: number;
      readonly packetId: number;
      readonly reasonCode: number;
    }
  /**
   * This message will not be accepted; the session goes on. By the broker's PUBACK, or (packet id 0)
   * because it is beyond what the broker's CONNACK allows and was not sent.
   */
  | {
      readonly type: "refused";
      readonly token: number;
      readonly packetId: number;
      readonly failure: Failure;
    }
  /** The session has failed; `closed` follows. What was not acked is to be sent again. */
  | { readonly type: "failed"; readonly failure: Failure }
  /** The last effect, once: close the transport when what was to be sent is written. */
  | { readonly type: "closed" };

export interface InFlight {
  readonly packetId: number;
  readonly token: number;
  readonly deadlineMs: number;
}

export type SessionState =
  | { readonly at: "idle"; readonly settings: Settings }
  | {
      readonly at: "connecting";
      readonly settings: Settings;
      readonly framing: Framing;
      readonly deadlineMs: number;
      readonly lastSentMs: number;
    }
  | {
      readonly at: "connected";
      readonly settings: Settings;
      readonly framing: Framing;
      readonly limits: Limits;
      /** In the order sent, so by deadline. */
      readonly inFlight: readonly InFlight[];
      readonly nextPacketId: number;
      readonly lastSentMs: number;
      /** Until when PINGRESP must come, when PINGREQ is out. */
      readonly pingDeadlineMs: number | undefined;
    }
  | { readonly at: "ended"; readonly failure: Failure | undefined };

export type Connecting = Extract<SessionState, { at: "connecting" }>;
export type Connected = Extract<SessionState, { at: "connected" }>;

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
export function setState(from: SessionState, to: SessionState): SessionState {
  if (!following[from.at].includes(to.at)) throw new Error(`MQTT session: ${from.at} => ${to.at}`);
  return to;
}
