/**
 * An MQTT client session, 3.1.1 or 5, without I/O, clock or randomness: events and the time in, a new state
 * and effects out. It refuses whatever the standard forbids either side, and never waits for ever: each
 * acknowledgement has a deadline.
 */
import { type Failure, failure } from "../failure.js";
import { acknowledge, publish } from "./publish.js";
import { checkOptions, grantedLimits, type SessionOptions } from "./session-options.js";
import {
  type Connected,
  type Connecting,
  type SessionEffect,
  type SessionEvent,
  type SessionState,
  type SessionStep,
  setState,
} from "./session-state.js";
import { atPacketStart, type FramingError, frame } from "./wire/framing.js";
import { decode, encodeConnect, encodeDisconnect, encodePingreq, type Incoming } from "./wire/packets.js";
import { describeReason, reasonCode, reasonName } from "./wire/reason-codes.js";

/**
 * @throws {TypeError | RangeError} for options that no session can have
 * @example
 * let session = createSession({ clientId: "d1" });
 * const { state, effects } = step(session, { type: "start" }, nowMs);
 */
export function createSession(options: SessionOptions): SessionState {
  return { at: "idle", settings: checkOptions(options) };
}

/**
 * @param nowMs milliseconds on any clock that never jumps
 * @throws {TypeError | RangeError} for what the caller must not ask: `start` twice, a malformed topic,
 *   `publish` when not connected or beyond `sendQuota`. The state stands as it was.
 */
export function step(state: SessionState, event: SessionEvent, nowMs: number): SessionStep {
  switch (event.type) {
    case "start":
      return start(state, nowMs);
    case "received":
      return received(state, event.bytes, nowMs);
    case "publish":
      if (state.at !== "connected") throw new RangeError(`publish while ${state.at}`);
      return publish(state, event.message, event.token, nowMs);
    case "disconnect":
      return disconnect(state);
    case "transport-closed":
      return transportClosed(state);
    case "time":
      return time(state, nowMs);
  }
}

/** When the session next wants a `time` event, on the clock of `nowMs`; undefined: never. */
export function nextWakeAt(state: SessionState): number | undefined {
  if (state.at === "connecting") return state.deadlineMs;
  if (state.at !== "connected") return undefined;
  const { keepAliveSeconds } = state.limits;
  const ping =
    state.pingDeadlineMs ?? (keepAliveSeconds ? state.lastSentMs + keepAliveSeconds * 1000 : undefined);
  const ack = state.inFlight[0]?.deadlineMs;
  if (ping === undefined || ack === undefined) return ping ?? ack;
  return Math.min(ping, ack);
}

/** How many QoS 1 messages may be published now. */
export function sendQuota(state: SessionState): number {
  return state.at === "connected" ? state.limits.receiveMaximum - state.inFlight.length : 0;
}

function start(state: SessionState, nowMs: number): SessionStep {
  if (state.at !== "idle") throw new RangeError(`start while ${state.at}`);
  const bytes = encodeConnect(state.settings);
  const next: SessionState = {
    at: "connecting",
    // The password has gone; nothing here keeps it.
    settings: { ...state.settings, password: undefined },
    framing: atPacketStart,
    deadlineMs: nowMs + state.settings.ackTimeoutMs,
    lastSentMs: nowMs,
  };
  return { state: setState(state, next), effects: [{ type: "send", bytes }] };
}

function received(state: SessionState, bytes: Uint8Array, nowMs: number): SessionStep {
  const effects: SessionEffect[] = [];
  if (state.at === "idle") throw new RangeError("received before start");
  let now: SessionState = state;
  let rest = bytes;
  // What follows the end of the session is ignored.
  while (rest.length > 0 && (now.at === "connecting" || now.at === "connected")) {
    const { framing, packet, used, error } = frame(now.framing, rest, now.settings.maxPacketBytes);
    if (error) return violated(now, error, effects);
    rest = rest.subarray(used);
    const framed: Connecting | Connected = { ...now, framing };
    now = packet ? incoming(framed, packet, effects, nowMs) : setState(now, framed);
  }
  return { state: now, effects };
}

