/**
 * Reads the control packets a broker sends. A packet's bytes are checked completely before mqtt-packet sees them:
 * its parser overlooks short, long and repeated fields. Never throws: what a broker sends wrong is a value.
 */
import { decodePublish } from "./decode-publish.js";
import { malformed, protocolError } from "./errors.js";
import { checkFirst, type FramingError } from "./framing.js";
import type { AckType, ConnackProperties, Incoming } from "./packet-types.js";
import { copy, parse, reasonString, renamed, serverReference, textProperty, userProperty } from "./parse.js";
import { checkProperties, forEachProperty, packetType, variableInteger } from "./properties.js";
import { connackReason, isCodeOf, type ProtocolVersion } from "./reason-codes.js";

/** Reads one whole packet of `version`, which stays the caller's; whatever is not exactly right is an error. */
export function decode(packet: Uint8Array, version: ProtocolVersion): Incoming | FramingError {
  const wrong = checkFirst(packet[0] ?? 0);
  if (wrong) return wrong;
  const length = variableInteger(packet, 1, packet.length);
  if (length?.value !== packet.length - (length?.next ?? 0))
    return malformed("the remaining length is wrong");
  const at = length.next;
  const type = packet[0]! >> 4;
  switch (type) {
    case packetType.connack:
      return decodeConnack(packet, at, version);
    case packetType.publish:
      return decodePublish(packet, at, version);
    case packetType.puback:
      return decodeAck("puback", packet, at, version);
    case packetType.pubrec:
      return decodeAck("pubrec", packet, at, version);
    case packetType.pubrel:
      return decodeAck("pubrel", packet, at, version);
    case packetType.pubcomp:
      return decodeAck("pubcomp", packet, at, version);
    case packetType.suback:
      return decodeSuback("suback", packet, at, version);
    case packetType.unsuback:
      return decodeSuback("unsuback", packet, at, version);
    case packetType.pingresp:
      return packet.length === at ? { type: "pingresp" } : malformed("PINGRESP has a body");
    case packetType.disconnect:
      if (version === 5) return decodeDisconnect(packet, at);
      break;
    case packetType.auth:
      if (version === 5) return decodeAuth(packet, at);
  }
  return protocolError(`unexpected packet type ${type}`);
}

/** Those whose value is taken as it is. */
const connackNames = {
  sessionExpiryInterval: "sessionExpirySeconds",
  receiveMaximum: "receiveMaximum",
  maximumQoS: "maximumQoS",
  retainAvailable: "retainAvailable",
  maximumPacketSize: "maxPacketBytes",
  assignedClientIdentifier: "assignedClientId",
  topicAliasMaximum: "topicAliasMaximum",
  reasonString: "reasonString",
  wildcardSubscriptionAvailable: "wildcardSubscriptions",
  subscriptionIdentifiersAvailable: "subscriptionIdentifiers",
  sharedSubscriptionAvailable: "sharedSubscriptions",
  serverKeepAlive: "keepAliveSeconds",
  responseInformation: "responseInformation",
  serverReference: "serverReference",
} as const;

function decodeConnack(packet: Uint8Array, at: number, version: ProtocolVersion): Incoming | FramingError {
  const flags = packet[at] ?? 2;
  const code = packet[at + 1] ?? 0;
  // A broker that knows only 3.1.1 answers an MQTT 5 CONNECT with its own CONNACK, and code 1 (3.1.1 §3.2.2.3).
  const old = version === 4 || (packet.length === at + 2 && code !== 0);
  const form = old ? 4 : 5;
  const wrong = checkEnd(packetType.connack, packet, at + 2, form);
  if (wrong) return wrong;
  if (flags > 1) return malformed(`CONNACK flags ${flags}`);
  const reason = connackReason(form, code);
  if (reason === undefined) return malformed(`CONNACK code ${code}`);
  // [MQTT-3.2.2-4] of 3.1.1, [MQTT-3.2.2-6] of 5.
  if (reason !== 0 && flags !== 0) return protocolError("a refusal with session present");
  const connack = { type: "connack", sessionPresent: flags === 1, code, reason } as const;
  if (old || packet.length === at + 3) return { ...connack, properties: {} };
  const parsed = parse(packet, form, at, at + 2);
  if (!parsed) return malformed("CONNACK");
  const { properties, userProperties } = parsed;
  const { authenticationMethod, authenticationData } = properties;
  if (authenticationData && authenticationMethod === undefined)
    return protocolError("authentication data without a method");
  return {
    ...connack,
    properties: {
      ...(renamed(properties, connackNames) as ConnackProperties),
      ...(authenticationMethod !== undefined && {
        authentication: {
          method: authenticationMethod,
          data: authenticationData && copy(authenticationData),
        },
      }),
      ...(userProperties && { userProperties }),
    },
  };
}

