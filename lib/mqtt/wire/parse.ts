/** mqtt-packet's parser, for one packet whose bytes were checked completely, and its names for properties. */
/// <reference path="./mqtt-packet.d.ts" />
import { parser } from "mqtt-packet";
import type { UserProperties } from "./packet-types.js";
import { userProperties, withoutUserProperties } from "./property-values.js";
import type { ProtocolVersion } from "./reason-codes.js";

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
 * @param at where the property length is, in MQTT 5
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