function incoming(
  state: Connecting | Connected,
  packet: Uint8Array,
  effects: SessionEffect[],
  nowMs: number,
): SessionState {
  const decoded = decode(packet, state.settings.version);
  if (!("type" in decoded)) return violated(state, decoded, effects).state;
  if (state.at === "connecting") {
    if (decoded.type === "connack") return connack(state, decoded, effects, nowMs);
    return violated(state, unexpected(`${decoded.type} before CONNACK`), effects).state;
  }
  switch (decoded.type) {
    case "connack":
      return violated(state, unexpected("a second CONNACK"), effects).state;
    case "puback": {
      const next = acknowledge(state, decoded, effects);
      return "at" in next ? next : violated(state, next, effects).state;
    }
    case "pingresp":
      if (state.pingDeadlineMs === undefined)
        return violated(state, unexpected("PINGRESP without PINGREQ"), effects).state;
      return setState(state, { ...state, pingDeadlineMs: undefined });
    case "disconnect": {
      const detail = `the broker ended the session: ${describeReason(decoded.code, decoded.code, decoded.text)}`;
      const kind = decoded.code < 0x80 ? "connection-lost" : "broker-refused";
      return end(state, failure(kind, detail, decoded.code), effects).state;
    }
  }
}

function connack(
  state: Connecting,
  packet: Extract<Incoming, { type: "connack" }>,
  effects: SessionEffect[],
  nowMs: number,
): SessionState {
  const { code, reason, sessionPresent, properties } = packet;
  const { settings } = state;
  if (reason !== 0) {
    const text = properties.serverReference ?? properties.reasonString;
    const detail = `the broker refused the connection: ${describeReason(reason, code, text)}`;
    return end(state, failure("broker-refused", detail, code), effects).state;
  }
  // [MQTT-3.2.2-2]: after a clean start there is nothing that could be present.
  if (sessionPresent && settings.cleanStart)
    return violated(state, unexpected("session present after a clean start"), effects).state;
  const limits = grantedLimits(settings, properties);
  const assignedClientId = properties.assignedClientIdentifier;
  effects.push({ type: "connected", sessionPresent, limits, assignedClientId });
  return setState(state, {
    at: "connected",
    settings,
    framing: state.framing,
    limits,
    inFlight: [],
    nextPacketId: 1,
    // Time since CONNECT counts towards the keep-alive [MQTT-3.1.2-20].
    lastSentMs: Math.min(state.lastSentMs, nowMs),
    pingDeadlineMs: undefined,
  });
}

function disconnect(state: SessionState): SessionStep {
  if (state.at === "ended") return { state, effects: [] };
  const effects: SessionEffect[] = [];
  if (state.at !== "idle")
    effects.push({ type: "send", bytes: encodeDisconnect(state.settings.version, reasonCode.success) });
  return end(state, undefined, effects);
}

function transportClosed(state: SessionState): SessionStep {
  if (state.at === "ended") return { state, effects: [] };
  const when =
    state.at !== "connected"
      ? "before CONNACK; a broker that refuses TLS names, credentials or the MQTT version may do so silently"
      : state.inFlight.length > 0
        ? `with ${state.inFlight.length} message(s) not acknowledged`
        : "during the session";
  return end(state, failure("connection-lost", `the connection was closed ${when}`), []);
}

function time(state: SessionState, nowMs: number): SessionStep {
  const wakeAt = nextWakeAt(state);
  if (wakeAt === undefined || nowMs < wakeAt) return { state, effects: [] };
  if (state.at === "connected") {
    const [oldest] = state.inFlight;
    if (oldest && nowMs >= oldest.deadlineMs) return timedOut(state, "PUBACK");
    if (state.pingDeadlineMs !== undefined) return timedOut(state, "PINGRESP");
    const pingDeadlineMs = nowMs + state.settings.ackTimeoutMs;
    const next = setState(state, { ...state, lastSentMs: nowMs, pingDeadlineMs });
    return { state: next, effects: [{ type: "send", bytes: encodePingreq() }] };
  }
  return timedOut(state as Connecting, "CONNACK");
}

function timedOut(state: Connecting | Connected, missing: string): SessionStep {
  const detail = `no ${missing} from the broker within ${state.settings.ackTimeoutMs} ms`;
  return end(state, failure("deadline", detail), []);
}

/** The broker broke the standard: MQTT 5 says why before closing (§4.13), 3.1.1 only closes. */
function violated(
  state: Connecting | Connected,
  { code, detail }: FramingError,
  effects: SessionEffect[],
): SessionStep {
  if (state.settings.version === 5) effects.push({ type: "send", bytes: encodeDisconnect(5, code) });
  return end(state, failure("protocol-error", `${reasonName(code)}: ${detail}`, code), effects);
}

function end(state: SessionState, reason: Failure | undefined, effects: SessionEffect[]): SessionStep {
  if (reason) effects.push({ type: "failed", failure: reason });
  effects.push({ type: "closed" });
  return { state: setState(state, { at: "ended", failure: reason }), effects };
}

function unexpected(detail: string): FramingError {
  return { code: reasonCode.protocolError, detail };
}