function decodeAck(
  type: AckType,
  packet: Uint8Array,
  at: number,
  version: ProtocolVersion,
): Incoming | FramingError {
  const length = packet.length - at;
  // In 5 the reason code, and the property length after it, may be left out (§3.4.2.1, §3.4.2.2.1).
  const short = length === 2 || (version === 5 && length === 3);
  const wrong = short ? undefined : checkEnd(packetType[type], packet, at + (version === 5 ? 3 : 2), version);
  if (wrong) return wrong;
  const packetId = packetIdAt(packet, at);
  if (typeof packetId !== "number") return packetId;
  const code = length === 2 ? 0 : packet[at + 2]!;
  if (!isCodeOf(type === "puback" || type === "pubrec" ? "puback" : "pubrel", code))
    return malformed(`${type} with code ${code}`);
  return { type, packetId, code, text: short ? "" : (textProperty(packet, at + 3, reasonString) ?? "") };
}

function decodeSuback(
  type: "suback" | "unsuback",
  packet: Uint8Array,
  at: number,
  version: ProtocolVersion,
): Incoming | FramingError {
  if (packet.length < at + 2) return malformed(`${type} is cut off`);
  const packetId = packetIdAt(packet, at);
  if (typeof packetId !== "number") return packetId;
  let next: number | FramingError = at + 2;
  if (version === 5) next = checkProperties(packetType[type], packet, next, packet.length);
  if (typeof next !== "number") return next;
  const text = version === 5 ? (textProperty(packet, at + 2, reasonString) ?? "") : "";
  const codes = Array.from(packet.subarray(next));
  // In 3.1.1 UNSUBACK has no payload (§3.11.3); all others answer at least one filter.
  const none = version === 4 && type === "unsuback";
  if (none !== (codes.length === 0)) return malformed(`${type} with ${codes.length} codes`);
  for (const code of codes)
    if (!(version === 4 ? code <= 2 || code === 0x80 : isCodeOf(type, code)))
      return malformed(`${type} with code ${code}`);
  return { type, packetId, codes, text };
}

function decodeDisconnect(packet: Uint8Array, at: number): Incoming | FramingError {
  // The reason code and the property length after it may be left out (§3.14.2.1, §3.14.2.2.1).
  const short = packet.length <= at + 1;
  const wrong = short ? undefined : checkEnd(packetType.disconnect, packet, at + 1, 5);
  if (wrong) return wrong;
  const code = packet[at] ?? 0;
  if (!isCodeOf("disconnect", code)) return malformed(`DISCONNECT with code ${code}`);
  if (short) return { type: "disconnect", code, text: "" };
  const text = textProperty(packet, at + 1, serverReference) ?? textProperty(packet, at + 1, reasonString);
  return { type: "disconnect", code, text: text ?? "" };
}

function decodeAuth(packet: Uint8Array, at: number): Incoming | FramingError {
  // §3.15.2.1: success without anything.
  if (packet.length === at) return { type: "auth", code: 0, method: undefined, data: undefined, text: "" };
  const wrong = checkEnd(packetType.auth, packet, at + 1, 5);
  if (wrong) return wrong;
  const code = packet[at]!;
  if (!isCodeOf("auth", code)) return malformed(`AUTH with code ${code}`);
  const parsed = parse(packet, 5, at, at + 1);
  if (!parsed) return malformed("AUTH");
  const { authenticationMethod: method, authenticationData: data } = parsed.properties;
  // §3.15.2.2.2
  if (method === undefined) return protocolError("AUTH without an authentication method");
  const text = textProperty(packet, at + 1, reasonString) ?? "";
  return { type: "auth", code, method, data: data && copy(data), text };
}

/** [MQTT-2.2.1-3]: 0 is none. */
function packetIdAt(packet: Uint8Array, at: number): number | FramingError {
  return (packet[at]! << 8) | packet[at + 1]! || malformed("packet identifier 0");
}

/** After its fixed part a packet ends (3.1.1), or goes on with properties to its very end (5). */
function checkEnd(
  type: number,
  packet: Uint8Array,
  at: number,
  version: ProtocolVersion,
): FramingError | undefined {
  if (version === 4)
    return packet.length === at ? undefined : malformed(`packet type ${type} has a wrong length`);
  const end = checkProperties(type, packet, at, packet.length);
  if (typeof end !== "number") return end;
  return end === packet.length ? undefined : malformed(`packet type ${type} has bytes after its properties`);
}

/**
 * Whether a reason string or user properties stand in a packet that `decode` has accepted: in MQTT 5 a client may ask for
 * none, except in PUBLISH, CONNACK and DISCONNECT [MQTT-3.1.2-29].
 */
export function explains(packet: Uint8Array, { type }: Incoming): boolean {
  const { next: at } = variableInteger(packet, 1, packet.length)!;
  const properties = type === "auth" ? at + 1 : type === "suback" || type === "unsuback" ? at + 2 : at + 3;
  if (type === "publish" || type === "connack" || type === "disconnect" || properties >= packet.length)
    return false;
  let found = false;
  forEachProperty(packet, properties, (id) => {
    found ||= id === reasonString || id === userProperty;
  });
  return found;
}
