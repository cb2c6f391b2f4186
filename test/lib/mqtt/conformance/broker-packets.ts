/** Packets of a broker, in hex, as a script's `receive` takes them; made with no code of lib. */
import type { Version } from "./brokers-eye.js";

export function connack(
  version: Version,
  {
    present = false,
    code = 0,
    properties = "",
  }: { present?: boolean; code?: number; properties?: string } = {},
): string {
  const head = byte(present ? 1 : 0) + byte(code);
  return packet(0x20, version === 5 ? head + prefixed(properties) : head);
}

export interface FromBroker {
  readonly topic?: string;
  /** In hex. */
  readonly payload?: string;
  readonly qos?: number;
  readonly packetId?: number;
  readonly dup?: boolean;
  readonly retain?: boolean;
  /** In hex, without their length; MQTT 5. */
  readonly properties?: string;
}

export function publish(version: Version, message: FromBroker = {}): string {
  const { topic = "c/d", payload = "3031", qos = 0, packetId = 1, properties = "" } = message;
  const first = 0x30 | (message.dup ? 8 : 0) | (qos << 1) | (message.retain ? 1 : 0);
  const body = text(topic) + (qos > 0 ? two(packetId) : "") + (version === 5 ? prefixed(properties) : "");
  return packet(first, body + payload);
}

const acks = { puback: 0x40, pubrec: 0x50, pubrel: 0x62, pubcomp: 0x70 } as const;

export function ack(type: keyof typeof acks, packetId: number, code = 0): string {
  return packet(acks[type], two(packetId) + (code ? byte(code) : ""));
}

export function suback(version: Version, packetId: number, ...codes: number[]): string {
  return packet(0x90, two(packetId) + (version === 5 ? "00" : "") + codes.map(byte).join(""));
}

export function unsuback(version: Version, packetId: number, ...codes: number[]): string {
  return packet(0xb0, two(packetId) + (version === 5 ? `00${codes.map(byte).join("")}` : ""));
}

export const pingresp = "d000";

export function disconnect(code: number, properties = ""): string {
  return packet(0xe0, byte(code) + prefixed(properties));
}

export function auth(code: number, method: string, data?: string): string {
  const properties = `15${text(method)}${data === undefined ? "" : `16${two(data.length / 2)}${data}`}`;
  return packet(0xf0, byte(code) + prefixed(properties));
}

/** A packet of this first byte and body. */
export function packet(first: number, body: string): string {
  return byte(first) + variable(body.length / 2) + body;
}

/** ASCII only. */
export function text(value: string): string {
  return two(value.length) + [...value].map((one) => byte(one.charCodeAt(0))).join("");
}

export function byte(value: number): string {
  return value.toString(16).padStart(2, "0");
}

export function two(value: number): string {
  return value.toString(16).padStart(4, "0");
}

export function four(value: number): string {
  return value.toString(16).padStart(8, "0");
}

function prefixed(properties: string): string {
  return variable(properties.length / 2) + properties;
}

function variable(value: number): string {
  return value < 128 ? byte(value) : byte((value & 127) | 128) + variable(value >> 7);
}
