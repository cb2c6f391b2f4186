/**
 * Reads the values of a packet whose bytes were checked completely: most by mqtt-packet, some here. `at` is always
 * where the property length is.
 */
/// <reference path="./mqtt-packet.d.ts" />
import { parser } from "mqtt-packet";
import { utf8Decode } from "../../cbor/utf8.js";
import type { UserProperties } from "./packet-types.js";
import { afterPrefixed, forEachProperty, variableInteger } from "./properties.js";
import type { ProtocolVersion } from "./reason-codes.js";

export const reasonString = 31;
export const serverReference = 28;
export const userProperty = 38;

export interface ParsedProperties {
  readonly authenticationMethod?: string;
  /** As the next a view of the packet. */
  readonly authenticationData?: Uint8Array;
  readonly correlationData?: Uint8Array;
  readonly responseTopic?: string;
  readonly subscriptionIdentifier?: number | readonly number[];
  readonly topicAlias?: number;
}

interface Parsed {
  readonly topic?: string;
  readonly properties?: ParsedProperties;
}

export interface ParsedPacket {
  readonly topic: string;
  readonly properties: ParsedProperties;
  readonly userProperties: UserProperties | undefined;
}

/**
 * Reads a packet of `version`.
 * @param body where the remaining length ends
 * @param at ignored in 3.1.1
 * @returns undefined for what mqtt-packet does not take
 */
export function parse(
  packet: Uint8Array,
  version: ProtocolVersion,
  body: number,
  at: number,
): ParsedPacket | undefined {
  const pairs = version === 5 ? userProperties(packet, at) : undefined;
  let parsed: Parsed | undefined;
  parser({ protocolVersion: version })
    .on("packet", (value) => {
      parsed = value;
    })
    .on("error", () => {})
    .parse(pairs ? withoutUserProperties(packet, body, at) : packet);
  return parsed && { topic: "", properties: {}, ...(parsed as Parsed), userProperties: pairs };
}

/** Properties under this project's names; those without one are left out. */
export function renamed(properties: ParsedProperties, names: Readonly<Record<string, string>>): object {
  const result: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(properties)) {
    const own = names[name];
    if (own !== undefined) result[own] = value;
  }
  return result;
}

/** Bytes of the receiver's own; `slice` of Node's Buffer would be a view. */
export function copy(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

/** A property whose value is text, undefined without it. */
export function textProperty(packet: Uint8Array, at: number, wanted: number): string | undefined {
  let text: string | undefined;
  forEachProperty(packet, at, (id, start, end) => {
    if (id === wanted) text = textAt(packet, start, end);
  });
  return text;
}

/**
 * The user properties in their order. mqtt-packet sorts them by name, and forgets an empty value when its name
 * comes again.
 */
function userProperties(packet: Uint8Array, at: number): UserProperties | undefined {
  let pairs: [string, string][] | undefined;
  forEachProperty(packet, at, (id, start, end) => {
    if (id !== userProperty) return;
    const middle = afterPrefixed(packet, start, end)!;
    pairs ??= [];
    pairs.push([textAt(packet, start, middle), textAt(packet, middle, end)]);
  });
  return pairs;
}

/**
 * A copy of the packet up to the end of its properties, without user properties. mqtt-packet makes each of their names,
 * which anybody can choose, the key of an object; XS never frees a key, so a board's memory would run out.
 * @param body where the remaining length ends
 */
function withoutUserProperties(packet: Uint8Array, body: number, at: number): Uint8Array {
  const { value, next } = variableInteger(packet, at, packet.length)!;
  const result = new Uint8Array(packet.subarray(0, next + value));
  let size = next;
  forEachProperty(packet, at, (id, start, end) => {
    if (id === userProperty) return;
    // The identifier is the byte before the value.
    result.copyWithin(size, start - 1, end);
    size += end - start + 1;
  });
  writeLength(result, 1, body, size - body);
  writeLength(result, at, next, size - next);
  return result.subarray(0, size);
}

/** In as many bytes as were there: mqtt-packet does not ask for the shortest form. */
function writeLength(target: Uint8Array, start: number, end: number, length: number): void {
  for (let at = start, rest = length; at < end; at++, rest >>>= 7)
    target[at] = (rest & 0x7f) | (at < end - 1 ? 0x80 : 0);
}

function textAt(packet: Uint8Array, start: number, end: number): string {
  return utf8Decode(packet.subarray(start + 2, end));
}
