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

/** How a broker's CONNACK says that it did not understand. */
const notUnderstood: readonly number[] = [
  reasonCode.unspecifiedError,
  reasonCode.malformedPacket,
  reasonCode.protocolError,
  reasonCode.implementationSpecificError,
];

/**
 * What this session leaves for the next connection, if it ends now; undefined before there was anything. A broker that has
 * left unanswered what went out before its CONNACK is not surprised again.
 */
export function keep(state: SessionState): KeptSession | undefined {
  if (state.at === "idle" || state.at === "ended") return state.kept;
  const { settings, nextPacketId, subscriptionsHash, incoming } = state;
  const pipeliningPause = surprised(state) ? pauseConnections : state.pipeliningPause;
  const session = { subscriptionsHash, outgoing: state.outgoing.map(keptMessage), incoming };
  if (state.at === "connected") {
    const { limits } = state;
    const known = { ...emptyKept, limits, pipeliningPause, nextPacketId };
    return limits.sessionExpirySeconds === 0 ? known : { ...known, ...session };
  }
  const kept = { ...(state.kept ?? emptyKept), pipeliningPause, nextPacketId };
  // Whether the broker has taken what went out is not known. A clean start may have been all it took.
  if (settings.cleanStart) return { ...emptyKept, limits: kept.limits, pipeliningPause, nextPacketId };
  return settings.sessionExpirySeconds === 0 ? kept : { ...kept, ...session };
}

function surprised(state: Open): boolean {
  if (state.at === "connecting") return state.pipelined;
  // Then its limits were the reason.
  if (state.overshot) return false;
  return state.outgoing.some(({ early }) => early) || state.requests.some(({ early }) => early);
}

function keptMessage({ packetId, token, qos, stage }: Open["outgoing"][number]): KeptMessage {
  return { packetId, token, qos, released: stage === "released" };
}

export function end(state: SessionState, reason: Failure | undefined, effects: SessionEffect[]): SessionStep {
  // What went out too early was the reason only if the broker has not answered it.
  const unanswered = "requests" in state && (active(state) > 0 || state.requests.length > 0);
  const again = state.at === "connected" && state.overshot && unanswered;
  return ended(state, reason, again, keep(state), effects);
}

/** The broker refused the connection: nothing of what went out with CONNECT counts [MQTT-3.1.4-6]. */
export function endRefused(state: Connecting, reason: Failure, effects: SessionEffect[]): SessionStep {
  const confused = state.pipelined && notUnderstood.includes(reason.code);
  const kept = confused ? { ...(state.kept ?? emptyKept), pipeliningPause: pauseConnections } : state.kept;
  return ended(state, reason, confused, kept, effects);
}

/** The connection came to nothing before CONNACK: if more than CONNECT had gone out, the next may do without that. */
function endEarly(state: Connecting, reason: Failure, effects: SessionEffect[]): SessionStep {
  return ended(state, reason, state.pipelined, keep(state), effects);
}

function ended(
  state: SessionState,
  reason: Failure | undefined,
  again: boolean,
  kept: KeptSession | undefined,
  effects: SessionEffect[],
): SessionStep {
  if (reason) effects.push({ type: "failed", failure: reason, again });
  effects.push({ type: "closed" });
  return { state: setState(state, { at: "ended", failure: reason, kept }), effects };
}

/** The broker broke the standard: MQTT 5 says why before closing (§4.13), 3.1.1 only closes. */
export function violated(state: Open, { code, detail }: FramingError, effects: SessionEffect[]): SessionStep {
  const { version } = state.settings;
  if (version === 5) effects.push({ type: "send", bytes: encodeDisconnect(version, code) });
  const reason = failure("protocol-error", `${reasonName(code)}: ${detail}`, code);
  return state.at === "connecting" ? endEarly(state, reason, effects) : end(state, reason, effects);
}

export function timedOut(state: Open, missing: string): SessionStep {
  const { ackTimeoutMs } = state.settings;
  return end(state, failure("deadline", `no ${missing} from the broker within ${ackTimeoutMs} ms`), []);
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
  return state.at === "connecting" ? endEarly(state, reason, []) : end(state, reason, []);
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
