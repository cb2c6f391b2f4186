/**
 * A WebSocket client for MQTT (RFC 6455; MQTT 3.1.1 and 5 §6), without I/O, clock or randomness: events in, a new
 * state and effects out. It offers the subprotocol `mqtt` and no extension, sends whole binary frames, and takes
 * nothing that a server must not send. It follows no redirect, and who owns it bounds how long opening may take.
 */
import { type Failure, failure } from "../failure.js";
import { nothingYet, readAnswer } from "./answer.js";
import {
  setState,
  type WebSocketEffect,
  type WebSocketEvent,
  type WebSocketState,
  type WebSocketStep,
} from "./client-state.js";
import { abnormal, closeName, noCode, readClose } from "./close-codes.js";
import { atFrameStart, encodeFrame, type FrameError, opcodes, type Reading, readFrame } from "./frames.js";
import { makeRequest, type WebSocketOptions } from "./request.js";

type Open = Extract<WebSocketState, { at: "open" }>;

/**
 * @throws {TypeError | RangeError} for options that no request can have
 * @example
 * let socket = createWebSocket({ host: "broker.example.org", port: 443, encrypted: true, path: "/mqtt", key });
 * const { state, effects } = step(socket, { type: "start" });
 */
export function createWebSocket(options: WebSocketOptions): WebSocketState {
  return { at: "idle", request: makeRequest(options) };
}

/**
 * @throws {TypeError | RangeError} for what the caller must not ask: `start` twice, `send` before `open` or after the
 *   end, a mask that is not 4 bytes. The state stands as it was.
 */
export function step(state: WebSocketState, event: WebSocketEvent): WebSocketStep {
  if ("mask" in event) checkMask(event.mask);
  switch (event.type) {
    case "start":
      return start(state);
    case "received":
      return received(state, event.bytes, event.mask);
    case "send":
      if (state.at !== "open") throw new RangeError(`send while ${state.at}`);
      return { state, effects: [frame(opcodes.binary, event.bytes, event.mask)] };
    case "close":
      return close(state, event.mask);
    case "transport-closed":
      return transportClosed(state);
  }
}

function checkMask(mask: Uint8Array): void {
  if (!(mask instanceof Uint8Array)) throw new TypeError("mask must be bytes");
  if (mask.length !== 4) throw new RangeError("mask must have 4 bytes");
}

function start(state: WebSocketState): WebSocketStep {
  if (state.at !== "idle") throw new RangeError(`start while ${state.at}`);
  const { bytes, accept } = state.request;
  const next = setState(state, { at: "opening", accept, answer: nothingYet });
  return { state: next, effects: [{ type: "send", bytes }] };
}

function received(state: WebSocketState, bytes: Uint8Array, mask: Uint8Array): WebSocketStep {
  switch (state.at) {
    case "idle":
      throw new RangeError("received before start");
    case "opening": {
      const { answer, used, complete, failure: refused } = readAnswer(state.answer, bytes, state.accept);
      if (refused) return end(state, refused, []);
      if (!complete) return { state: setState(state, { ...state, answer }), effects: [] };
      const open = setState(state, { at: "open", reading: atFrameStart(false) });
      return frames(open, bytes.subarray(used), mask, [{ type: "open" }]);
    }
    case "open":
      return frames(state, bytes, mask, []);
    case "ended":
      // What follows the end is ignored.
      return { state, effects: [] };
  }
}

/** Frames to effects, of which there are few however many frames: payload moves to the front of `bytes`. */
function frames(state: Open, bytes: Uint8Array, mask: Uint8Array, effects: WebSocketEffect[]): WebSocketStep {
  let reading: Reading = state.reading;
  let dataLength = 0;
  let ping: Uint8Array | undefined;
  let ending: Failure | undefined;
  for (let at = 0; at < bytes.length && !ending; ) {
    const { reading: next, used, data = 0, control, error } = readFrame(reading, bytes.subarray(at));
    reading = next;
    at += used;
    if (dataLength < at - data) bytes.copyWithin(dataLength, at - data, at);
    dataLength += data;
    if (control?.opcode === opcodes.ping) ping = control.payload;
    if (control?.opcode === opcodes.close) ending = closedByServer(control.payload);
    if (error) ending = violated(error);
  }
  if (dataLength > 0) effects.push({ type: "data", bytes: bytes.subarray(0, dataLength) });
  if (ending) {
    effects.push(closeFrame(ending.code, mask));
    return end(state, ending, effects);
  }
  if (ping) effects.push({ type: "pong", bytes: encodeFrame(opcodes.pong, ping, mask) });
  return { state: setState(state, { at: "open", reading }), effects };
}

function closedByServer(payload: Uint8Array): Failure {
  const { code, detail, broken } = readClose(payload);
  if (broken) return violated({ code, detail });
  // §5.5.1: the answer says the same.
  return failure("connection-lost", `the broker closed the WebSocket: ${detail}`, code);
}

/** The server broke the standard: it is told which part, and nothing more is read. */
function violated({ code, detail }: FrameError): Failure {
  return failure("protocol-error", `WebSocket ${closeName(code)}: ${detail}`, code);
}

/** Does not wait for the server's own CLOSE: §7.1.1 leaves that to the client, and what was sent before is on its way. */
function close(state: WebSocketState, mask: Uint8Array): WebSocketStep {
  if (state.at === "ended") return { state, effects: [] };
  return end(state, undefined, state.at === "open" ? [closeFrame(1000, mask)] : []);
}

function transportClosed(state: WebSocketState): WebSocketStep {
  if (state.at === "ended") return { state, effects: [] };
  const detail =
    state.at === "open"
      ? "the connection was closed without a WebSocket CLOSE"
      : "the connection was closed before the WebSocket was open";
  return end(state, failure("connection-lost", detail, state.at === "open" ? abnormal : 0), []);
}

function end(state: WebSocketState, reason: Failure | undefined, effects: WebSocketEffect[]): WebSocketStep {
  if (reason) effects.push({ type: "failed", failure: reason });
  effects.push({ type: "closed" });
  return { state: setState(state, { at: "ended", failure: reason }), effects };
}

function closeFrame(code: number, mask: Uint8Array): WebSocketEffect {
  const payload = code === noCode ? new Uint8Array(0) : Uint8Array.of(code >> 8, code);
  return frame(opcodes.close, payload, mask);
}

function frame(opcode: number, payload: Uint8Array, mask: Uint8Array): WebSocketEffect {
  return { type: "send", bytes: encodeFrame(opcode, payload, mask) };
}
