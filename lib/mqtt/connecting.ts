/** CONNECT, what may go out behind it without waiting, and what CONNACK makes of both. */

import { failure } from "../failure.js";
import { authenticationAccepted } from "./authentication.js";
import { endRefused, violated } from "./ending.js";
import { emptyKept, type KeptMessage, type KeptSession } from "./kept-session.js";
import { cautiousLimits, grantedLimits, isLess, type Limits } from "./limits.js";
import { releaseAgain } from "./outgoing.js";
import type { Settings } from "./session-options.js";
import {
  type Connecting,
  type Outgoing,
  type SessionEffect,
  type SessionState,
  type SessionStep,
  setState,
} from "./session-state.js";
import { subscribe } from "./subscriptions.js";
import { encodeConnect } from "./wire/encode.js";
import { protocolError } from "./wire/errors.js";
import { atPacketStart } from "./wire/framing.js";
import type { Incoming } from "./wire/packet-types.js";
import { describeReason } from "./wire/reason-codes.js";

type Idle = Extract<SessionState, { at: "idle" }>;

export function start(state: Idle, nowMs: number): SessionStep {
  // Apart: writing CONNECT takes most of a small board's stack.
  const bytes = encodeConnect(state.settings);
  const settings = afterConnect(state.settings);
  const next = connecting(settings, state.kept, nowMs);
  const effects: SessionEffect[] = [{ type: "send", bytes }];
  return subscribesAtOnce(next) ? withSubscribe(next, effects, nowMs) : { state: next, effects };
}

function connecting(settings: Settings, kept: KeptSession | undefined, nowMs: number): Connecting {
  const { limits, pipeliningPause, nextPacketId } = kept ?? emptyKept;
  const session = settings.cleanStart ? emptyKept : (kept ?? emptyKept);
  const deadlineMs = nowMs + settings.ackTimeoutMs;
  const pipelines = settings.pipelining && pipeliningPause === 0;
  return {
    at: "connecting",
    settings,
    kept,
    framing: atPacketStart,
    limits: assumedLimits(settings, limits),
    outgoing: session.outgoing.map(asOutgoing),
    incoming: session.incoming,
    requests: [],
    nextPacketId,
    outgoingAliases: [],
    incomingAliases: [],
    subscriptionsHash: session.subscriptionsHash,
    pipeliningPause,
    lastSentMs: nowMs,
    authenticating: settings.authentication && { turn: "broker", deadlineMs },
    deadlineMs,
    // The first time one message; then what the broker allowed before.
    allowance: pipelines ? (limits ? Number.MAX_SAFE_INTEGER : 1) : 0,
    pipelined: false,
  };
}

/** SUBSCRIBE waits where the broker is expected to have a session with these very subscriptions. */
function subscribesAtOnce({ allowance, settings, subscriptionsHash: known }: Connecting): boolean {
  const { subscriptionsHash: wanted } = settings;
  return allowance > 0 && wanted !== 0 && wanted !== known;
}

function withSubscribe(state: Connecting, effects: SessionEffect[], nowMs: number): SessionStep {
  const more: SessionEffect[] = [];
  const { state: next } = subscribe(state, ownSubscriptions(state.settings), nowMs, more);
  // Beyond what is remembered of the broker: this CONNACK decides.
  if (next.at !== "connecting" || next.requests.length === 0) return { state, effects };
  return { state: { ...next, pipelined: true }, effects: [...effects, ...more] };
}

export function connack(
  state: Connecting,
  packet: Extract<Incoming, { type: "connack" }>,
  effects: SessionEffect[],
  nowMs: number,
): SessionState {
  const { code, reason, sessionPresent, properties } = packet;
  const { settings, kept } = state;
  if (reason !== 0) {
    const text = properties.serverReference ?? properties.reasonString;
    const detail = `the broker refused the connection: ${describeReason(reason, code, text)}`;
    return endRefused(state, failure("broker-refused", detail, code), effects).state;
  }
  // [MQTT-3.2.2-2]: after a clean start there is nothing that could be present.
  if (sessionPresent && settings.cleanStart)
    return violated(state, protocolError("session present after a clean start"), effects).state;
  // [MQTT-3.2.2-4] of 5
  if (sessionPresent && !kept && settings.version === 5) {
    const detail = "the broker has a session of which nothing is known here: begin with a clean start";
    return endRefused(state, failure("protocol-error", detail), effects).state;
  }
  const wrong = authenticationAccepted(state, properties.authentication, effects);
  if (wrong) return violated(state, wrong, effects).state;
  const limits = grantedLimits(settings, properties);
  const { assignedClientId, responseInformation } = properties;
  effects.push({ type: "connected", sessionPresent, limits, assignedClientId, responseInformation });
  const connected = setState(state, {
    at: "connected",
    settings,
    framing: state.framing,
    limits,
    outgoing: state.outgoing,
    incoming: state.incoming,
    requests: state.requests,
    nextPacketId: state.nextPacketId,
    outgoingAliases: state.outgoingAliases.slice(0, limits.topicAliasMaximum),
    incomingAliases: state.incomingAliases,
    subscriptionsHash: state.subscriptionsHash,
    ...(!sessionPresent && discardSession(state)),
    pipeliningPause: Math.max(0, state.pipeliningPause - 1),
    lastSentMs: state.lastSentMs,
    authenticating: undefined,
    overshot: state.pipelined && isLess(limits, state.limits),
    pingDeadlineMs: undefined,
  });
  const again = releaseAgain(connected, effects, nowMs);
  const { subscriptionsHash: wanted } = settings;
  if (wanted === 0 || wanted === again.subscriptionsHash || again.requests.length > 0) return again;
  return subscribe(again, ownSubscriptions(settings), nowMs, effects).state;
}

/** [MQTT-3.2.2-5]: what this connection has sent is part of the new session, the rest goes. */
function discardSession({ outgoing }: Connecting): {
  readonly outgoing: readonly Outgoing[];
  readonly incoming: readonly number[];
  readonly subscriptionsHash: number;
} {
  return {
    outgoing: outgoing.filter(({ stage }) => stage === "published"),
    incoming: [],
    subscriptionsHash: 0,
  };
}

function ownSubscriptions({ subscriptions }: Settings) {
  return { subscriptions, token: undefined };
}

/** What only CONNECT says has gone, the password among it; nothing here keeps it, and a small board has the room. */
function afterConnect(settings: Settings): Settings {
  const { password: _, userName: __, will: ___, userProperties: ____, ...rest } = settings;
  return rest;
}

/** What may have been remembered for other settings. */
function assumedLimits(settings: Settings, limits: Limits | undefined): Limits {
  if (!limits) return cautiousLimits(settings);
  const { receiveMaximum, topicAliasMaximum } = limits;
  if (receiveMaximum <= settings.maxInFlight && topicAliasMaximum <= settings.topicAliases) return limits;
  return {
    ...limits,
    receiveMaximum: Math.min(receiveMaximum, settings.maxInFlight),
    topicAliasMaximum: Math.min(topicAliasMaximum, settings.topicAliases),
  };
}

function asOutgoing({ packetId, token, qos, released }: KeptMessage): Outgoing {
  return { packetId, token, qos, stage: released ? "released" : "kept", deadlineMs: 0 };
}
