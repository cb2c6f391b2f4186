/**
 * WebSocket frames (RFC 6455 §5): the client's, always masked, and the server's, never. Of what the server sends
 * only a control frame's payload, 125 bytes at most, is ever held; data is handed on as it arrives, so that no
 * length needs a bound.
 */

export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** What a frame broke, and with which code to close (§7.4.1). */
export interface FrameError {
  readonly code: number;
  readonly detail: string;
}

/** Where in the server's frames the bytes stand. `inMessage`: a message is not finished, a continuation is due. */
export type Reading =
  | {
      readonly at: "header";
      readonly inMessage: boolean;
      readonly have: number;
      readonly first: number;
      readonly second: number;
      readonly length: number;
    }
  | { readonly at: "data"; readonly inMessage: boolean; readonly left: number }
  | {
      readonly at: "control";
      readonly inMessage: boolean;
      readonly opcode: number;
      readonly payload: Uint8Array;
      readonly filled: number;
    };

export interface FrameRead {
  readonly reading: Reading;
  /** How many of the bytes were used; call again with the rest. */
  readonly used: number;
  /** Payload of a data frame, as much as there was: the last so many of the bytes that were used. */
  readonly data?: number;
  /** A whole control frame. */
  readonly control?: { readonly opcode: number; readonly payload: Uint8Array };
  readonly error?: FrameError;
}

const maskBytes = 4;

/**
 * One frame, unfragmented.
 * @param mask 4 random bytes, for this frame alone (§5.3)
 * @returns new bytes, the caller's
 */
export function encodeFrame(opcode: number, payload: Uint8Array, mask: Uint8Array): Uint8Array {
  const { length } = payload;
  const lengthBytes = length < 126 ? 0 : length < 65536 ? 2 : 8;
  const start = 2 + lengthBytes + maskBytes;
  const frame = new Uint8Array(start + length);
  frame[0] = 0x80 | opcode;
  frame[1] = 0x80 | (lengthBytes === 0 ? length : lengthBytes === 2 ? 126 : 127);
  for (let i = 0, rest = length; i < lengthBytes; i++, rest = Math.floor(rest / 256))
    frame[1 + lengthBytes - i] = rest;
  frame.set(mask, start - maskBytes);
  for (let i = 0; i < length; i++) frame[start + i] = payload[i]! ^ mask[i & 3]!;
  return frame;
}

/** Between frames. */
export function atFrameStart(inMessage: boolean): Reading {
  return { at: "header", inMessage, have: 0, first: 0, second: 0, length: 0 };
}

/** Takes bytes up to the end of one frame at most. */
export function readFrame(reading: Reading, bytes: Uint8Array): FrameRead {
  switch (reading.at) {
    case "header":
      return readHeader(reading, bytes);
    case "data":
      return readData(reading, bytes.length);
    case "control":
      return readControl(reading, bytes, 0);
  }
}

function readHeader(reading: Extract<Reading, { at: "header" }>, bytes: Uint8Array): FrameRead {
  let { have, first, second, length } = reading;
  for (let used = 0; used < bytes.length; ) {
    const byte = bytes[used++]!;
    have++;
    let error: FrameError | undefined;
    if (have === 1) {
      first = byte;
      error = checkFirst(first, reading.inMessage);
    } else if (have === 2) {
      second = byte;
      error = checkSecond(first, second);
      if (second < 126) length = second;
    } else {
      length = length * 256 + byte;
      error = checkLength(have, second, byte, length);
    }
    if (error) return { reading, used, error };
    if (have === headerLength(second)) return startPayload(reading.inMessage, first, length, bytes, used);
  }
  return { reading: { ...reading, have, first, second, length }, used: bytes.length };
}

function headerLength(second: number): number {
  return second === 126 ? 4 : second === 127 ? 10 : 2;
}

function startPayload(
  inMessage: boolean,
  first: number,
  length: number,
  bytes: Uint8Array,
  used: number,
): FrameRead {
  const opcode = first & 15;
  if (opcode >= opcodes.close)
    return readControl(
      { at: "control", inMessage, opcode, payload: new Uint8Array(length), filled: 0 },
      bytes,
      used,
    );
  return { reading: { at: "data", inMessage: first < 0x80, left: length }, used };
}

function readData({ inMessage, left }: Extract<Reading, { at: "data" }>, available: number): FrameRead {
  const used = Math.min(left, available);
  const reading: Reading =
    used === left ? atFrameStart(inMessage) : { at: "data", inMessage, left: left - used };
  return { reading, used, data: used };
}

function readControl(
  reading: Extract<Reading, { at: "control" }>,
  bytes: Uint8Array,
  from: number,
): FrameRead {
  const { inMessage, opcode, payload, filled } = reading;
  const used = Math.min(bytes.length, from + payload.length - filled);
  payload.set(bytes.subarray(from, used), filled);
  const now = filled + used - from;
  if (now < payload.length) return { reading: { ...reading, filled: now }, used };
  return { reading: atFrameStart(inMessage), used, control: { opcode, payload } };
}

function checkFirst(first: number, inMessage: boolean): FrameError | undefined {
  const opcode = first & 15;
  if (first & 0x70) return broken("a frame with a reserved bit");
  switch (opcode) {
    case opcodes.continuation:
      return inMessage ? undefined : broken("a continuation of nothing");
    case opcodes.text:
      // [MQTT-6.0.0-1]
      return inMessage ? interleaved() : { code: 1003, detail: "a text frame" };
    case opcodes.binary:
      return inMessage ? interleaved() : undefined;
    case opcodes.close:
    case opcodes.ping:
    case opcodes.pong:
      return first < 0x80 ? broken("a control frame in parts") : undefined;
    default:
      return broken(`a frame with the unknown opcode ${opcode}`);
  }
}

function checkSecond(first: number, second: number): FrameError | undefined {
  if (second & 0x80) return broken("a masked frame from the server");
  if ((first & 15) < opcodes.close) return undefined;
  if (second > 125) return broken("a control frame of more than 125 bytes");
  return (first & 15) === opcodes.close && second === 1 ? broken("a close code of one byte") : undefined;
}

/** @param have how many bytes of the header there are, with this one */
function checkLength(have: number, second: number, byte: number, length: number): FrameError | undefined {
  if (second === 127 && have === 3 && byte & 0x80) return broken("a length of more than 63 bits");
  if (have < headerLength(second)) return undefined;
  if (length < (second === 126 ? 126 : 65536)) return broken("a length not in its shortest form");
  // A number counts no further; nobody lives to see the end of such a frame.
  return length > Number.MAX_SAFE_INTEGER
    ? { code: 1009, detail: "a frame of more than 2^53 bytes" }
    : undefined;
}

function interleaved(): FrameError {
  return broken("a new message before the end of the last");
}

function broken(detail: string): FrameError {
  return { code: 1002, detail };
}
