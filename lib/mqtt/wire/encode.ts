/**
 * Writes the control packets a client sends, through mqtt-packet. Each value is checked first: mqtt-packet cuts
 * lengths and numbers off silently. What the caller passes wrong throws TypeError or RangeError.
 */
/// <reference path="./mqtt-packet.d.ts" />
import { checkBinary, checkOptionalText, checkOptionalWhole, checkPacketId, checkWhole } from "./fields.js";
import { encode } from "./packet-sink.js";
import type {
  AckType,
  Authentication,
  Connect,
  MessageProperties,
  Publish,
  Subscribe,
  Subscription,
  UserProperties,
  Will,
} from "./packet-types.js";
import type { ProtocolVersion } from "./reason-codes.js";
import { textBytes } from "./text.js";
import { checkTopicFilter, checkTopicName, sharedFilter } from "./topics.js";

const maxFourBytes = 0xffff_ffff;

/** @returns one buffer of the packet's exact size; it holds the password, so zero it when it is sent */
export function encodeConnect(connect: Connect): Uint8Array {
  return whole(encode(connectPacket(connect), { protocolVersion: connect.version }, Infinity));
}

function connectPacket(connect: Connect): object {
  const { version, clientId, userName, password, will } = connect;
  textBytes(clientId, "client id");
  return {
    cmd: "connect",
    protocolVersion: version,
    clean: connect.cleanStart,
    keepalive: checkWhole(connect.keepAliveSeconds, 0, 65535, "keepAliveSeconds"),
    clientId,
    will: will && willOf(will, version),
    username: checkOptionalText(userName, "user name"),
    password: password && asBuffer(checkBinary(password, "password")),
    properties: version === 5 ? connectProperties(connect) : undefined,
  };
}

function connectProperties(connect: Connect): object {
  const { sessionExpirySeconds, receiveMaximum, topicAliasMaximum, authentication } = connect;
  checkWhole(sessionExpirySeconds, 0, maxFourBytes, "sessionExpirySeconds");
  checkWhole(receiveMaximum, 1, 65535, "receiveMaximum");
  checkWhole(topicAliasMaximum, 0, 65535, "topicAliasMaximum");
  return {
    sessionExpiryInterval: sessionExpirySeconds || undefined,
    receiveMaximum: receiveMaximum === 65535 ? undefined : receiveMaximum,
    maximumPacketSize: checkWhole(connect.maxPacketBytes, 1, maxFourBytes, "maxPacketBytes"),
    topicAliasMaximum: topicAliasMaximum || undefined,
    requestResponseInformation: connect.requestResponseInformation || undefined,
    requestProblemInformation: connect.requestProblemInformation ? undefined : false,
    userProperties: pairs(connect.userProperties),
    ...(authentication && authenticationProperties(authentication)),
  };
}

/**
 * A will as mqtt-packet takes it.
 * @throws {TypeError | RangeError} for one that no broker could take
 */
export function willOf(will: Will, version: ProtocolVersion): object {
  checkTopicName(will.topic, "the will's topic");
  return {
    topic: will.topic,
    payload: checkBinary(will.payload, "the will's payload"),
    qos: checkWhole(will.qos, 0, 2, "the will's qos"),
    retain: will.retain,
    properties:
      version === 5
        ? {
            willDelayInterval:
              checkOptionalWhole(will.delaySeconds, 0, maxFourBytes, "delaySeconds") || undefined,
            ...messageProperties(will),
          }
        : undefined,
  };
}

/** @returns the packet, or only its size when that is more than `maxBytes` */
export function encodePublish(
  publish: Publish,
  version: ProtocolVersion,
  maxBytes: number,
): Uint8Array | number {
  return encode(publishPacket(publish, version), { protocolVersion: version }, maxBytes);
}

function publishPacket(publish: Publish, version: ProtocolVersion): object {
  const { topic, payload, qos, retain, packetId, duplicate } = publish;
  const topicAlias = checkOptionalWhole(publish.topicAlias, 1, 65535, "topicAlias");
  if (topic !== "" || topicAlias === undefined || version === 4) checkTopicName(topic);
  if (!(payload instanceof Uint8Array)) throw new TypeError("payload must be bytes");
  checkWhole(qos, 0, 2, "qos");
  if (qos > 0) checkPacketId(packetId);
  return {
    cmd: "publish",
    topic,
    payload,
    qos,
    retain,
    dup: duplicate && qos > 0,
    messageId: packetId,
    properties: version === 5 ? { topicAlias, ...messageProperties(publish) } : undefined,
  };
}

/** In MQTT 5 code 0 is left out, which is the same packet as in 3.1.1. */
export function encodeAck(
  type: AckType,
  packetId: number,
  code: number,
  version: ProtocolVersion,
): Uint8Array {
  const packet = { cmd: type, messageId: checkPacketId(packetId), reasonCode: code };
  return whole(encode(packet, { protocolVersion: version }, Infinity));
}

