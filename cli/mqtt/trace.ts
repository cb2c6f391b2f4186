/**
 * What a packet says, in one line for `-d`: its type and what identifies it. Never the password, never a payload.
 * Reads either direction's packets, and trusts none: what it cannot read it leaves out.
 */
import type { SessionOptions } from "../../lib/mqtt/session-options.js";
import { atPacketStart, type Framing, frame } from "../../lib/mqtt/wire/framing.js";
import { connackReason, type ProtocolVersion, reasonName } from "../../lib/mqtt/wire/reason-codes.js";
import { printableLine } from "./printable.js";

const names: readonly string[] = [
  "reserved",
  "CONNECT",
  "CONNACK",
  "PUBLISH",
  "PUBACK",
  "PUBREC",
  "PUBREL",
  "PUBCOMP",
  "SUBSCRIBE",
  "SUBACK",
  "UNSUBSCRIBE",
  "UNSUBACK",
  "PINGREQ",
  "PINGRESP",
  "DISCONNECT",
  "AUTH",
];

/** Reads a packet's fields; past its end it throws RangeError, as DataView does. */
class Reader {
  readonly #bytes: Buffer;
  at = 0;

  constructor(packet: Uint8Array) {
    this.#bytes = Buffer.from(packet.buffer, packet.byteOffset, packet.byteLength);
  }

  get left(): number {
    return this.#bytes.length - this.at;
  }

  byte(): number {
    return this.#bytes.readUInt8(this.at++);
  }

  u16(): number {
    this.at += 2;
    return this.#bytes.readUInt16BE(this.at - 2);
  }

  /** §1.5.5. */
  length(): number {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) << shift;
      if ((byte & 0x80) === 0) return value;
    }
    throw new RangeError("length");
  }

  text(): string {
    const length = this.u16();
    if (length > this.left) throw new RangeError("text");
    this.at += length;
    return `"${printableLine(this.#bytes.toString("utf8", this.at - length, this.at))}"`;
  }

  /** MQTT 5's properties, when the version has them. */
  skipProperties(version: ProtocolVersion): void {
    if (version === 4) return;
    const length = this.length();
    this.at += length;
  }
}

/** @returns e.g. `PUBLISH 7, "a/b", QoS 1, 12 bytes` */
export function describePacket(packet: Uint8Array, version: ProtocolVersion): string {
  const first = packet[0] ?? 0;
  const name = names[first >> 4]!;
  const parts: string[] = [];
  try {
    const reader = new Reader(packet);
    reader.byte();
    reader.length();
    fields(name, first & 15, reader, version, parts);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    parts.push("cut short");
  }
  const [head, ...rest] = parts;
  return head === undefined
    ? name
    : [/^\d/.test(head) ? `${name} ${head}` : `${name}, ${head}`, ...rest].join(", ");
}

function fields(
  name: string,
  flags: number,
  reader: Reader,
  version: ProtocolVersion,
  parts: string[],
): void {
  switch (name) {
    case "CONNECT":
      connect(reader, parts);
      return;
    case "CONNACK": {
      const present = reader.byte() & 1;
      const code = reader.byte();
      parts.push(
        reason(connackReason(version, code) ?? code, code),
        `session ${present ? "" : "not "}present`,
      );
      return;
    }
    case "PUBLISH": {
      const topic = reader.text();
      const qos = (flags >> 1) & 3;
      if (qos > 0) parts.push(`${reader.u16()}`);
      reader.skipProperties(version);
      parts.push(topic, `QoS ${qos}`);
      if (flags & 1) parts.push("retain");
      if (flags & 8) parts.push("duplicate");
      parts.push(`${reader.left} bytes`);
      return;
    }
    case "SUBSCRIBE":
    case "UNSUBSCRIBE":
      parts.push(`${reader.u16()}`);
      reader.skipProperties(version);
      while (reader.left > 0) {
        const filter = reader.text();
        parts.push(name === "SUBSCRIBE" ? `${filter} QoS ${reader.byte() & 3}` : filter);
      }
      return;
    case "SUBACK":
    case "UNSUBACK":
      parts.push(`${reader.u16()}`);
      reader.skipProperties(version);
      while (reader.left > 0) parts.push(granted(name, reader.byte()));
      return;
    case "DISCONNECT":
    case "AUTH":
      if (reader.left > 0) parts.push(reason(reader.byte()));
      return;
    case "PINGREQ":
    case "PINGRESP":
      return;
    default:
      parts.push(`${reader.u16()}`);
      if (reader.left > 0) parts.push(reason(reader.byte()));
  }
}

/** §3.1.2. */
function connect(reader: Reader, parts: string[]): void {
  reader.text();
  const version = reader.byte() === 5 ? 5 : 4;
  const flags = reader.byte();
  const keepAlive = reader.u16();
  reader.skipProperties(version);
  parts.push(`MQTT ${version === 5 ? "5" : "3.1.1"}`, `client id ${reader.text()}`);
  parts.push(`clean ${version === 5 ? "start" : "session"} ${(flags >> 1) & 1}`, `keep alive ${keepAlive} s`);
  if (flags & 4) parts.push(`will at QoS ${(flags >> 3) & 3}`);
  if (flags & 0x80) parts.push("user name");
  if (flags & 0x40) parts.push("password");
}

function reason(code: number, sent = code): string {
  return `${reasonName(code)} (${sent})`;
}

function granted(name: string, code: number): string {
  if (name === "UNSUBACK" || code >= 128) return reason(code);
  return `granted QoS ${code}`;
}

/** Cuts a direction's bytes into packets, and hands on the line of each. */
export class PacketTrace {
  #framing: Framing = atPacketStart;
  readonly #print: (line: string) => void;
  readonly #version: ProtocolVersion;
  readonly #maxPacketBytes: number;

  /** As the session's options; what is larger is not collected, and ends the trace. */
  constructor(
    print: (line: string) => void,
    { version = 5, maxPacketBytes = 1024 }: Pick<SessionOptions, "version" | "maxPacketBytes">,
  ) {
    this.#print = print;
    this.#version = version;
    this.#maxPacketBytes = maxPacketBytes;
  }

  bytes(bytes: Uint8Array): void {
    for (let rest = bytes; rest.length > 0; ) {
      const { framing, packet, used, error } = frame(this.#framing, rest, this.#maxPacketBytes);
      if (error) return;
      this.#framing = framing;
      if (packet) this.#print(describePacket(packet, this.#version));
      rest = rest.subarray(used);
    }
  }
}
