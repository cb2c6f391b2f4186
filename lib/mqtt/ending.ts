/** How a session ends: in order, by the broker's fault or ours, by silence, or with the connection. */
import { type Failure, failure } from "../failure.js";
import { emptyKept, type KeptMessage, type KeptSession } from "./kept-session.js";
import { active } from "./outgoing.js";
import {
  type Connecting,
  type Open,
  type SessionEffect,
  type SessionState,
  type SessionStep,
  setState,
} from "./session-state.js";
import { encodeDisconnect } from "./wire/encode.js";
import type { FramingError } from "./wire/framing.js";
import { reasonCode, reasonName } from "./wire/reason-codes.js";

/** For how many connections a broker is not surprised again. */
const pauseConnections = 64;

/** What this session leaves for the next connection, in any state; undefined before there was anything. */
export function keep(state: SessionState): KeptSession | undefined {
  if (state.at === "idle" || state.at === "ended") return state.kept;
  const { settings, limits, nextPacketId } = state;
  if (state.at === "connecting") {
    const kept = state.kept ?? emptyKept;
    // Whether the broker has taken what went out is not known. A clean start may have been all it took.
    if (settings.cleanStart)
      return { ...emptyKept, limits: kept.limits, pipeliningPause: state.pipeliningPause, nextPacketId };
    if (settings.sessionExpirySeconds === 0) return { ...kept, nextPacketId };
    const { subscriptionsHash, incoming } = state;
    return { ...kept, nextPacketId, subscriptionsHash, outgoing: state.outgoing.map(keptMessage), incoming };
  }
  const known = { limits, pipeliningPause: state.pipeliningPause, nextPacketId };
  if (limits.sessionExpirySeconds === 0) return { ...emptyKept, ...known };
  return {
    ...known,
    subscriptionsHash: state.subscriptionsHash,
    outgoing: state.outgoing.map(keptMessage),
    incoming: state.incoming,
  };
}

function keptMessage({ packetId, token, qos, stage }: Open["outgoing"][number]): KeptMessage {
  return { packetId, token, qos, released: stage === "released" };
}

export function end(state: SessionState, reason: Failure | undefined, effects: SessionEffect[]): SessionStep {
  return endKeeping(state, reason, effects, keep(state));
}

/** The broker refused the connection: nothing of what went out with CONNECT counts [MQTT-3.1.4-6]. */
export function endRefused(state: Connecting, reason: Failure, effects: SessionEffect[]): SessionStep {
  return endKeeping(state, reason, effects, state.kept);
}

function endKeeping(
  state: SessionState,
  reason: Failure | undefined,
  effects: SessionEffect[],
  kept: KeptSession | undefined,
): SessionStep {
  // What went out too early was the reason only if the broker has not answered it.
  const unanswered = "requests" in state && (active(state) > 0 || state.requests.length > 0);
  const again = state.at === "connected" && state.overshot && unanswered;
  if (reason) effects.push({ type: "failed", failure: reason, again });
  effects.push({ type: "closed" });
  return { state: setState(state, { at: "ended", failure: reason, kept }), effects };
}

/** The broker broke the standard: MQTT 5 says why before closing (§4.13), 3.1.1 only closes. */
export function violated(state: Open, { code, detail }: FramingError, effects: SessionEffect[]): SessionStep {
  const { version } = state.settings;
  if (version === 5) effects.push({ type: "send", bytes: encodeDisconnect(version, code) });
  return end(state, failure("protocol-error", `${reasonName(code)}: ${detail}`, code), effects);
}

export function timedOut(state: Open, missing: string): SessionStep {
  return end(
    state,
    failure("deadline", `no ${missing} from the broker within ${state.settings.ackTimeoutMs} ms`),
    [],
  );
}

export function transportClosed(state: SessionState): SessionStep {
  if (state.at === "ended") return { state, effects: [] };
  const when =
    state.at !== "connected"
      ? "before CONNACK; a broker that refuses TLS names, credentials or the MQTT version may do so silently"
      : state.outgoing.length > 0
        ? `with ${state.outgoing.length} message(s) not acknowledged`
        : "during the session";
  const reason = failure("connection-lost", `the connection was closed ${when}`);
  if (state.at !== "connecting" || !state.pipelined) return end(state, reason, []);
  // Some brokers take only CONNECT at first and say nothing to what they do not expect.
  const kept = { ...(keep(state) ?? emptyKept), pipeliningPause: pauseConnections };
  const effects: SessionEffect[] = [{ type: "failed", failure: reason, again: true }, { type: "closed" }];
  return { state: setState(state, { at: "ended", failure: reason, kept }), effects };
}

/** DISCONNECT with a session expiry interval. */
const disconnectBytes = 9;

/** DISCONNECT from this side. */
export function disconnect(
  state: SessionState,
  withWill: boolean,
  sessionExpirySeconds: number | undefined,
): SessionStep {
  if (state.at === "ended") return { state, effects: [] };
  if (state.at === "idle") return end(state, undefined, []);
  const { version, sessionExpirySeconds: asked } = state.settings;
  // Without it nothing is too large for any broker.
  const takes = version === 5 && state.limits.maxPacketBytes >= disconnectBytes;
  const expiry = takes ? sessionExpirySeconds : undefined;
  // [MQTT-3.14.2-2] of the standard's table: a session that was to end with the connection cannot be prolonged.
  if (expiry !== undefined && expiry > 0 && asked === 0)
    throw new RangeError("a session without expiry interval cannot be given one in the end");
  if (withWill && version === 4) throw new RangeError("DISCONNECT with the will needs MQTT 5");
  const code = withWill ? reasonCode.disconnectWithWill : reasonCode.success;
  const effects: SessionEffect[] = [{ type: "send", bytes: encodeDisconnect(version, code, expiry) }];
  if (expiry === undefined) return end(state, undefined, effects);
  return end({ ...state, limits: { ...state.limits, sessionExpirySeconds: expiry } }, undefined, effects);
}
