/** Reads a PUBLISH from the broker (§3.3). */
import { malformed, protocolError } from "./errors.js";
import type { FramingError } from "./framing.js";
import type { Incoming, Publish, QoS, UserProperties } from "./packet-types.js";
import { copy, type ParsedProperties, parse, renamed } from "./parse.js";
import { afterPrefixed, checkProperties, packetType } from "./properties.js";
import { type ProtocolVersion, reasonCode } from "./reason-codes.js";
import { isText } from "./text.js";
import { hasWildcard } from "./topics.js";

/** Those whose value is taken as it is. */
const names = {
  payloadFormatIndicator: "payloadIsText",
  messageExpiryInterval: "messageExpirySeconds",
  contentType: "contentType",
  responseTopic: "responseTopic",
  topicAlias: "topicAlias",
} as const;

/** @param at where the topic's length is */
export function decodePublish(
  packet: Uint8Array,
  at: number,
  version: ProtocolVersion,
): Incoming | FramingError {
  const qos = ((packet[0]! >> 1) & 3) as QoS;
  const topicEnd = afterPrefixed(packet, at, packet.length);
  if (topicEnd === undefined) return malformed("the topic is cut off");
  if (!isText(packet, at + 2, topicEnd)) return malformed("the topic is not well-formed UTF-8");
  const propertiesAt = qos === 0 ? topicEnd : topicEnd + 2;
  if (propertiesAt > packet.length) return malformed("the packet identifier is cut off");
  const packetId = qos === 0 ? 0 : (packet[topicEnd]! << 8) | packet[topicEnd + 1]!;
  // [MQTT-2.2.1-4]
  if (qos > 0 && packetId === 0) return malformed("a message with packet identifier 0");
  const payloadAt =
    version === 5 ? checkProperties(packetType.publish, packet, propertiesAt, packet.length) : propertiesAt;
  if (typeof payloadAt !== "number") return payloadAt;
  const parsed = parse(packet, version, at, propertiesAt);
  if (!parsed) return malformed("PUBLISH");
  const { topic, properties, userProperties } = parsed;
  const wrong = checkTopics(topic, properties);
  if (wrong) return wrong;
  return {
    type: "publish",
    topic,
    payload: copy(packet.subarray(payloadAt)),
    qos,
    retain: (packet[0]! & 1) === 1,
    duplicate: (packet[0]! & 8) === 8,
    packetId,
    subscriptionIdentifiers: list(properties.subscriptionIdentifier),
    ...(version === 5 && messageProperties(properties, userProperties)),
  };
}

function checkTopics(
  topic: string,
  { topicAlias, responseTopic }: ParsedProperties,
): FramingError | undefined {
  // [MQTT-4.7.3-1]; §3.3.2.1
  if (topic === "" && topicAlias === undefined) return protocolError("neither a topic nor a topic alias");
  // [MQTT-3.3.2-2]
  if (hasWildcard(topic))
    return { code: reasonCode.topicNameInvalid, detail: "a topic name with a wildcard" };
  // [MQTT-3.3.2-14]
  if (responseTopic === "" || (responseTopic && hasWildcard(responseTopic)))
    return malformed("a response topic that is empty or has a wildcard");
  return undefined;
}

function messageProperties(
  properties: ParsedProperties,
  userProperties: UserProperties | undefined,
): Partial<Publish> {
  const { correlationData } = properties;
  return {
    ...renamed(properties, names),
    ...(correlationData && { correlationData: copy(correlationData) }),
    ...(userProperties && { userProperties }),
  };
}

function list(identifiers: number | readonly number[] | undefined): readonly number[] {
  if (identifiers === undefined) return [];
  return typeof identifiers === "number" ? [identifiers] : identifiers;
}
