/**
 * Messages to the broker: what may go out, and the acknowledgements of QoS 1 and 2 (§4.3). What is answered to which
 * packet in which stage is in `acknowledged`; the rest is bookkeeping.
 */

import { type Failure, failure } from "../failure.js";
import { freePacketId, idAfter } from "./packet-ids.js";
import type { Message, Open, Outgoing, SessionEffect, SessionStep } from "./session-state.js";
import { encodeAck, encodePublish } from "./wire/encode.js";
import { protocolError } from "./wire/errors.js";
import { checkWhole } from "./wire/fields.js";
import type { FramingError } from "./wire/framing.js";
import type { AckType, Incoming, Publish, QoS } from "./wire/packet-types.js";
import { describeReason, reasonCode } from "./wire/reason-codes.js";

/** How many QoS 1 and 2 messages wait for their acknowledgement on this connection. */
export function active({ outgoing }: Pick<Open, "outgoing">): number {
  return outgoing.filter(({ stage }) => stage !== "kept").length;
}

function nextKept({ outgoing }: Pick<Open, "outgoing">): Outgoing | undefined {
  return outgoing.find(({ stage }) => stage === "kept");
}

/** How many messages may be published now. */
export function quota(state: Open): number {
  const free = Math.max(0, state.limits.receiveMaximum - active(state));
  if (state.at === "connected") return free;
  // Order counts [MQTT-4.6.0-1], and QoS 2 waits for CONNACK.
  return nextKept(state)?.qos === 2 ? 0 : Math.min(free, state.allowance);
}

/** @throws {TypeError | RangeError} for a message that no broker could take, out of turn, or beyond the quota */
export function publish(state: Open, message: Message, token: number, nowMs: number): SessionStep {
  checkTurn(state, message.qos, token);
  const code = beyond(state, message);
  if (code !== undefined) return excluded(state, token, code, "");
  let packet = packetOf(state, message);
  let bytes = encodePublish(packet, state.settings.version, state.limits.maxPacketBytes);
  if (typeof bytes === "number" && packet.topicAlias !== undefined) {
    // An alias takes three bytes, and may be longer than the topic: it may fit without.
    packet = { ...packet, topic: message.topic, topicAlias: undefined, aliases: state.outgoingAliases };
    bytes = encodePublish(packet, state.settings.version, state.limits.maxPacketBytes);
  }
  if (typeof bytes !== "number") return published(state, packet, token, bytes, nowMs);
  const sizes = ` (${bytes} bytes, the broker takes ${state.limits.maxPacketBytes})`;
  return excluded(state, token, reasonCode.packetTooLarge, sizes);
}

/** @throws {RangeError} for what must wait, or has gone already */
function checkTurn(state: Open, qos: QoS, token: number): void {
  checkWhole(token, 0, 2 ** 48 - 1, "token");
  checkWhole(qos, 0, 2, "qos");
  const kept = nextKept(state);
  if (kept && kept.token !== token) throw new RangeError(`message ${kept.token} is to be sent again first`);
  if (kept && kept.qos !== qos) throw new RangeError(`message ${token} had QoS ${kept.qos}`);
  if (!kept && state.outgoing.some((one) => one.token === token))
    throw new RangeError(`message ${token} is in flight`);
  if (quota(state) === 0 && (qos > 0 || state.at === "connecting"))
    throw new RangeError("publish beyond the send quota"); // [MQTT-3.3.4-7]
}

/** Why the broker would refuse it. */
function beyond({ at, limits }: Open, { qos, retain }: Message): number | undefined {
  // [MQTT-3.2.2-14], [MQTT-3.2.2-11]; QoS 2 waits for CONNACK.
  if (retain && !limits.retainAvailable) return reasonCode.retainNotSupported;
  return qos > limits.maximumQoS || (qos === 2 && at === "connecting")
    ? reasonCode.qosNotSupported
    : undefined;
}

interface Named extends Publish {
  readonly aliases: readonly string[];
}

function packetOf(state: Open, message: Message): Named {
  const kept = nextKept(state);
  const packetId = message.qos === 0 ? 0 : (kept?.packetId ?? freePacketId(state));
  const { retain = false } = message;
  return { ...message, ...named(state, message.topic), retain, packetId, duplicate: kept !== undefined };
}

function published(
  state: Open,
  { packetId, qos, aliases }: Named,
  token: number,
  bytes: Uint8Array,
  nowMs: number,
): SessionStep {
  const next: Open = {
    ...state,
    lastSentMs: nowMs,
    outgoingAliases: aliases,
    ...(state.at === "connecting" && { allowance: state.allowance - 1, pipelined: true }),
    ...(qos > 0 && flight(state, { packetId, token, qos: qos as 1 | 2 }, nowMs)),
  };
  const effects: SessionEffect[] = [
    { type: "send", bytes },
    { type: "published", token, packetId },
  ];
  return { state: next, effects };
}

