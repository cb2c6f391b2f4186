/**
 * What a client sends, as a broker that lets nothing pass reads it: every rule of form of chapters 2 and 3 is checked,
 * with no code of lib. A packet that breaks one throws, so a script fails on it whatever it looks for.
 */
import { hex } from "../../../device/harness.js";
import { ByteReader } from "./byte-reader.js";

export type Version = 4 | 5;

export type Properties = ReadonlyMap<number, readonly PropertyValue[]>;
export type PropertyValue = number | string | readonly [string, string];

export interface ConnectFields {
  readonly flags: number;
  readonly keepAliveSeconds: number;
  readonly clientId: string;
  readonly properties: Properties;
  readonly will: WillFields | undefined;
  readonly userName: string | undefined;
  /** In hex. */
  readonly password: string | undefined;
}

export interface WillFields {
  readonly qos: number;
  readonly retain: boolean;
  readonly topic: string;
  readonly payload: string;
  readonly properties: Properties;
}

export interface Seen {
  readonly name: string;
  /** `PUBLISH QoS1 #1 a/b 6869`, `PUBREL #1`, `SUBSCRIBE #2 a/+:1`, … */
  readonly line: string;
  readonly packetId: number;
  readonly properties: Properties;
  readonly connect?: ConnectFields;
}

/** Where a property may stand in what a client sends, and whether it may be repeated; §2.2.2.2. */
const allowed: Readonly<Record<string, readonly number[]>> = {
  CONNECT: [17, 21, 22, 23, 25, 33, 34, 38, 39],
  WILL: [1, 2, 3, 8, 9, 24, 38],
  PUBLISH: [1, 2, 3, 8, 9, 35, 38], // and never 11 [MQTT-3.3.4-6]
  PUBACK: [31, 38],
  PUBREC: [31, 38],
  PUBREL: [31, 38],
  PUBCOMP: [31, 38],
  SUBSCRIBE: [11, 38],
  UNSUBSCRIBE: [38],
  DISCONNECT: [17, 31, 38],
  AUTH: [21, 22, 31, 38],
};

const twoBytes = [33, 34, 35];
const fourBytes = [2, 17, 24, 39];
const bits = [1, 23, 25];
const never0 = [11, 33, 35, 39];
const bytes = [9, 22];

/** The reason codes a client may send, by packet. */
const reasons: Readonly<Record<string, readonly number[]>> = {
  PUBACK: [0, 16, 128, 131, 135, 144, 145, 151, 153],
  PUBREC: [0, 16, 128, 131, 135, 144, 145, 151, 153],
  PUBREL: [0, 146],
  PUBCOMP: [0, 146],
  DISCONNECT: [0, 4, 128, 129, 130, 131, 144, 147, 148, 149, 150, 151, 152, 153],
  AUTH: [24, 25],
};

/** Name and low bits by packet type; undefined: a client never sends it. */
const types: readonly (readonly [string, number] | undefined)[] = [
  undefined,
  ["CONNECT", 0],
  undefined,
  ["PUBLISH", 0],
  ["PUBACK", 0],
  ["PUBREC", 0],
  ["PUBREL", 2],
  ["PUBCOMP", 0],
  ["SUBSCRIBE", 2],
  undefined,
  ["UNSUBSCRIBE", 2],
  undefined,
  ["PINGREQ", 0],
  undefined,
  ["DISCONNECT", 0],
  ["AUTH", 0],
];

/** @throws {Error} for what a broker would close the connection for */
export function look(packet: Uint8Array, version: Version): Seen {
  const reader = new ByteReader(packet);
  const first = reader.byte();
  const length = reader.variable();
  const body = reader.part(length);
  if (!reader.done) throw new Error(`bytes after the packet: ${hex(packet)}`);
  const [name, low] = types[first >> 4] ?? [];
  if (!name) throw new Error(`a client sends no packet of type ${first >> 4}`);
  if (name !== "PUBLISH" && (first & 15) !== low) throw new Error(`${name} with low bits ${first & 15}`);
  const seen = fields(name, first, body, version);
  if (!body.done) throw new Error(`${name} has bytes after its end`);
  return seen;
}

function fields(name: string, first: number, body: ByteReader, version: Version): Seen {
  switch (name) {
    case "CONNECT":
      return connect(body, version);
    case "PUBLISH":
      return publish(first, body, version);
    case "SUBSCRIBE":
    case "UNSUBSCRIBE":
      return filters(name, body, version);
    case "PINGREQ":
      return { name, line: name, packetId: 0, properties: new Map() };
    case "DISCONNECT":
    case "AUTH":
      return withReason(name, 0, body, version);
    default:
      return withReason(name, packetIdentifier(body), body, version);
  }
}

function connect(body: ByteReader, version: Version): Seen {
  if (body.text() !== "MQTT") throw new Error("CONNECT with another protocol name");
  if (body.byte() !== version) throw new Error("CONNECT with another protocol version");
  const flags = body.byte();
  const willQoS = (flags >> 3) & 3;
  if (flags & 1) throw new Error("CONNECT with its reserved flag");
  if (willQoS === 3) throw new Error("CONNECT with will QoS 3");
  if (!(flags & 4) && flags & 0x38) throw new Error("CONNECT with will QoS or retain and no will");
  if (version === 4 && (flags & 0xc0) === 0x40) throw new Error("CONNECT with a password and no user name");
  const keepAliveSeconds = body.two();
  const properties = read("CONNECT", body, version);
  const clientId = body.text();
  if (version === 4 && clientId === "" && !(flags & 2)) throw new Error("no client id for a session to keep");
  const will = flags & 4 ? willOf(body, version, willQoS, (flags & 32) !== 0) : undefined;
  const userName = flags & 128 ? body.text() : undefined;
  const password = flags & 64 ? hex(body.binary()) : undefined;
  if (properties.has(22) && !properties.has(21)) throw new Error("authentication data without a method");
  const fields = { flags, keepAliveSeconds, clientId, properties, will, userName, password };
  return { name: "CONNECT", line: "CONNECT", packetId: 0, properties, connect: fields };
}

