/**
 * Cuts the byte stream into control packets: fixed header and remaining length (§2.1 of both standards).
 * A packet above the limit is refused on its length header, before a byte of it is stored.
 * A state may be continued once: a packet that arrives in parts is collected in place.
 */
import { reasonCode } from "./reason-codes.js";

export type Framing =
  /** `first` is the packet's first byte; `length` what is known of the remaining length so far. */
  | { readonly at: "header"; readonly have: number; readonly first: number; readonly length: number }
  | { readonly at: "body"; readonly packet: Uint8Array; readonly filled: number };

export interface FramingError {
  /** An MQTT 5 reason code for DISCONNECT. */
  readonly code: number;
  readonly detail: string;
}

export interface Framed {
  readonly framing: Framing;
  /** A whole packet with its fixed header; may share the received bytes, so it is valid as long as they are. */
  readonly packet?: Uint8Array;
  /** How many of the bytes were used; call again with the rest. */
  readonly used: number;
  readonly error?: FramingError;
}

const publishType = 3;
/** Of a packet that is no PUBLISH, whatever is allowed: thousands of reason codes or properties are a trick. */
const maxControlBytes = 65_536;

export const atPacketStart: Framing = { at: "header", have: 0, first: 0, length: 0 };

/** The four low bits of the first byte that each packet type must have (§2.1.3, table 2-2); PUBLISH has its own rule. */
const requiredFlags: readonly (number | undefined)[] = [
  undefined,
  0,
  0,
  undefined,
  0,
  0,
  2,
  0,
  2,
  0,
  2,
  0,
  0,
  0,
  0,
  0,
];

/**
 * Takes bytes up to the end of one packet.
 * @param maxPacketBytes the largest packet that will be stored, fixed header included (MQTT 5 §3.1.2.11.4)
 */
export function frame(state: Framing, bytes: Uint8Array, maxPacketBytes: number): Framed {
  return state.at === "header"
    ? readHeader(state, bytes, maxPacketBytes)
    : readBody(state.packet, state.filled, bytes, 0);
}

function readHeader(
  state: Extract<Framing, { at: "header" }>,
  bytes: Uint8Array,
  maxPacketBytes: number,
): Framed {
  let { have, first, length } = state;
  for (let used = 0; used < bytes.length; ) {
    const byte = bytes[used++]!;
    have++;
    if (have === 1) {
      first = byte;
      const error = checkFirst(first);
      if (error) return { framing: atPacketStart, used, error };
      continue;
    }
    length += (byte & 0x7f) * 128 ** (have - 2);
    const most = first >> 4 === publishType ? maxPacketBytes : Math.min(maxPacketBytes, maxControlBytes);
    if (have + length > most) return tooLarge(have + length, most, used);
    if (byte & 0x80) {
      if (have === 5) return malformed("the remaining length has more than four bytes", used);
      continue;
    }
    // [MQTT-1.5.5-1]: the shortest form only.
    if (byte === 0 && have > 2) return malformed("the remaining length is not in its shortest form", used);
    return startBody(first, length, have, bytes, used);
  }
  return { framing: { at: "header", have, first, length }, used: bytes.length };
}

function startBody(first: number, length: number, have: number, bytes: Uint8Array, used: number): Framed {
  // The usual case needs no copy: the whole packet lies in what was received.
  if (used >= have && bytes.length - used >= length)
    return {
      framing: atPacketStart,
      packet: bytes.subarray(used - have, used + length),
      used: used + length,
    };
  const packet = new Uint8Array(have + length);
  packet[0] = first;
  for (let i = 1, rest = length; i < have; i++, rest >>>= 7) packet[i] = i < have - 1 ? rest | 0x80 : rest;
  return readBody(packet, have, bytes, used);
}

function readBody(packet: Uint8Array, filled: number, bytes: Uint8Array, from: number): Framed {
  const count = Math.min(packet.length - filled, bytes.length - from);
  packet.set(bytes.subarray(from, from + count), filled);
  const used = from + count;
  if (filled + count === packet.length) return { framing: atPacketStart, packet, used };
  return { framing: { at: "body", packet, filled: filled + count }, used };
}

/** Checks a packet's first byte. */
export function checkFirst(first: number): FramingError | undefined {
  const type = first >> 4;
  const flags = first & 15;
  if (type === 0) return { code: reasonCode.malformedPacket, detail: "packet type 0 is reserved" };
  const required = requiredFlags[type];
  // PUBLISH: not both QoS bits [MQTT-3.3.1-4], DUP not with QoS 0 [MQTT-3.3.1-2].
  const wrong = required === undefined ? (flags & 6) === 6 || (flags & 14) === 8 : flags !== required;
  return wrong
    ? { code: reasonCode.malformedPacket, detail: `packet type ${type} with flags ${flags}` }
    : undefined;
}

function malformed(detail: string, used: number): Framed {
  return { framing: atPacketStart, used, error: { code: reasonCode.malformedPacket, detail } };
}

function tooLarge(size: number, limit: number, used: number): Framed {
  const detail = `a packet of at least ${size} bytes, the limit is ${limit}`;
  return { framing: atPacketStart, used, error: { code: reasonCode.packetTooLarge, detail } };
}