/** The message among those in flight: in its old place, or as the last. */
function flight(
  state: Open,
  message: Pick<Outgoing, "packetId" | "token" | "qos">,
  nowMs: number,
): Pick<Open, "outgoing" | "nextPacketId"> {
  const { outgoing, nextPacketId, settings } = state;
  const kept = nextKept(state);
  const deadlineMs = nowMs + settings.ackTimeoutMs;
  const early = state.at === "connecting" && { early: true as const };
  const entry: Outgoing = { ...message, stage: "published", deadlineMs, ...early };
  if (kept) return { outgoing: replaced(outgoing, kept, entry), nextPacketId };
  return { outgoing: [...outgoing, entry], nextPacketId: idAfter(message.packetId) };
}

/** PUBACK, PUBREC or PUBCOMP; one that does not fit what is in flight means that the two sides disagree. */
export function acknowledged(
  state: Open,
  packet: Extract<Incoming, { type: AckType }>,
  effects: SessionEffect[],
  nowMs: number,
): Open | FramingError {
  const { type, packetId, code } = packet;
  const entry = state.outgoing.find((one) => one.packetId === packetId);
  const without = () => ({ ...state, outgoing: state.outgoing.filter((one) => one !== entry) });
  switch (type) {
    case "puback":
      if (entry?.qos !== 1 || entry.stage !== "published") break;
      verdict(entry, packet, effects);
      return without();
    case "pubrec": {
      const release = (answer: number) =>
        effects.push({ type: "send", bytes: encodeAck("pubrel", packetId, answer, state.settings.version) });
      if (!entry) {
        // Left over from before a session was lost. PUBREL ends it at the broker too.
        if (code < 0x80) release(reasonCode.packetIdentifierNotFound);
        return state;
      }
      if (entry.qos !== 2) break;
      if (entry.stage === "released") {
        release(reasonCode.success);
        return state;
      }
      verdict(entry, packet, effects);
      if (code >= 0x80) return without();
      release(reasonCode.success);
      const deadlineMs = nowMs + state.settings.ackTimeoutMs;
      return {
        ...state,
        outgoing: replaced(state.outgoing, entry, { ...entry, stage: "released", deadlineMs }),
      };
    }
    case "pubcomp":
      // The answer to a PUBREL for what is not in flight.
      if (!entry) return state;
      if (entry.stage !== "released") break;
      effects.push({ type: "completed", token: entry.token, packetId });
      return without();
  }
  const name = type.toUpperCase();
  return protocolError(
    `${name} for ${packetId}, which ${entry ? "does not wait for one" : "is not in flight"}`,
  );
}

/** PUBREL again for what was released on an earlier connection [MQTT-4.4.0-1]. */
export function releaseAgain(state: Open, effects: SessionEffect[], nowMs: number): Open {
  if (!state.outgoing.some(({ stage }) => stage === "released")) return state;
  const deadlineMs = nowMs + state.settings.ackTimeoutMs;
  const outgoing = state.outgoing.map((one) => {
    if (one.stage !== "released") return one;
    const bytes = encodeAck("pubrel", one.packetId, reasonCode.success, state.settings.version);
    effects.push({ type: "send", bytes });
    return { ...one, deadlineMs };
  });
  return { ...state, outgoing };
}

function verdict(
  { token, packetId }: Outgoing,
  { code, text }: Extract<Incoming, { type: AckType }>,
  effects: SessionEffect[],
): void {
  if (code < 0x80) {
    effects.push({ type: "acked", token, packetId, reasonCode: code });
    return;
  }
  const detail = `the broker refused the message: ${describeReason(code, code, text)}`;
  effects.push({ type: "refused", token, packetId, failure: failure("broker-refused", detail, code) });
}

function excluded(state: Open, token: number, code: number, more: string): SessionStep {
  // What was remembered of the broker may have changed for the better.
  if (state.at === "connecting") return { state, effects: [{ type: "postponed", token }] };
  const detail = `the broker's limits exclude the message: ${describeReason(code, code)}${more}`;
  const reason: Failure = failure("broker-refused", detail, code);
  // Nor is it to be sent again.
  const outgoing = state.outgoing.filter((one) => one.token !== token);
  return {
    state: { ...state, outgoing },
    effects: [{ type: "refused", token, packetId: 0, failure: reason }],
  };
}

function replaced(outgoing: readonly Outgoing[], before: Outgoing, after: Outgoing): readonly Outgoing[] {
  return outgoing.map((one) => (one === before ? after : one));
}

/** The first message to a topic tells the broker its alias, the others need no more than that (MQTT 5 §3.3.2.3.4). */
function named(
  { limits, outgoingAliases: aliases }: Open,
  topic: string,
): Pick<Named, "topic" | "topicAlias" | "aliases"> {
  const known = aliases.indexOf(topic) + 1;
  if (known > 0) return { topic: "", topicAlias: known, aliases };
  if (aliases.length >= limits.topicAliasMaximum) return { topic, aliases };
  return { topic, topicAlias: aliases.length + 1, aliases: [...aliases, topic] };
}
