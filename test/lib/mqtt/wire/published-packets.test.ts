/** mqtt-packet's own published test packets: what a broker sends through the decoder, what a client sends written again. */
/// <reference path="../../../../lib/mqtt/wire/mqtt-packet.d.ts" />
import { parser } from "mqtt-packet";
import { decode } from "../../../../lib/mqtt/wire/decode.js";
import {
  encodeAck,
  encodeAuth,
  encodeConnect,
  encodePublish,
  encodeSubscribe,
  encodeUnsubscribe,
} from "../../../../lib/mqtt/wire/encode.js";
import { atPacketStart, frame } from "../../../../lib/mqtt/wire/framing.js";
import { encode } from "../../../../lib/mqtt/wire/packet-sink.js";
import type { Connect, Incoming, QoS, UserProperties } from "../../../../lib/mqtt/wire/packet-types.js";
import { bytes, equal, fromHex, hex, ok, type Platform, test } from "../../../device/harness.js";

interface Row {
  readonly name: string;
  readonly version: 3 | 4 | 5;
  readonly from: "client" | "broker" | "both";
  readonly valid: boolean;
  readonly packet: string;
}

/** mqtt-packet reads them, the standard excludes them. */
const beyondTheStandard = [
  // MQTT 5 has a property length in every CONNACK (§3.2.2.3.1).
  "Version 5 CONNACK test 1",
  "Version 5 CONNACK test 2",
  // Maximum QoS 2, where only 0 and 1 may be (§3.2.2.3.4).
  "connack MQTT 5 with properties",
  "connack MQTT 5 with properties and doubled user properties",
];

const any = 1 << 20;

function rows(platform: Platform): readonly Row[] {
  return (platform.vectors("mqtt-packet/packets") as { packets: readonly Row[] }).packets;
}

type Fields = Record<string, unknown>;

/** What mqtt-packet makes of it. */
function parse(packet: Uint8Array, protocolVersion: 4 | 5): Fields {
  let parsed: Fields | undefined;
  parser({ protocolVersion })
    .on("packet", (value) => {
      parsed = value as Fields;
    })
    .parse(packet);
  ok(parsed, "mqtt-packet reads it");
  return parsed;
}

test("what a broker may send is read, except four packets that MQTT 5 does not have", (platform) => {
  const refused: string[] = [];
  let count = 0;
  for (const { name, version, from, valid, packet } of rows(platform)) {
    if (!valid || from === "client" || version === 3) continue;
    count++;
    const result = decode(fromHex(packet), version);
    if (!("type" in result)) {
      refused.push(name);
      continue;
    }
    equal(result.type, parse(fromHex(packet), version).cmd, name);
    again(result, version, packet, name);
  }
  equal(refused, beyondTheStandard);
  ok(count > 35, `${count} packets`);
});

test("the same CONNACKs with maximum QoS 1 are read", (platform) => {
  for (const { name, packet } of rows(platform)) {
    if (!name.startsWith("connack MQTT 5")) continue;
    const result = decode(fromHex(packet.replace("2402", "2401")), 5);
    ok("type" in result && result.type === "connack", name);
    equal(result.properties.maximumQoS, 1);
    equal(result.properties.authentication, { method: "test", data: fromHex("01020304") });
    equal(result.properties.userProperties?.length, name.endsWith("doubled user properties") ? 2 : 1);
  }
});

/** What a client may send too is written again to the same bytes. */
function again(read: Incoming, version: 4 | 5, packet: string, name: string): void {
  switch (read.type) {
    case "publish": {
      if (read.subscriptionIdentifiers.length > 0) return;
      const written = encodePublish(read, version, any);
      bytes(written as Uint8Array, packet, name);
      return;
    }
    case "puback":
    case "pubrec":
    case "pubrel":
    case "pubcomp": {
      const written = hex(encodeAck(read.type, read.packetId, read.code, version));
      // These two are not in the shortest form, or have properties.
      if (read.code === 0) equal(written, `${packet.slice(0, 2)}02${packet.slice(4, 8)}`, name);
      else if (read.text === "") equal(written, packet, name);
      return;
    }
  }
}

test("what mqtt-packet refuses is refused", (platform) => {
  let count = 0;
  for (const { name, version, valid, packet } of rows(platform)) {
    if (valid) continue;
    count++;
    const framed = frame(atPacketStart, fromHex(packet), 268_435_460);
    if (framed.error) continue;
    // Cut off: there is nothing to read yet.
    if (!framed.packet) continue;
    const result = decode(framed.packet, version === 5 ? 5 : 4);
    ok(!("type" in result), `${name} ${packet}`);
  }
  ok(count > 55, `${count} packets`);
});

