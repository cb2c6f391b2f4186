/** Drives one WebSocket as a script: what goes in, and what must come out. */

import { nothingYet } from "../../../lib/websocket/answer.js";
import { createWebSocket, step } from "../../../lib/websocket/client.js";
import type { WebSocketEffect, WebSocketEvent, WebSocketState } from "../../../lib/websocket/client-state.js";
import { atFrameStart } from "../../../lib/websocket/frames.js";
import type { WebSocketOptions } from "../../../lib/websocket/request.js";
import { equal, fromHex, hex, ok } from "../../device/harness.js";

/** RFC 6455 §1.3's example: "the sample nonce". */
export const key = fromHex("7468652073616d706c65206e6f6e6365");
export const accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/** Of §5.7's example. */
export const mask = fromHex("37fa213d");

export const options: WebSocketOptions = {
  host: "broker.example.org",
  port: 443,
  path: "/mqtt",
  encrypted: true,
  key,
};

/** ASCII to bytes. */
export function ascii(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

export function text(bytes: Uint8Array): string {
  let characters = "";
  for (const byte of bytes) characters += String.fromCharCode(byte);
  return characters;
}

/** An answer of these lines. */
export function answerOf(...lines: readonly string[]): Uint8Array {
  return ascii(`${lines.join("\r\n")}\r\n\r\n`);
}

export const goodLines: readonly string[] = [
  "HTTP/1.1 101 Switching Protocols",
  "Upgrade: websocket",
  "Connection: Upgrade",
  `Sec-WebSocket-Accept: ${accept}`,
  "Sec-WebSocket-Protocol: mqtt",
];

/** One effect as one line: `send 8880…`, `data 20020000`, `failed protocol-error 1002`, … */
export function line(effect: WebSocketEffect): string {
  switch (effect.type) {
    case "send":
    case "pong":
    case "data":
      return `${effect.type} ${hex(effect.bytes)}`;
    case "failed":
      return `failed ${effect.failure.kind} ${effect.failure.code}`;
    default:
      return effect.type;
  }
}

export class Script {
  state: WebSocketState;
  /** All effects so far, as lines: bytes are valid during the step only. */
  readonly all: string[] = [];
  detail = "";
  #seen = 0;

  constructor(state: WebSocketState = createWebSocket(options)) {
    this.state = state;
  }

  do(event: WebSocketEvent): this {
    const { state, effects } = step(this.state, event);
    this.state = state;
    for (const effect of effects) {
      this.all.push(line(effect));
      if (effect.type === "failed") this.detail = effect.failure.detail;
    }
    return this;
  }

  /** Bytes from the server; the script's own copy of them. */
  receive(bytes: Uint8Array | string): this {
    const copy = typeof bytes === "string" ? fromHex(bytes) : bytes.slice();
    return this.do({ type: "received", bytes: copy, mask });
  }

  /** The same, one byte at a time. */
  receiveBytewise(bytes: Uint8Array): this {
    for (let at = 0; at < bytes.length; at++) this.receive(bytes.subarray(at, at + 1));
    return this;
  }

  send(bytes: Uint8Array): this {
    return this.do({ type: "send", bytes, mask });
  }

  /** Exactly these effects, in this order, since the last `expect`. */
  expect(...lines: string[]): this {
    equal(this.all.slice(this.#seen), lines, "effects");
    this.#seen = this.all.length;
    return this;
  }

  /** The failure's words have this in them. */
  says(words: string): this {
    ok(this.detail.includes(words), `"${this.detail}" has "${words}"`);
    return this;
  }
}

/** A WebSocket whose request is out. */
export function opening(): Script {
  return new Script({ at: "opening", accept, answer: nothingYet });
}

/** A WebSocket that is open. */
export function opened(): Script {
  return new Script({ at: "open", reading: atFrameStart(false) });
}

/** A frame as a server sends it; `fin` false: more follows. */
export function serverFrame(opcode: number, payload: Uint8Array, fin = true): Uint8Array {
  const { length } = payload;
  const lengthBytes = length < 126 ? [] : [length >> 8, length & 255];
  const header = [(fin ? 0x80 : 0) | opcode, length < 126 ? length : 126, ...lengthBytes];
  const bytes = new Uint8Array(header.length + length);
  bytes.set(header);
  bytes.set(payload, header.length);
  return bytes;
}

/** What the client closes with: its CLOSE masked with `mask`, then the failure. */
export function closing(code: number): string {
  const payload = Uint8Array.of((code >> 8) ^ mask[0]!, (code & 255) ^ mask[1]!);
  return `send 8882${hex(mask)}${hex(payload)}`;
}
