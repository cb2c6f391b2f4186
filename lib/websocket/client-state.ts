/**
 * The states, events and effects of a WebSocket. A state is a plain value; it is continued once, by `step` (a
 * control frame that arrives in parts is collected in place).
 */
import type { Failure } from "../failure.js";
import type { Answer } from "./answer.js";
import type { Reading } from "./frames.js";
import type { Request } from "./request.js";

/** `mask`: 4 random bytes for this event alone, in case it makes a frame. */
export type WebSocketEvent =
  /** The connection, TCP or TLS, stands: the request goes out. */
  | { readonly type: "start" }
  /** From the server. The bytes are the machine's from now on: it moves their payload together. */
  | { readonly type: "received"; readonly bytes: Uint8Array; readonly mask: Uint8Array }
  /** To send once `open`, as one frame. The bytes stay the caller's. */
  | { readonly type: "send"; readonly bytes: Uint8Array; readonly mask: Uint8Array }
  /** End in order. */
  | { readonly type: "close"; readonly mask: Uint8Array }
  /** The connection ended. */
  | { readonly type: "transport-closed" };

export type WebSocketEffect =
  /** To write, in this order. The bytes are the shell's; a mask hides nothing: zero them as one would the payload. */
  | { readonly type: "send"; readonly bytes: Uint8Array }
  /** As `send`, but it may take the place of an earlier one that still waits (§5.5.3). At most one a step. */
  | { readonly type: "pong"; readonly bytes: Uint8Array }
  /** Sending may begin. */
  | { readonly type: "open" }
  /** The next bytes of the stream, part of what was received; packets begin and end anywhere [MQTT-6.0.0-2]. At most one a step. */
  | { readonly type: "data"; readonly bytes: Uint8Array }
  | { readonly type: "failed"; readonly failure: Failure }
  /** Nothing comes after this: write what there is to write, and close the connection. */
  | { readonly type: "closed" };

export type WebSocketState =
  | { readonly at: "idle"; readonly request: Request }
  | { readonly at: "opening"; readonly accept: string; readonly answer: Answer }
  | { readonly at: "open"; readonly reading: Reading }
  | { readonly at: "ended"; readonly failure: Failure | undefined };

export interface WebSocketStep {
  readonly state: WebSocketState;
  readonly effects: readonly WebSocketEffect[];
}

const following: Readonly<Record<WebSocketState["at"], readonly WebSocketState["at"][]>> = {
  idle: ["opening", "ended"],
  opening: ["opening", "open", "ended"],
  open: ["open", "ended"],
  ended: [],
};

/** The only way from one state to another. */
export function setState<S extends WebSocketState>(from: WebSocketState, to: S): S {
  if (!following[from.at].includes(to.at)) throw new Error(`WebSocket: ${from.at} => ${to.at}`);
  return to;
}
