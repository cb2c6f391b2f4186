/**
 * The control packets a session sends and receives, as plain typed values, over mqtt-packet. What comes in is
 * checked completely before mqtt-packet sees it: its parser overlooks short, long and repeated fields.
 */
/// <reference path="./mqtt-packet.d.ts" />
import { parser } from "mqtt-packet";
import type { FramingError } from "./framing.js";
import { encode } from "./packet-sink.js";
import { checkProperties, packetType } from "./properties.js";
import { connackReason, type ProtocolVersion, reasonCode } from "./reason-codes.js";

export interface Connect {
  readonly version: ProtocolVersion;
  readonly clientId: string;
  readonly userName: string | undefined;
  readonly password: Uint8Array | undefined;
  readonly keepAliveSeconds: number;
  readonly cleanStart: boolean;
  /** MQTT 5 only, as the next. */
  readonly sessionExpirySeconds: number;
  readonly maxPacketBytes: number;
}

export interface Publish {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: 0 | 1;
  readonly retain: boolean;
  /** 0 at QoS 0. */
  readonly packetId: number;
  /** MQTT 5 only, as the next. */
  readonly contentType: string | undefined;
  readonly messageExpirySeconds: number | undefined;
}

/** What the broker says of itself in an MQTT 5 CONNACK (§3.2.2.3), under mqtt-packet's names. */
export interface ConnackProperties {
  readonly sessionExpiryInterval?: number;
  readonly receiveMaximum?: number;
  readonly maximumQoS?: number;
  readonly retainAvailable?: boolean;
  readonly maximumPacketSize?: number;
  readonly assignedClientIdentifier?: string;
  readonly topicAliasMaximum?: number;
  readonly reasonString?: string;
  readonly wildcardSubscriptionAvailable?: boolean;
  readonly subscriptionIdentifiersAvailable?: boolean;
  readonly sharedSubscriptionAvailable?: boolean;
  readonly serverKeepAlive?: number;
  readonly serverReference?: string;
}

export type Incoming =
  | {
      readonly type: "connack";
      readonly sessionPresent: boolean;
      /** As sent: a return code in 3.1.1, and where a broker answers an MQTT 5 CONNECT in 3.1.1. */
      readonly code: number;
      /** The MQTT 5 reason code with the same meaning. */
      readonly reason: number;
      readonly properties: ConnackProperties;
    }
  | { readonly type: "puback"; readonly packetId: number; readonly code: number; readonly text: string }
  | { readonly type: "pingresp" }
  | { readonly type: "disconnect"; readonly code: number; readonly text: string };

/** No limit: the largest packet there can be (§2.1.4). */
export const maxPacketBytes = 268_435_455 + 5;

export function encodeConnect(connect: Connect): Uint8Array {
  const { version } = connect;
  const properties = {
    ...(connect.sessionExpirySeconds > 0 && { sessionExpiryInterval: connect.sessionExpirySeconds }),
    maximumPacketSize: connect.maxPacketBytes,
  };
  const packet = {
    cmd: "connect",
    protocolVersion: version,
    clean: connect.cleanStart,
    keepalive: connect.keepAliveSeconds,
    clientId: connect.clientId,
    username: connect.userName,
    password: connect.password && asBuffer(connect.password),
    properties: version === 5 ? properties : undefined,
  };
  return whole(encode(packet, { protocolVersion: version }, maxPacketBytes));
}

/** @returns the packet, or only its size when that is more than `maxBytes` */
export function encodePublish(
  publish: Publish,
  version: ProtocolVersion,
  maxBytes: number,
): Uint8Array | number {
  const { topic, payload, qos, retain, packetId, contentType, messageExpirySeconds } = publish;
  const hasProperties = contentType !== undefined || messageExpirySeconds !== undefined;
  const packet = {
    cmd: "publish",
    topic,
    payload,
    qos,
    retain,
    dup: false,
    messageId: packetId,
    properties: hasProperties ? { messageExpiryInterval: messageExpirySeconds, contentType } : undefined,
  };
  return encode(packet, { protocolVersion: version }, maxBytes);
}

export function encodePingreq(): Uint8Array {
  return whole(encode({ cmd: "pingreq" }, { protocolVersion: 4 }, maxPacketBytes));
}