/** @returns the packet, or only its size when that is more than `maxBytes` */
export function encodeSubscribe(
  subscribe: Subscribe,
  version: ProtocolVersion,
  maxBytes: number,
): Uint8Array | number {
  const { packetId, identifier } = subscribe;
  const packet = {
    cmd: "subscribe",
    messageId: checkPacketId(packetId),
    subscriptions: subscribe.subscriptions.map((one) => subscriptionOf(one, version)),
    properties: {
      subscriptionIdentifier: checkOptionalWhole(identifier, 1, 268_435_455, "subscription identifier"),
    },
  };
  return encode(packet, { protocolVersion: version }, maxBytes);
}

function subscriptionOf(subscription: Subscription, version: ProtocolVersion): object {
  const { filter, qos, noLocal = false, retainAsPublished = false, retainHandling = 0 } = subscription;
  checkTopicFilter(filter, version);
  // [MQTT-3.8.3-4]
  if (noLocal && version === 5 && sharedFilter(filter) !== undefined)
    throw new RangeError("a shared subscription cannot have noLocal");
  return {
    topic: filter,
    qos: checkWhole(qos, 0, 2, "qos"),
    nl: noLocal,
    rap: retainAsPublished,
    rh: checkWhole(retainHandling, 0, 2, "retainHandling"),
  };
}

/** @returns the packet, or only its size when that is more than `maxBytes` */
export function encodeUnsubscribe(
  packetId: number,
  filters: readonly string[],
  version: ProtocolVersion,
  maxBytes: number,
): Uint8Array | number {
  for (const filter of filters) checkTopicFilter(filter, version);
  const packet = { cmd: "unsubscribe", messageId: checkPacketId(packetId), unsubscriptions: filters };
  return encode(packet, { protocolVersion: version }, maxBytes);
}

export function encodePingreq(): Uint8Array {
  return whole(encode({ cmd: "pingreq" }, { protocolVersion: 4 }, Infinity));
}

/** @param sessionExpirySeconds MQTT 5: how long the broker keeps the session, instead of what CONNECT said */
export function encodeDisconnect(
  version: ProtocolVersion,
  code: number,
  sessionExpirySeconds?: number,
): Uint8Array {
  const sessionExpiryInterval = checkOptionalWhole(
    sessionExpirySeconds,
    0,
    maxFourBytes,
    "sessionExpirySeconds",
  );
  // Reason 0 may be left out (§3.14.2.1), which is 3.1.1's form; mqtt-packet always writes it in 5.
  const form = code === 0 && sessionExpiryInterval === undefined ? 4 : version;
  const packet = { cmd: "disconnect", reasonCode: code, properties: { sessionExpiryInterval } };
  return whole(encode(packet, { protocolVersion: form }, Infinity));
}

/** MQTT 5 only. */
export function encodeAuth(code: number, authentication: Authentication): Uint8Array {
  const packet = { cmd: "auth", reasonCode: code, properties: authenticationProperties(authentication) };
  return whole(encode(packet, { protocolVersion: 5 }, Infinity));
}

function authenticationProperties({ method, data }: Authentication): object {
  textBytes(method, "authentication method");
  return {
    authenticationMethod: method,
    authenticationData: data && checkBinary(data, "authentication data"),
  };
}

/**
 * The properties as mqtt-packet takes them.
 * @throws {TypeError | RangeError} for what no broker could take
 */
export function messageProperties(message: MessageProperties): object {
  const { correlationData, responseTopic } = message;
  if (responseTopic !== undefined) checkTopicName(responseTopic, "responseTopic");
  return {
    payloadFormatIndicator: message.payloadIsText || undefined,
    messageExpiryInterval: checkOptionalWhole(
      message.messageExpirySeconds,
      0,
      maxFourBytes,
      "messageExpirySeconds",
    ),
    contentType: checkOptionalText(message.contentType, "contentType"),
    responseTopic,
    correlationData: correlationData && checkBinary(correlationData, "correlationData"),
    userProperties: pairs(message.userProperties),
  };
}

/** As mqtt-packet keeps their order: one object for each pair. */
function pairs(properties: UserProperties | undefined): object[] | undefined {
  if (!properties?.length) return undefined;
  return properties.map(([name, value]) => {
    textBytes(name, "user property");
    textBytes(value, "user property");
    return { [name]: value };
  });
}

function whole(encoded: Uint8Array | number): Uint8Array {
  if (typeof encoded === "number") throw new RangeError(`a packet of ${encoded} bytes`);
  return encoded;
}

/** On a host mqtt-packet takes the password as Node's Buffer only; this is a view, not a copy. */
function asBuffer(data: Uint8Array): Uint8Array {
  const { Buffer } = globalThis as {
    Buffer?: { from(buffer: ArrayBufferLike, byteOffset: number, length: number): Uint8Array };
  };
  return Buffer ? Buffer.from(data.buffer, data.byteOffset, data.byteLength) : data;
}
