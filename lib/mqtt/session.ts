/**
 * An MQTT client session, 3.1.1 or 5, without I/O, clock or randomness: events and the time in, a new state
 * and effects out. It refuses whatever the standard forbids either side, and never waits for ever: each
 * acknowledgement has a deadline. One session is one connection; `keep` gives what the next one begins with.
 */

import { failure } from "../failure.js";
import { authenticate, challenged } from "./authentication.js";
import { connack, start } from "./connecting.js";
import { disconnect, end, timedOut, transportClosed, violated } from "./ending.js";
import { acknowledge, published, released } from "./incoming.js";
import { keepAlive, ping, pingAtMs, ponged } from "./keep-alive.js";
import type { KeptSession } from "./kept-session.js";
import { acknowledged, publish, quota } from "./outgoing.js";
import { checkOptions, type SessionOptions } from "./session-options.js";
import {
  type Connected,
  type Open,
  type SessionEffect,
  type SessionEvent,
  type SessionState,
  type SessionStep,
  setState,
} from "./session-state.js";
import { answered, subscribe, unsubscribe } from "./subscriptions.js";
import { decode, explains } from "./wire/decode.js";
import { protocolError } from "./wire/errors.js";
import { type FramingError, frame } from "./wire/framing.js";
import type { Incoming } from "./wire/packet-types.js";
import { describeReason } from "./wire/reason-codes.js";

export { keep } from "./ending.js";

/**
 * @param kept what the last connection of this client to this broker left. Without it, and without a clean start, a
 *   broker of MQTT 5 that has a session is not believed [MQTT-3.2.2-4]: give `emptyKept` to take its session up.
 * @throws {TypeError | RangeError} for options that no session can have
 * @example
 * let session = createSession({ clientId: "d1" });
 * const { state, effects } = step(session, { type: "start" }, nowMs);
 */
export function createSession(options: SessionOptions, kept?: KeptSession): SessionState {
  return { at: "idle", settings: checkOptions(options), kept };
}

/**
 * @param nowMs milliseconds on any clock that never jumps
 * @throws {TypeError | RangeError} for what the caller must not ask: `start` twice, a malformed topic, `publish`
 *   beyond `sendQuota` or out of turn. The state stands as it was.
 */
export function step(state: SessionState, event: SessionEvent, nowMs: number): SessionStep {
  switch (event.type) {
    case "start":
      if (state.at !== "idle") throw new RangeError(`start while ${state.at}`);
      return start(state, nowMs);
    case "received":
      return received(state, event.bytes, nowMs);
    case "disconnect":
      return disconnect(state, event.withWill ?? false, event.sessionExpirySeconds);
    case "transport-closed":
      return transportClosed(state);
    case "time":
      return time(state, nowMs);
    case "publish":
      if (state.at !== "connected" && state.at !== "connecting")
        throw new RangeError(`publish while ${state.at}`);
      return publish(state, event.message, event.token, nowMs);
    case "forget":
      return forget(state, event.token);
    case "subscribe":
      return subscribe(connectedOnly(state, event.type), event, nowMs, []);
    case "unsubscribe":
      return unsubscribe(connectedOnly(state, event.type), event.filters, event.token, nowMs, []);
    case "acknowledge":
      return acknowledge(connectedOnly(state, event.type), event.packetId, nowMs);
    case "ping":
      return ping(connectedOnly(state, event.type), nowMs);
    case "authenticate":
      if (state.at !== "connected" && state.at !== "connecting")
        throw new RangeError(`authenticate while ${state.at}`);
      return authenticate(state, event.data, nowMs);
  }
}

/** When the session next wants a `time` event, on the clock of `nowMs`; undefined: never. */
export function nextWakeAt(state: SessionState): number | undefined {
  if (state.at === "connecting") return state.deadlineMs;
  if (state.at !== "connected") return undefined;
  const wakeAt = Math.min(pingAtMs(state), awaited(state)?.deadlineMs ?? Number.POSITIVE_INFINITY);
  return wakeAt === Number.POSITIVE_INFINITY ? undefined : wakeAt;
}

/**
 * How many messages may be published now; before CONNACK only QoS 0 and 1, and QoS 0 counts too. Those of `toResend`
 * go first.
 */
export function sendQuota(state: SessionState): number {
  return state.at === "connected" || state.at === "connecting" ? quota(state) : 0;
}

/**
 * The tokens of messages that an earlier connection left unacknowledged, in the order in which they are to be published
 * again, before any other [MQTT-4.6.0-1]. None are left once the broker says that it has no session.
 */
export function toResend(state: SessionState): readonly number[] {
  if (state.at !== "connected" && state.at !== "connecting") return [];
  return state.outgoing.filter(({ stage }) => stage === "kept").map(({ token }) => token);
}

