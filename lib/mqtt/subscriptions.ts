/** SUBSCRIBE and UNSUBSCRIBE: what may be asked for, what was answered, and whether the broker knows it already. */

import { crc32 } from "../crc32.js";
import { type Failure, failure } from "../failure.js";
import type { Limits } from "./limits.js";
import { freePacketId, idAfter } from "./packet-ids.js";
import type { Exchange, Open, SessionEffect, SessionEvent, SessionStep } from "./session-state.js";
import { encodeSubscribe, encodeUnsubscribe } from "./wire/encode.js";
import { protocolError } from "./wire/errors.js";
import type { FramingError } from "./wire/framing.js";
import type { Incoming, Subscription } from "./wire/packet-types.js";
import { describeReason, type ProtocolVersion, reasonCode } from "./wire/reason-codes.js";
import { hasWildcard, sharedFilter } from "./wire/topics.js";

/**
 * Of what the session keeps subscribed; 0 when that is nothing.
 * @throws {TypeError | RangeError} for subscriptions that no broker could take
 */
export function subscriptionsHash(subscriptions: readonly Subscription[], version: ProtocolVersion): number {
  if (subscriptions.length === 0) return 0;
  const packet = encodeSubscribe({ packetId: 1, subscriptions }, version, Number.MAX_SAFE_INTEGER);
  return (typeof packet === "number" ? packet : crc32(packet)) || 1;
}

/** Why the broker would refuse it; undefined: it might not. */
function excluded(
  { subscriptions, identifier }: Pick<Subscribe, "subscriptions" | "identifier">,
  limits: Limits,
  version: ProtocolVersion,
): number | undefined {
  const wildcard = ({ filter }: Subscription) => hasWildcard(filter);
  const shared = ({ filter }: Subscription) => version === 5 && sharedFilter(filter) !== undefined;
  if (!limits.wildcardSubscriptions && subscriptions.some(wildcard))
    return reasonCode.wildcardSubscriptionsNotSupported;
  if (!limits.sharedSubscriptions && subscriptions.some(shared))
    return reasonCode.sharedSubscriptionsNotSupported;
  if (version === 5 && !limits.subscriptionIdentifiers && identifier !== undefined)
    return reasonCode.subscriptionIdentifiersNotSupported;
  return undefined;
}

type Subscribe = Pick<Extract<SessionEvent, { type: "subscribe" }>, "subscriptions" | "identifier"> & {
  readonly token: number | undefined;
};

/** @throws {TypeError | RangeError} for subscriptions that no broker could take */
export function subscribe(
  state: Open,
  request: Subscribe,
  nowMs: number,
  effects: SessionEffect[],
): SessionStep {
  const { subscriptions, token, identifier } = request;
  const { version } = state.settings;
  if (subscriptions.length === 0) throw new RangeError("SUBSCRIBE without a topic filter"); // [MQTT-3.8.3-2]
  const code = excluded(request, state.limits, version);
  if (code !== undefined) return refuse(state, "subscribed", token, code, "", effects);
  const packetId = freePacketId(state);
  const bytes = encodeSubscribe(
    { packetId, subscriptions, identifier },
    version,
    state.limits.maxPacketBytes,
  );
  if (typeof bytes === "number") return tooLarge(state, "subscribed", token, bytes, effects);
  return sent(state, "subscribe", packetId, token, subscriptions.length, bytes, nowMs, effects);
}

/** @throws {TypeError | RangeError} */
export function unsubscribe(
  state: Open,
  filters: readonly string[],
  token: number,
  nowMs: number,
  effects: SessionEffect[],
): SessionStep {
  const { version } = state.settings;
  if (filters.length === 0) throw new RangeError("UNSUBSCRIBE without a topic filter"); // [MQTT-3.10.3-2]
  const packetId = freePacketId(state);
  const bytes = encodeUnsubscribe(packetId, filters, version, state.limits.maxPacketBytes);
  if (typeof bytes === "number") return tooLarge(state, "unsubscribed", token, bytes, effects);
  return sent(state, "unsubscribe", packetId, token, filters.length, bytes, nowMs, effects);
}

/** SUBACK or UNSUBACK. */
export function answered(
  state: Open,
  { type, packetId, codes, text }: Extract<Incoming, { type: "suback" | "unsuback" }>,
  effects: SessionEffect[],
): Open | FramingError {
  const request = state.requests.find((one) => one.packetId === packetId);
  const asked = type === "suback" ? "subscribe" : "unsubscribe";
  if (request?.type !== asked) return protocolError(`${type} for ${packetId}, which is not in flight`);
  // One for each filter, in order [MQTT-3.8.4-6]; 3.1.1's UNSUBACK has none.
  const counted = type === "suback" || state.settings.version === 5;
  if (counted && codes.length !== request.count)
    return protocolError(`${type} with ${codes.length} codes for ${request.count} filters`);
  const wrong = codes.find((code) => code >= 0x80);
  const refusal = wrong === undefined ? undefined : notGranted(asked, wrong, text);
  const { token } = request;
  effects.push({ type: type === "suback" ? "subscribed" : "unsubscribed", token, codes, failure: refusal });
  return {
    ...state,
    requests: state.requests.filter((one) => one !== request),
    subscriptionsHash: hashAfter(state, type, token, refusal),
  };
}

function hashAfter(
  { subscriptionsHash: before, settings }: Exchange,
  type: "suback" | "unsuback",
  token: number | undefined,
  refusal: Failure | undefined,
): number {
  // Whatever was unsubscribed may be one of the session's own: the next connection asks again.
  if (type === "unsuback") return 0;
  if (token !== undefined) return before;
  return refusal ? 0 : settings.subscriptionsHash;
}

function sent(
  state: Open,
  type: "subscribe" | "unsubscribe",
  packetId: number,
  token: number | undefined,
  count: number,
  bytes: Uint8Array,
  nowMs: number,
  effects: SessionEffect[],
): SessionStep {
  effects.push({ type: "send", bytes });
  const deadlineMs = nowMs + state.settings.ackTimeoutMs;
  const early = state.at === "connecting" && { early: true as const };
  const requests = [...state.requests, { type, packetId, token, count, deadlineMs, ...early }];
  // Until the answer comes the broker may have these subscriptions or those before.
  const subscriptionsHash = token === undefined ? 0 : state.subscriptionsHash;
  const next = { ...state, requests, nextPacketId: idAfter(packetId), lastSentMs: nowMs, subscriptionsHash };
  return { state: next, effects };
}

function tooLarge(
  state: Open,
  type: "subscribed" | "unsubscribed",
  token: number | undefined,
  bytes: number,
  effects: SessionEffect[],
): SessionStep {
  const sizes = ` (${bytes} bytes, the broker takes ${state.limits.maxPacketBytes})`;
  return refuse(state, type, token, reasonCode.packetTooLarge, sizes, effects);
}

function refuse(
  state: Open,
  type: "subscribed" | "unsubscribed",
  token: number | undefined,
  code: number,
  more: string,
  effects: SessionEffect[],
): SessionStep {
  const detail = `the broker's limits exclude the subscription: ${describeReason(code, code)}${more}`;
  effects.push({ type, token, codes: [], failure: failure("broker-refused", detail, code) });
  return { state, effects };
}

function notGranted(asked: string, code: number, text: string): Failure {
  const detail = `the broker refused to ${asked}: ${describeReason(code, code, text)}`;
  return failure("broker-refused", detail, code);
}