test("what a client sends is read and written by mqtt-packet to the same bytes", (platform) => {
  let count = 0;
  for (const { name, version, from, valid, packet } of rows(platform)) {
    if (!valid || from === "broker") continue;
    // Forms that mqtt-packet reads and does not write: a code or property length that may be left out.
    if (/PUBACK test [23]|PUBACK test 2.1|DISCONNECT test [12]/.test(name)) continue;
    count++;
    const protocolVersion = version === 5 ? 5 : 4;
    const parsed = parse(fromHex(packet), protocolVersion);
    bytes(encode(parsed, { protocolVersion }, any) as Uint8Array, packet, name);
  }
  ok(count > 40, `${count} packets`);
});

test("what a client sends is written by this project with the same fields", (platform) => {
  let count = 0;
  for (const { name, version, from, valid, packet } of rows(platform)) {
    if (!valid || from === "broker" || version === 3) continue;
    const parsed = parse(fromHex(packet), version);
    const written = write(parsed, version);
    if (!written) continue;
    count++;
    equal(comparable(parse(written, version)), comparable(parsed), name);
  }
  ok(count >= 10, `${count} packets`);
});

/** Without length and flags, and without what is the standard's default and so left out by one of the two. */
function comparable(parsed: Fields): Fields {
  const { length: _, ...rest } = parsed;
  const trimmed = (properties: unknown) => {
    const left = { ...(properties as Fields) };
    if (left.requestProblemInformation === true) delete left.requestProblemInformation;
    if (left.payloadFormatIndicator === false) delete left.payloadFormatIndicator;
    // This project always tells how large a packet may be.
    delete left.maximumPacketSize;
    return left;
  };
  const will = rest.will as Fields | undefined;
  return {
    ...rest,
    properties: trimmed(rest.properties),
    ...(will && { will: { ...will, properties: trimmed(will.properties) } }),
  };
}

function write(parsed: Fields, version: 4 | 5): Uint8Array | undefined {
  const properties = (parsed.properties ?? {}) as Fields;
  switch (parsed.cmd) {
    case "connect":
      return encodeConnect(connectOf(parsed, version));
    case "subscribe": {
      // This project sends no user properties with it.
      if (properties.userProperties) return undefined;
      const wanted = parsed.subscriptions as { topic: string; qos: QoS }[];
      const subscriptions = wanted.map(({ topic, qos }) => ({ filter: topic, qos }));
      const packetId = parsed.messageId as number;
      return encodeSubscribe({ packetId, subscriptions }, version, any) as Uint8Array;
    }
    case "unsubscribe":
      if (properties.userProperties) return undefined;
      return encodeUnsubscribe(
        parsed.messageId as number,
        parsed.unsubscriptions as string[],
        version,
        any,
      ) as Uint8Array;
    case "auth": {
      if (properties.userProperties) return undefined;
      const method = properties.authenticationMethod as string;
      return encodeAuth(parsed.reasonCode as number, { method });
    }
  }
  return undefined;
}

function connectOf(parsed: Fields, version: 4 | 5): Connect {
  const properties = (parsed.properties ?? {}) as Fields;
  const will = parsed.will as Fields | undefined;
  const willProperties = (will?.properties ?? {}) as Fields;
  const method = properties.authenticationMethod as string | undefined;
  return {
    version,
    clientId: parsed.clientId as string,
    userName: parsed.username as string | undefined,
    password: parsed.password as Uint8Array | undefined,
    keepAliveSeconds: parsed.keepalive as number,
    cleanStart: parsed.clean as boolean,
    will: will && {
      topic: will.topic as string,
      payload: will.payload as Uint8Array,
      qos: will.qos as QoS,
      retain: will.retain as boolean,
      delaySeconds: willProperties.willDelayInterval as number | undefined,
      payloadIsText: willProperties.payloadFormatIndicator as boolean | undefined,
      messageExpirySeconds: willProperties.messageExpiryInterval as number | undefined,
      contentType: willProperties.contentType as string | undefined,
      responseTopic: willProperties.responseTopic as string | undefined,
      correlationData: willProperties.correlationData as Uint8Array | undefined,
      userProperties: pairs(willProperties.userProperties),
    },
    sessionExpirySeconds: (properties.sessionExpiryInterval as number | undefined) ?? 0,
    receiveMaximum: (properties.receiveMaximum as number | undefined) ?? 65535,
    maxPacketBytes: (properties.maximumPacketSize as number | undefined) ?? 1024,
    topicAliasMaximum: (properties.topicAliasMaximum as number | undefined) ?? 0,
    requestResponseInformation: properties.requestResponseInformation === true,
    requestProblemInformation: properties.requestProblemInformation !== false,
    userProperties: pairs(properties.userProperties),
    authentication:
      method === undefined ? undefined : { method, data: properties.authenticationData as Uint8Array },
  };
}

function pairs(userProperties: unknown): UserProperties | undefined {
  if (!userProperties) return undefined;
  const list: [string, string][] = [];
  for (const [name, value] of Object.entries(userProperties as Record<string, string | string[]>))
    for (const one of Array.isArray(value) ? value : [value]) list.push([name, one]);
  return list;
}
