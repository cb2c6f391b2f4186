/**
 * Improv Wi-Fi Serial (improv-wifi.com/serial), version 1, both ends:
 *
 *   "IMPROV" | version 1 | type u8 | length u8 | data | sum of all before, modulo 256 | line feed
 *
 * The line feed is no part of the packet; web pages send it and look for a packet only behind one.
 */
import { utf8Decode, utf8Encode } from "../cbor/utf8.js";

export const improvTypes = { state: 1, error: 2, command: 3, result: 4 } as const;

/** RPC commands. */
export const improvCommands = { wifi: 1, state: 2, info: 3, scan: 4 } as const;

/** `stopped`: this device takes no Wi-Fi settings. */
export const improvStates = { stopped: 0, ready: 2, provisioning: 3, provisioned: 4 } as const;

export const improvErrors = {
  none: 0,
  invalidCommand: 1,
  unknownCommand: 2,
  unableToConnect: 3,
  /** From Improv over Bluetooth: a person has to do something at the board first. */
  notAuthorized: 4,
  unknown: 255,
} as const;

type ImprovState = (typeof improvStates)[keyof typeof improvStates];
export type ImprovError = (typeof improvErrors)[keyof typeof improvErrors];

export interface ImprovPacket {
  readonly type: number;
  readonly data: Uint8Array;
}

/** What a client asks for. */
export type ImprovCommand =
  | { readonly command: 1; readonly ssid: string; readonly password: string }
  | { readonly command: 2 | 3 | 4 };

/** What a device says. A result has strings: the page to go to; what the device is; a network that was seen. */
export type ImprovMessage =
  | { readonly kind: "state"; readonly state: number }
  | { readonly kind: "error"; readonly error: number }
  | { readonly kind: "result"; readonly command: number; readonly strings: readonly string[] };

const magic = [0x49, 0x4d, 0x50, 0x52, 0x4f, 0x56, 1] as const;
const typeAt = 7;
const lengthAt = 8;
const dataAt = 9;
const maxSsidBytes = 32;
const maxPasswordBytes = 64;

/** The byte that packets begin with. */
export const improvFirst = magic[0];

/** Whether the first `length` bytes of `line` begin a packet: all that can be told so far fits. */
export function beginsImprov(line: Uint8Array, length: number): boolean {
  for (let i = 0; i < length && i < typeAt; i++) if (line[i] !== magic[i]) return false;
  if (length <= typeAt) return true;
  const type = line[typeAt]!;
  if (type < improvTypes.state || type > improvTypes.result) return false;
  if (length <= lengthAt) return true;
  const dataBytes = line[lengthAt]!;
  if (type < improvTypes.command) return dataBytes === 1;
  // Command or result, and how long what follows is.
  return dataBytes >= 2 && (length <= dataAt + 1 || line[dataAt + 1] === dataBytes - 2);
}

/** Bytes of the packet that `line` begins with, its checksum included; 0: the first `length` do not tell yet. */
export function improvPacketBytes(line: Uint8Array, length: number): number {
  return length > lengthAt ? dataAt + line[lengthAt]! + 1 : 0;
}

/** @returns undefined when the checksum is wrong; the data is new */
export function readImprovPacket(line: Uint8Array, packetBytes: number): ImprovPacket | undefined {
  const end = packetBytes - 1;
  if (sum(line, 0, end) !== line[end]) return undefined;
  return { type: line[typeAt]!, data: line.slice(dataAt, end) };
}

/** What a client asks for; or why it cannot be said, as the error to answer with. @param packet its type is a command's */
export function readImprovCommand({ data }: ImprovPacket): ImprovCommand | ImprovError {
  const command = data[0]!;
  switch (command) {
    case improvCommands.state:
    case improvCommands.info:
    case improvCommands.scan:
      return data.length === 2 ? { command } : improvErrors.invalidCommand;
    case improvCommands.wifi: {
      const strings = readStrings(data);
      if (strings?.length !== 2) return improvErrors.invalidCommand;
      const [ssid, password] = strings as [string, string];
      const passwordBytes = data[3 + data[2]!]!;
      if (ssid === "" || data[2]! > maxSsidBytes || passwordBytes > maxPasswordBytes)
        return improvErrors.invalidCommand;
      return { command, ssid, password };
    }
    default:
      return improvErrors.unknownCommand;
  }
}

/** @returns undefined for what no device says */
export function readImprovMessage({ type, data }: ImprovPacket): ImprovMessage | undefined {
  switch (type) {
    case improvTypes.state:
      return { kind: "state", state: data[0]! };
    case improvTypes.error:
      return { kind: "error", error: data[0]! };
    case improvTypes.result: {
      const strings = readStrings(data);
      return strings && { kind: "result", command: data[0]!, strings };
    }
    default:
      return undefined;
  }
}

/** @returns new bytes for the line; they may hold a password, and the caller zeroes them */
export function encodeImprovCommand(asked: ImprovCommand): Uint8Array {
  return asked.command === improvCommands.wifi
    ? withStrings(improvTypes.command, asked.command, [asked.ssid, asked.password])
    : withStrings(improvTypes.command, asked.command, []);
}

export function encodeImprovState(state: ImprovState): Uint8Array {
  return encodePacket(improvTypes.state, Uint8Array.of(state));
}

export function encodeImprovError(error: ImprovError): Uint8Array {
  return encodePacket(improvTypes.error, Uint8Array.of(error));
}

/** @throws {RangeError} when the strings take more than 253 bytes, a length byte each among them */
export function encodeImprovResult(command: number, strings: readonly string[]): Uint8Array {
  return withStrings(improvTypes.result, command, strings);
}

function withStrings(type: number, command: number, strings: readonly string[]): Uint8Array {
  const data = new Uint8Array(255);
  let at = 2;
  for (const string of strings) {
    const bytes = utf8Encode(string);
    if (at + 1 + bytes.length > data.length) throw new RangeError("too long for an Improv packet");
    data[at] = bytes.length;
    data.set(bytes, at + 1);
    at += 1 + bytes.length;
    bytes.fill(0);
  }
  data[0] = command;
  data[1] = at - 2;
  const packet = encodePacket(type, data.subarray(0, at));
  data.fill(0);
  return packet;
}

/** With a line feed before it too: behind a frame or half a line, a page would not look for it. */
function encodePacket(type: number, data: Uint8Array): Uint8Array {
  const packet = new Uint8Array(1 + dataAt + data.length + 2);
  packet[0] = 10;
  packet.set(magic, 1);
  packet[1 + typeAt] = type;
  packet[1 + lengthAt] = data.length;
  packet.set(data, 1 + dataAt);
  packet[packet.length - 2] = sum(packet, 1, packet.length - 2);
  packet[packet.length - 1] = 10;
  return packet;
}

function sum(bytes: Uint8Array, start: number, end: number): number {
  let total = 0;
  for (let i = start; i < end; i++) total += bytes[i]!;
  return total & 255;
}

/** The strings behind command and length. @returns undefined when they do not fill the rest, or are no UTF-8 */
function readStrings(data: Uint8Array): string[] | undefined {
  const strings: string[] = [];
  for (let at = 2; at < data.length; ) {
    const end = at + 1 + data[at]!;
    if (end > data.length || data.subarray(at + 1, end).includes(0)) return undefined;
    try {
      strings.push(utf8Decode(data.subarray(at + 1, end)));
    } catch {
      return undefined;
    }
    at = end;
  }
  return strings;
}