export function encodeDisconnect(version: ProtocolVersion, code: number): Uint8Array {
  // Reason 0 may be left out (§3.14.2.1), which is 3.1.1's form; mqtt-packet always writes it in 5.
  const form = code === 0 ? 4 : version;
  return whole(encode({ cmd: "disconnect", reasonCode: code }, { protocolVersion: form }, maxPacketBytes));
}

/** Reads one whole packet of `version`; whatever is not exactly right is an error. */
export function decode(packet: Uint8Array, version: ProtocolVersion): Incoming | FramingError {
  const start = packet[1]! < 0x80 ? 2 : packet[2]! < 0x80 ? 3 : packet[3]! < 0x80 ? 4 : 5;
  switch (packet[0]! >> 4) {
    case packetType.connack:
      return decodeConnack(packet, start, version);
    case packetType.puback:
      return decodePuback(packet, start, version);
    case packetType.pingresp:
      return packet.length === start ? { type: "pingresp" } : malformed("PINGRESP has a body");
    case packetType.disconnect:
      if (version === 5) return decodeDisconnect(packet, start);
  }
  return { code: reasonCode.protocolError, detail: `unexpected packet type ${packet[0]! >> 4}` };
}

interface Parsed {
  readonly sessionPresent?: boolean;
  readonly messageId?: number;
  readonly properties?: ConnackProperties;
}

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
  if (reason !== 0 && flags !== 0)
    return { code: reasonCode.protocolError, detail: "a refusal with session present" };
  const parsed = parse(packet, form);
  if (!parsed) return malformed("CONNACK");
  const { sessionPresent = false, properties = {} } = parsed;
  return { type: "connack", sessionPresent, code, reason, properties };
}

function decodePuback(packet: Uint8Array, at: number, version: ProtocolVersion): Incoming | FramingError {
  // In 5 the reason code, and the properties after it, may be left out (§3.4.2.1).
  const short = version === 5 && (packet.length === at + 2 || packet.length === at + 3);
  const wrong = short
    ? undefined
    : checkEnd(packetType.puback, packet, at + (version === 5 ? 3 : 2), version);
  if (wrong) return wrong;
  const parsed = parse(packet, version);
  if (!parsed?.messageId) return malformed("PUBACK for packet identifier 0 or with an unknown code");
  const code = packet.length === at + 2 ? 0 : packet[at + 2]!;
  return { type: "puback", packetId: parsed.messageId, code, text: parsed.properties?.reasonString ?? "" };
}

function decodeDisconnect(packet: Uint8Array, at: number): Incoming | FramingError {
  const wrong = packet.length <= at + 1 ? undefined : checkEnd(packetType.disconnect, packet, at + 1, 5);
  if (wrong) return wrong;
  const parsed = parse(packet, 5);
  if (!parsed) return malformed("DISCONNECT with an unknown code");
  const { serverReference, reasonString } = parsed.properties ?? {};
  return { type: "disconnect", code: packet[at] ?? 0, text: serverReference ?? reasonString ?? "" };
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

function parse(packet: Uint8Array, version: ProtocolVersion): Parsed | undefined {
  let parsed: Parsed | undefined;
  let failed = false;
  parser({ protocolVersion: version })
    .on("packet", (value) => {
      parsed = value as Parsed;
    })
    .on("error", () => {
      failed = true;
    })
    .parse(packet);
  return failed ? undefined : parsed;
}

function malformed(detail: string): FramingError {
  return { code: reasonCode.malformedPacket, detail };
}

function whole(encoded: Uint8Array | number): Uint8Array {
  if (typeof encoded === "number") throw new RangeError(`a packet of ${encoded} bytes`);
  return encoded;
}

/** On a host mqtt-packet takes binary fields as Node's Buffer only; this is a view, not a copy. */
function asBuffer(data: Uint8Array): Uint8Array {
  const { Buffer } = globalThis as {
    Buffer?: { from(buffer: ArrayBufferLike, byteOffset: number, length: number): Uint8Array };
  };
  return Buffer ? Buffer.from(data.buffer, data.byteOffset, data.byteLength) : data;
}
