/** Enhanced authentication (MQTT 5 §4.12): who speaks next. What the data means is the caller's and the broker's. */

import type { Open, SessionEffect, SessionStep } from "./session-state.js";
import { encodeAuth } from "./wire/encode.js";
import { protocolError } from "./wire/errors.js";
import type { FramingError } from "./wire/framing.js";
import type { Incoming } from "./wire/packet-types.js";
import { reasonCode } from "./wire/reason-codes.js";

/**
 * Answers the broker's challenge; without one, begins a re-authentication.
 * @throws {RangeError} when it is the broker's turn, the data too large for it, or the session without a method
 */
export function authenticate(state: Open, data: Uint8Array | undefined, nowMs: number): SessionStep {
  const { authentication, ackTimeoutMs } = state.settings;
  if (!authentication) throw new RangeError("the session has no authentication method"); // [MQTT-4.12.0-7]
  const challenged = state.authenticating?.turn === "client";
  if (!challenged && (state.authenticating || state.at === "connecting"))
    throw new RangeError("authenticate without a challenge");
  const code = challenged ? reasonCode.continueAuthentication : reasonCode.reAuthenticate;
  const bytes = encodeAuth(code, { method: authentication.method, data });
  if (bytes.length > state.limits.maxPacketBytes)
    throw new RangeError(`the broker takes packets of ${state.limits.maxPacketBytes} bytes at most`);
  const deadlineMs = nowMs + ackTimeoutMs;
  const next: Open = {
    ...state,
    lastSentMs: nowMs,
    authenticating: { turn: "broker", deadlineMs },
    ...(state.at === "connecting" && { deadlineMs }),
  };
  return { state: next, effects: [{ type: "send", bytes }] };
}

/** AUTH from the broker. */
export function challenged(
  state: Open,
  { code, method, data }: Extract<Incoming, { type: "auth" }>,
  effects: SessionEffect[],
): Open | FramingError {
  const { authentication } = state.settings;
  if (!authentication) return protocolError("AUTH in a session without authentication method");
  // [MQTT-4.12.0-5]
  if (method !== authentication.method) return protocolError("AUTH with another authentication method");
  if (state.authenticating?.turn !== "broker") return protocolError("AUTH out of turn");
  if (code === reasonCode.continueAuthentication) {
    effects.push({ type: "challenge", data });
    return { ...state, authenticating: { ...state.authenticating, turn: "client" } };
  }
  if (code !== reasonCode.success || state.at !== "connected") return protocolError(`AUTH with code ${code}`);
  effects.push({ type: "authenticated", data });
  return { ...state, authenticating: undefined };
}

/** CONNACK's part in it [MQTT-4.12.0-5]: the broker accepts, by the method that was asked for. */
export function authenticationAccepted(
  state: Open,
  granted: { readonly method: string; readonly data?: Uint8Array | undefined } | undefined,
  effects: SessionEffect[],
): FramingError | undefined {
  const { authentication } = state.settings;
  if (granted?.method !== authentication?.method)
    return protocolError("CONNACK with another authentication method than CONNECT");
  if (granted) effects.push({ type: "authenticated", data: granted.data });
  return undefined;
}