function willOf(body: ByteReader, version: Version, qos: number, retain: boolean): WillFields {
  const properties = read("WILL", body, version);
  const topic = topicName(body.text());
  return { qos, retain, topic, payload: hex(body.binary()), properties };
}

function publish(first: number, body: ByteReader, version: Version): Seen {
  const qos = (first >> 1) & 3;
  const duplicate = (first & 8) !== 0;
  if (qos === 3) throw new Error("PUBLISH with both QoS bits");
  if (qos === 0 && duplicate) throw new Error("PUBLISH with DUP at QoS 0");
  const topic = body.text();
  const packetId = qos > 0 ? packetIdentifier(body) : 0;
  const properties = read("PUBLISH", body, version);
  const alias = properties.get(35)?.[0];
  if (topic !== "" || alias === undefined) topicName(topic);
  const line = [
    "PUBLISH",
    ...(duplicate ? ["DUP"] : []),
    `QoS${qos}`,
    ...(first & 1 ? ["RETAIN"] : []),
    ...(packetId ? [`#${packetId}`] : []),
    ...(alias === undefined ? [] : [`alias${String(alias)}`]),
    topic,
    hex(body.rest()),
  ];
  return { name: "PUBLISH", line: line.join(" "), packetId, properties };
}

function filters(name: "SUBSCRIBE" | "UNSUBSCRIBE", body: ByteReader, version: Version): Seen {
  const packetId = packetIdentifier(body);
  const properties = read(name, body, version);
  const list: string[] = [];
  while (!body.done) {
    const filter = topicFilter(body.text(), version);
    list.push(name === "SUBSCRIBE" ? `${filter}:${options(body.byte(), filter, version)}` : filter);
  }
  if (list.length === 0) throw new Error(`${name} without a topic filter`);
  return { name, line: `${name} #${packetId} ${list.join(" ")}`, packetId, properties };
}

/** The QoS in 3.1.1, all subscription options in 5; as a number. */
function options(byte: number, filter: string, version: Version): number {
  const reserved = version === 4 ? 0xfc : 0xc0;
  if (byte & reserved || (byte & 3) === 3 || (byte & 0x30) === 0x30)
    throw new Error(`subscription options ${byte}`);
  if (byte & 4 && filter.startsWith("$share/")) throw new Error("no local on a shared subscription");
  return byte;
}

function withReason(name: string, packetId: number, body: ByteReader, version: Version): Seen {
  const code = version === 5 && !body.done ? body.byte() : 0;
  if (!reasons[name]?.includes(code) && version === 5) throw new Error(`${name} with reason code ${code}`);
  const properties = version === 5 && !body.done ? read(name, body, version) : new Map();
  if (name === "AUTH" && (version === 4 || !properties.has(21))) throw new Error("AUTH without a method");
  const words = [name, ...(packetId ? [`#${packetId}`] : []), ...(code ? [String(code)] : [])];
  return { name, line: words.join(" "), packetId, properties };
}

function read(name: string, body: ByteReader, version: Version): Properties {
  const found = new Map<number, PropertyValue[]>();
  if (version === 4) return found;
  const part = body.part(body.variable());
  while (!part.done) {
    const id = part.variable();
    if (!allowed[name]?.includes(id)) throw new Error(`${name} with property ${id}`);
    if (id !== 38 && found.has(id)) throw new Error(`${name} with property ${id} twice`);
    const value = property(id, part);
    if (value === 0 && never0.includes(id)) throw new Error(`${name} with property ${id} of 0`);
    if (bits.includes(id) && Number(value) > 1) throw new Error(`${name} with property ${id} of ${value}`);
    if (id === 8) topicName(String(value));
    found.set(id, [...(found.get(id) ?? []), value]);
  }
  return found;
}

function property(id: number, part: ByteReader): PropertyValue {
  if (bits.includes(id)) return part.byte();
  if (twoBytes.includes(id)) return part.two();
  if (fourBytes.includes(id)) return part.four();
  if (bytes.includes(id)) return hex(part.binary());
  if (id === 11) return part.variable();
  return id === 38 ? [part.text(), part.text()] : part.text();
}

function packetIdentifier(body: ByteReader): number {
  const packetId = body.two();
  if (packetId === 0) throw new Error("packet identifier 0");
  return packetId;
}

function topicName(topic: string): string {
  if (topic === "" || /[+#]/.test(topic)) throw new Error(`a topic name "${topic}"`);
  return topic;
}

function topicFilter(filter: string, version: Version): string {
  const shared = version === 5 && filter.startsWith("$share/");
  const plain = shared ? /^\$share\/[^/+#]+\/(.+)$/.exec(filter)?.[1] : filter;
  const levels = plain?.split("/") ?? [];
  const wrong = levels.some(
    (level, i) => (level.length > 1 && /[+#]/.test(level)) || (level === "#" && i < levels.length - 1),
  );
  if (!plain || wrong) throw new Error(`a topic filter "${filter}"`);
  return filter;
}