/** How many acknowledgements of the broker's are awaited. */
export function inFlight(state: SessionState): number {
  if (state.at !== "connected" && state.at !== "connecting") return 0;
  return state.outgoing.length + state.requests.length;
}

function connectedOnly(state: SessionState, what: string): Connected {
  if (state.at !== "connected") throw new RangeError(`${what} while ${state.at}`);
  return state;
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
    // A state is as large as all the rest of a session: it is copied when it must.
    const framed: Open = framing === now.framing ? now : { ...now, framing };
    now = packet ? incoming(framed, packet, effects, nowMs) : framed;
  }
  if (now.at !== "connected" || !effects.some(({ type }) => type === "send")) return { state: now, effects };
  return { state: { ...now, lastSentMs: nowMs }, effects };
}

function incoming(state: Open, bytes: Uint8Array, effects: SessionEffect[], nowMs: number): SessionState {
  const packet = decode(bytes, state.settings.version);
  if (!("type" in packet)) return violated(state, packet, effects).state;
  if (!state.settings.requestProblemInformation && explains(bytes, packet))
    return violated(state, protocolError("an explanation that nobody asked for"), effects).state;
  if (state.at === "connecting" && packet.type === "connack") return connack(state, packet, effects, nowMs);
  if (state.at === "connected" && packet.type === "disconnect") return disconnected(state, packet, effects);
  const next =
    packet.type === "auth"
      ? challenged(state, packet, effects)
      : state.at === "connecting"
        ? protocolError(`${packet.type} before CONNACK`) // DISCONNECT too [MQTT-3.14.0-1]
        : exchanged(state, packet, effects, nowMs);
  return "at" in next ? setState(state, next) : violated(state, next, effects).state;
}

type Exchanged = Exclude<Incoming, { type: "auth" }>;

function exchanged(
  state: Connected,
  packet: Exchanged,
  effects: SessionEffect[],
  nowMs: number,
): Open | FramingError {
  switch (packet.type) {
    case "connack":
    case "disconnect":
      return protocolError(`${packet.type} out of turn`);
    case "publish":
      return published(state, packet, effects);
    case "pubrel":
      return released(state, packet.packetId, effects);
    case "puback":
    case "pubrec":
    case "pubcomp":
      return acknowledged(state, packet, effects, nowMs);
    case "suback":
    case "unsuback":
      return answered(state, packet, effects);
    case "pingresp":
      return ponged(state, effects, nowMs);
  }
}

function disconnected(
  state: Open,
  { code, text }: Extract<Incoming, { type: "disconnect" }>,
  effects: SessionEffect[],
): SessionState {
  const detail = `the broker ended the session: ${describeReason(code, code, text)}`;
  const kind = code < 0x80 ? "connection-lost" : "broker-refused";
  return end(state, failure(kind, detail, code), effects).state;
}

function forget(state: SessionState, token: number): SessionStep {
  if (state.at !== "connected" && state.at !== "connecting") throw new RangeError(`forget while ${state.at}`);
  const outgoing = state.outgoing.filter((one) => one.stage !== "kept" || one.token !== token);
  return { state: { ...state, outgoing }, effects: [] };
}

function time(state: SessionState, nowMs: number): SessionStep {
  const wakeAt = nextWakeAt(state);
  if (wakeAt === undefined || nowMs < wakeAt) return { state, effects: [] };
  if (state.at !== "connected") return timedOut(state as Open, "CONNACK");
  const late = awaited(state);
  if (late && nowMs >= late.deadlineMs) return timedOut(state, late.name);
  if (state.pingDeadlineMs !== undefined) return timedOut(state, "PINGRESP");
  return keepAlive(state, nowMs);
}

/** The answer of the broker's that must come first. */
function awaited(state: Connected): { readonly name: string; readonly deadlineMs: number } | undefined {
  let first: { readonly name: string; readonly deadlineMs: number } | undefined;
  const consider = (name: string, deadlineMs: number) => {
    if (!first || deadlineMs < first.deadlineMs) first = { name, deadlineMs };
  };
  for (const { qos, stage, deadlineMs } of state.outgoing)
    if (stage !== "kept")
      consider(stage === "released" ? "PUBCOMP" : qos === 1 ? "PUBACK" : "PUBREC", deadlineMs);
  for (const { type, deadlineMs } of state.requests)
    consider(type === "subscribe" ? "SUBACK" : "UNSUBACK", deadlineMs);
  const { authenticating } = state;
  if (authenticating?.turn === "broker") consider("AUTH", authenticating.deadlineMs);
  return first;
}
