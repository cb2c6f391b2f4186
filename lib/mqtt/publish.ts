/** Publishing at QoS 0 and 1 within a connected session: what may go out, and whose acknowledgement comes in. */
import { failure } from "../failure.js";
import {
  type Connected,
  type InFlight,
  type Message,
  type SessionEffect,
  type SessionState,
  type SessionStep,
  setState,
} from "./session-state.js";
import type { FramingError } from "./wire/framing.js";
import { encodePublish, type Incoming } from "./wire/packets.js";
import { describeReason, reasonCode } from "./wire/reason-codes.js";
import { checkTopicName, textBytes } from "./wire/text.js";

/** @throws {TypeError | RangeError} for a message that no broker could take, or beyond the send quota */
export function publish(state: Connected, message: Message, token: number, nowMs: number): SessionStep {
  checkMessage(message);
  const { limits, settings, inFlight } = state;
  const { topic, payload, qos, retain = false, contentType, messageExpirySeconds } = message;
  // [MQTT-3.3.4-7]; retain and QoS: [MQTT-3.2.2-14], [MQTT-3.2.2-11].
  if (qos > 0 && inFlight.length >= limits.receiveMaximum)
    throw new RangeError("publish beyond the send quota");
  if (retain && !limits.retainAvailable) return refused(state, token, reasonCode.retainNotSupported, "");
  if (qos > limits.maximumQoS) return refused(state, token, reasonCode.qosNotSupported, "");
  const packetId = qos === 0 ? 0 : freePacketId(state.nextPacketId, inFlight);
  const packet = { topic, payload, qos, retain, packetId, contentType, messageExpirySeconds };
  const bytes = encodePublish(packet, settings.version, limits.maxPacketBytes);
  if (typeof bytes === "number") {
    const sizes = ` (${bytes} bytes, the broker takes ${limits.maxPacketBytes})`;
    return refused(state, token, reasonCode.packetTooLarge, sizes);
  }
  const effects: SessionEffect[] = [
    { type: "send", bytes },
    { type: "published", token, packetId },
  ];
  if (qos === 0) return { state: setState(state, { ...state, lastSentMs: nowMs }), effects };
  const entry = { packetId, token, deadlineMs: nowMs + settings.ackTimeoutMs };
  const next: SessionState = {
    ...state,
    lastSentMs: nowMs,
    inFlight: [...inFlight, entry],
    nextPacketId: after(packetId),
  };
  return { state: setState(state, next), effects };
}

/** Takes a PUBACK; one for a message that is not in flight means that the two sides disagree. */
export function acknowledge(
  state: Connected,
  { packetId, code, text }: Extract<Incoming, { type: "puback" }>,
  effects: SessionEffect[],
): SessionState | FramingError {
  const entry = state.inFlight.find((one) => one.packetId === packetId);
  if (!entry)
    return { code: reasonCode.protocolError, detail: `PUBACK for ${packetId}, which is not in flight` };
  const { token } = entry;
  if (code < 0x80) effects.push({ type: "acked", token, packetId, reasonCode: code });
  else {
    const detail = `the broker refused the message: ${describeReason(code, code, text)}`;
    effects.push({ type: "refused", token, packetId, failure: failure("broker-refused", detail, code) });
  }
  return setState(state, { ...state, inFlight: state.inFlight.filter((one) => one !== entry) });
}

function refused(state: Connected, token: number, code: number, more: string): SessionStep {
  const detail = `the broker's limits exclude the message: ${describeReason(code, code)}${more}`;
  const reason = failure("broker-refused", detail, code);
  return { state, effects: [{ type: "refused", token, packetId: 0, failure: reason }] };
}

function checkMessage({ topic, payload, qos, contentType, messageExpirySeconds }: Message): void {
  checkTopicName(topic);
  if (!(payload instanceof Uint8Array)) throw new TypeError("payload must be bytes");
  if (qos !== 0 && qos !== 1) throw new RangeError("qos must be 0 or 1");
  if (contentType !== undefined) textBytes(contentType, "contentType");
  const expiry = messageExpirySeconds ?? 0;
  if (!Number.isInteger(expiry) || expiry < 0 || expiry > 0xffff_ffff)
    throw new RangeError("messageExpirySeconds must be a whole number from 0 to 4294967295");
}

/** The next packet identifier that no message in flight has [MQTT-2.2.1-3]; there are more than can be in flight. */
function freePacketId(from: number, inFlight: readonly InFlight[]): number {
  let packetId = from;
  while (inFlight.some((one) => one.packetId === packetId)) packetId = after(packetId);
  return packetId;
}

function after(packetId: number): number {
  return packetId === 65535 ? 1 : packetId + 1;
}
