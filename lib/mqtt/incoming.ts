/** Messages from the broker: aliases resolved, each QoS acknowledged as it must be, QoS 2 handed on once (§4.3.3). */
import type { Connected, Open, SessionEffect, SessionStep } from "./session-state.js";
import { encodeAck } from "./wire/encode.js";
import type { FramingError } from "./wire/framing.js";
import type { AckType, Incoming } from "./wire/packet-types.js";
import { reasonCode } from "./wire/reason-codes.js";

/**
 * More than a broker is told (MQTT 5 §3.3.4 would have the connection closed at once): Mosquitto 2.0 counts a QoS 2
 * message as finished twice, at PUBREC and at PUBCOMP, and so sends more with each batch. What this ends comes with the next
 * connection.
 */
const toleratedUnfinished = 64;

type PublishPacket = Extract<Incoming, { type: "publish" }>;

export function published(state: Open, packet: PublishPacket, effects: SessionEffect[]): Open | FramingError {
  const named = resolveAlias(state, packet);
  if ("code" in named) return named;
  const { topic, incomingAliases } = named;
  const { qos, packetId } = packet;
  const next = { ...state, incomingAliases };
  const message = (deferred?: { readonly packetId: number }): void => {
    const { type: _, packetId: __, topicAlias: ___, ...rest } = packet;
    effects.push({ type: "message", message: { ...rest, topic, ...deferred } });
  };
  switch (qos) {
    case 0:
      message();
      return next;
    case 1: {
      if (!state.settings.deferredAcks) {
        message();
        answer(state, "puback", packetId, reasonCode.success, effects);
        return next;
      }
      const { unacknowledged = [] } = state;
      // What is neither handed on nor acknowledged comes with the next connection.
      if (unacknowledged.length >= mostDeferred(state.settings.receiveMaximum)) return next;
      message({ packetId });
      return { ...next, unacknowledged: [...unacknowledged, packetId] };
    }
    case 2: {
      const known = state.incoming.includes(packetId);
      const most = Math.max(state.settings.receiveMaximum, toleratedUnfinished);
      if (!known && state.incoming.length >= most)
        return {
          code: reasonCode.receiveMaximumExceeded,
          detail: `more than ${most} QoS 2 messages unfinished`,
        };
      if (!known) message();
      answer(state, "pubrec", packetId, reasonCode.success, effects);
      return known ? next : { ...next, incoming: [...state.incoming, packetId] };
    }
  }
}

/** Mosquitto 2.0 sends two messages for each that is acknowledged, at QoS 1 too. */
function mostDeferred(receiveMaximum: number): number {
  return Math.min(4 * receiveMaximum + 8, toleratedUnfinished);
}

/**
 * PUBACK for the first message that waits for one.
 * @throws RangeError for another
 */
export function acknowledge(state: Connected, packetId: number, nowMs: number): SessionStep {
  const [first, ...unacknowledged] = state.unacknowledged ?? [];
  if (first !== packetId) throw new RangeError(`acknowledge ${packetId} out of turn`);
  const effects: SessionEffect[] = [];
  answer(state, "puback", packetId, reasonCode.success, effects);
  return { state: { ...state, unacknowledged, lastSentMs: nowMs }, effects };
}

/** PUBREL: the broker will not send the message again, so its identifier is forgotten. */
export function released(state: Open, packetId: number, effects: SessionEffect[]): Open {
  const known = state.incoming.includes(packetId);
  answer(
    state,
    "pubcomp",
    packetId,
    known ? reasonCode.success : reasonCode.packetIdentifierNotFound,
    effects,
  );
  return known ? { ...state, incoming: state.incoming.filter((one) => one !== packetId) } : state;
}

function answer(state: Open, type: AckType, packetId: number, code: number, effects: SessionEffect[]): void {
  effects.push({ type: "send", bytes: encodeAck(type, packetId, code, state.settings.version) });
}

function resolveAlias(
  { incomingAliases, settings }: Open,
  { topic, topicAlias }: PublishPacket,
): (Pick<Open, "incomingAliases"> & { readonly topic: string }) | FramingError {
  if (topicAlias === undefined) return { topic, incomingAliases };
  // [MQTT-3.3.2-8] to [MQTT-3.3.2-10]
  if (topicAlias > settings.topicAliasMaximum)
    return { code: reasonCode.topicAliasInvalid, detail: `topic alias ${topicAlias} was not offered` };
  const known = incomingAliases[topicAlias - 1];
  if (topic === "") {
    if (known !== undefined) return { topic: known, incomingAliases };
    return { code: reasonCode.protocolError, detail: `topic alias ${topicAlias} has no topic` };
  }
  if (known === topic) return { topic, incomingAliases };
  const next: (string | undefined)[] = [...incomingAliases];
  while (next.length < topicAlias) next.push(undefined);
  next[topicAlias - 1] = topic;
  return { topic, incomingAliases: next };
}
