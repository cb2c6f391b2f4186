/**
 * The frames of provisioning over serial, both ends alike:
 *
 *   00 | COBS( type u8 | sequence u8 | payload length u16 | payload | CRC-32 of all before ) | 00
 *
 * Big-endian. Zeros stand at the ends of frames alone, so that after any damage the next frame is found.
 * An answer has the type of its request with the top bit set, and its sequence; so has an error, but for the type.
 */
import { crc32 } from "../crc32.js";
import { cobsRead, cobsWrite, maxCobsBytes } from "./cobs.js";

export interface Frame {
  readonly type: number;
  /** Of the request, and of its answer. */
  readonly sequence: number;
  readonly payload: Uint8Array;
}

export const maxPayloadBytes = 512;

/** Added to a request's type, the answer's. */
export const answerBit = 0x80;
export const errorType = 0xff;

/** Types that a request may have, from 1: what is above is no frame. */
const maxRequestType = 0x1f;
const headBytes = 4;
const crcBytes = 4;

/** Of a frame on the line, with its zeros. */
export const maxFrameBytes = 2 + maxCobsBytes(headBytes + maxPayloadBytes + crcBytes);

/**
 * @returns new bytes, ready for the line; the caller's
 * @throws {RangeError} for a payload of more than 512 bytes, or what is no type or sequence
 */
export function encodeFrame(type: number, sequence: number, payload: Uint8Array): Uint8Array {
  const { length } = payload;
  if (length > maxPayloadBytes) throw new RangeError(`a payload has at most ${maxPayloadBytes} bytes`);
  if (!isByte(type) || !isFrameType(type) || !isByte(sequence))
    throw new RangeError("not a type and sequence of a frame");
  const end = headBytes + length;
  const plain = new Uint8Array(end + crcBytes);
  plain[0] = type;
  plain[1] = sequence;
  plain[2] = length >> 8;
  plain[3] = length & 255;
  plain.set(payload, headBytes);
  new DataView(plain.buffer).setUint32(end, crc32(plain, 0, end));
  const out = new Uint8Array(2 + maxCobsBytes(plain.length));
  const after = cobsWrite(plain, out, 1);
  plain.fill(0); // it may have held a secret
  return out.subarray(0, after + 1);
}

/**
 * What stands between two zeros.
 * @returns undefined when it is no frame; the payload is new
 */
export function decodeFrame(stuffed: Uint8Array, start: number, end: number): Frame | undefined {
  const plain = cobsRead(stuffed, start, end);
  if (!plain || plain.length < headBytes + crcBytes) return undefined;
  const length = plain[2]! * 256 + plain[3]!;
  const crcAt = headBytes + length;
  if (!isFrameType(plain[0]!) || length > maxPayloadBytes || plain.length !== crcAt + crcBytes)
    return undefined;
  const view = new DataView(plain.buffer, plain.byteOffset, plain.length);
  if (view.getUint32(crcAt) !== crc32(plain, 0, crcAt)) return undefined;
  return { type: plain[0]!, sequence: plain[1]!, payload: plain.subarray(headBytes, crcAt) };
}

/**
 * Whether `line`, from a zero at its start and without another one, can become a frame still: what cannot is let go
 * after a few bytes, so that a stray zero holds up nothing.
 * @param length how many bytes of `line` there are
 */
export function canBecomeFrame(line: Uint8Array, length: number): boolean {
  if (length >= maxFrameBytes) return false;
  if (length >= 3 && !isFrameType(byteAt(line, 0))) return false;
  if (length < 2 + headBytes) return true;
  const payload = byteAt(line, 2) * 256 + byteAt(line, 3);
  return payload <= maxPayloadBytes && length < 2 + maxCobsBytes(headBytes + payload + crcBytes);
}

/** Byte `index`, of the first four, of what is stuffed in `line`. */
function byteAt(line: Uint8Array, index: number): number {
  // Each code byte but a full run's stands for the zero before it; there is no full run in so few bytes.
  let code = 1;
  while (code + line[code]! < index + 2) code += line[code]!;
  return code + line[code]! === index + 2 ? 0 : line[index + 2]!;
}

function isFrameType(type: number): boolean {
  const request = type & (answerBit - 1);
  return type === errorType || (request >= 1 && request <= maxRequestType);
}

function isByte(value: number): boolean {
  return value === (value & 255);
}
