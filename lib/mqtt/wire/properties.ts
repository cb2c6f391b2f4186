/**
 * Walks the properties of a packet from the broker (MQTT 5 §2.2.2) and checks their form: identifiers known
 * and allowed in the packet, none twice, values complete and in range, strings well-formed. mqtt-packet
 * gives their values afterwards; it checks none of this. Nothing is allocated.
 */
import { malformed, protocolError } from "./errors.js";
import type { FramingError } from "./framing.js";
import { reasonCode } from "./reason-codes.js";
import { isText } from "./text.js";

/** Packet types as in the fixed header, §2.1.2. */
export const packetType = {
  connack: 2,
  publish: 3,
  puback: 4,
  pubrec: 5,
  pubrel: 6,
  pubcomp: 7,
  suback: 9,
  unsuback: 11,
  pingresp: 13,
  disconnect: 14,
  auth: 15,
} as const;

// Sets of packet types, a bit for each.
const connack = 1 << packetType.connack;
const publish = 1 << packetType.publish;
const disconnect = 1 << packetType.disconnect;
const auth = 1 << packetType.auth;
/** PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK and UNSUBACK too: all that have a reason code. */
const withReason = connack | 0b1010_1111_0000 | disconnect | auth;

/** What a broker may send (table 2-4): by identifier, in which packets. */
const places: Readonly<Record<number, number>> = {
  1: publish, // payload format indicator
  2: publish, // message expiry interval
  3: publish, // content type
  8: publish, // response topic
  9: publish, // correlation data
  11: publish, // subscription identifier
  17: connack, // session expiry interval; not in the broker's DISCONNECT [MQTT-3.14.2-2]
  18: connack, // assigned client identifier
  19: connack, // server keep alive
  21: connack | auth, // authentication method
  22: connack | auth, // authentication data
  26: connack, // response information
  28: connack | disconnect, // server reference
  31: withReason, // reason string
  33: connack, // receive maximum
  34: connack, // topic alias maximum
  35: publish, // topic alias
  36: connack, // maximum QoS
  37: connack, // retain available
  38: withReason | publish, // user property
  39: connack, // maximum packet size
  40: connack, // wildcard subscription available
  41: connack, // subscription identifiers available
  42: connack, // shared subscription available
};

/**
 * Checks the property length at `at` and the properties after it.
 * @param end where the packet ends
 * @returns the index after the properties, or what is wrong
 */
export function checkProperties(
  type: number,
  packet: Uint8Array,
  at: number,
  end: number,
): number | FramingError {
  const length = variableInteger(packet, at, end);
  if (!length) return malformed("the property length is cut off or too long");
  const stop = length.next + length.value;
  if (stop > end) return malformed("the properties are cut off");
  // Identifiers are below 64: two masks of 32 bits remember which were seen.
  let seenLow = 0;
  let seenHigh = 0;
  for (let next = length.next; next < stop; ) {
    const id = packet[next++]!;
    if (!((places[id] ?? 0) & (1 << type))) return malformed(`property ${id} in packet type ${type}`);
    const bit = 1 << (id & 31);
    const seen = id < 32 ? seenLow & bit : seenHigh & bit;
    // Only subscription identifiers and user properties.
    if (seen && id !== 11 && id !== 38) return protocolError(`property ${id} twice`);
    if (id < 32) seenLow |= bit;
    else seenHigh |= bit;
    const value = checkValue(id, packet, next, stop);
    if (typeof value !== "number") return value;
    next = value;
  }
  return stop;
}

function checkValue(id: number, packet: Uint8Array, at: number, end: number): number | FramingError {
  switch (id) {
    case 1:
    case 36:
    case 37:
    case 40:
    case 41:
    case 42:
      if (at + 1 > end) return cutOff(id);
      return packet[at]! > 1 ? protocolError(`property ${id} is ${packet[at]}, not 0 or 1`) : at + 1;
    case 19:
    case 34:
      return at + 2 > end ? cutOff(id) : at + 2;
    case 33:
      return at + 2 > end ? cutOff(id) : allZero(packet, at, 2) ? zero(id) : at + 2;
    case 35:
      if (at + 2 > end) return cutOff(id);
      // §3.3.4 has a code of its own for it.
      if (allZero(packet, at, 2)) return { code: reasonCode.topicAliasInvalid, detail: "topic alias 0" };
      return at + 2;
    case 2:
    case 17:
      return at + 4 > end ? cutOff(id) : at + 4;
    case 39:
      return at + 4 > end ? cutOff(id) : allZero(packet, at, 4) ? zero(id) : at + 4;
    case 11: {
      const integer = variableInteger(packet, at, end);
      if (!integer) return cutOff(id);
      return integer.value === 0 ? zero(id) : integer.next;
    }
    case 38: {
      const name = checkText(id, packet, at, end);
      return typeof name === "number" ? checkText(id, packet, name, end) : name;
    }
    case 9:
    case 22:
      return afterPrefixed(packet, at, end) ?? cutOff(id);
    default:
      return checkText(id, packet, at, end);
  }
}

function checkText(id: number, packet: Uint8Array, at: number, end: number): number | FramingError {
  const next = afterPrefixed(packet, at, end);
  if (next === undefined) return cutOff(id);
  return isText(packet, at + 2, next) ? next : malformed(`property ${id} is not well-formed UTF-8`);
}

/**
 * Calls back with each property's identifier and where its value lies.
 * @param at the property length, of properties that `checkProperties` has accepted
 */
export function forEachProperty(
  packet: Uint8Array,
  at: number,
  take: (id: number, start: number, end: number) => void,
): void {
  const { value, next } = variableInteger(packet, at, packet.length)!;
  const stop = next + value;
  for (let start = next; start < stop; ) {
    const id = packet[start++]!;
    const end = checkValue(id, packet, start, stop) as number;
    take(id, start, end);
    start = end;
  }
}

/** The index after bytes with a two-byte length before them. */
export function afterPrefixed(packet: Uint8Array, at: number, end: number): number | undefined {
  if (at + 2 > end) return undefined;
  const next = at + 2 + ((packet[at]! << 8) | packet[at + 1]!);
  return next > end ? undefined : next;
}

/** A variable byte integer in its shortest form (§1.5.5). */
export function variableInteger(
  packet: Uint8Array,
  at: number,
  end: number,
): { value: number; next: number } | undefined {
  for (let count = 0, value = 0; count < 4 && at + count < end; count++) {
    const byte = packet[at + count]!;
    value += (byte & 0x7f) * 128 ** count;
    if (byte & 0x80) continue;
    return byte === 0 && count > 0 ? undefined : { value, next: at + count + 1 };
  }
  return undefined;
}

function allZero(packet: Uint8Array, at: number, count: number): boolean {
  for (let i = at; i < at + count; i++) if (packet[i] !== 0) return false;
  return true;
}

function cutOff(id: number): FramingError {
  return malformed(`property ${id} is cut off`);
}

function zero(id: number): FramingError {
  return protocolError(`property ${id} is 0`);
}
