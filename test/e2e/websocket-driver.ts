/** Drives lib/websocket from Node over a real socket, with MQTT packets as hex: the machine alone, no session. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import type { Socket } from "node:net";
import type { Failure } from "../../lib/failure.js";
import { createWebSocket, step } from "../../lib/websocket/client.js";
import type { WebSocketEvent } from "../../lib/websocket/client-state.js";
import type { WebSocketOptions } from "../../lib/websocket/request.js";

const patienceMs = 5000;

export class WebSocketDriver {
  readonly #socket: Socket;
  #state;
  #received = Buffer.alloc(0);
  #watch = () => {};
  opened = false;
  closed = false;
  failure: Failure | undefined;

  /** @param socket connected, and with TLS done */
  constructor(socket: Socket, options: Omit<WebSocketOptions, "key">) {
    this.#socket = socket;
    this.#state = createWebSocket({ ...options, key: randomBytes(16) });
    socket.on("data", (bytes) => this.#step({ type: "received", bytes, mask: randomBytes(4) }));
    socket.on("error", () => {});
    socket.on("close", () => this.#step({ type: "transport-closed" }));
    this.#step({ type: "start" });
  }

  send(hex: string): void {
    this.#step({ type: "send", bytes: Buffer.from(hex, "hex"), mask: randomBytes(4) });
  }

  #step(event: WebSocketEvent): void {
    const { state, effects } = step(this.#state, event);
    this.#state = state;
    for (const effect of effects)
      switch (effect.type) {
        case "send":
        case "pong":
          this.#socket.write(effect.bytes);
          break;
        case "open":
          this.opened = true;
          break;
        case "data":
          this.#received = Buffer.concat([this.#received, effect.bytes]);
          break;
        case "failed":
          this.failure = effect.failure;
          break;
        case "closed":
          this.closed = true;
          this.#socket.end();
      }
    this.#watch();
  }

  /** The next bytes of the stream, as many as `hex` has; they must be those. */
  async expect(hex: string): Promise<void> {
    const { length } = Buffer.from(hex, "hex");
    await this.#until(() => this.#received.length >= length);
    const found = this.#received.subarray(0, length).toString("hex");
    this.#received = this.#received.subarray(length);
    if (found !== hex) throw new Error(`expected ${hex}, got ${found}`);
  }

  async open(): Promise<void> {
    await this.#until(() => this.opened || this.closed);
    if (!this.opened) throw new Error(this.failure?.detail);
  }

  async ended(): Promise<Failure | undefined> {
    await this.#until(() => this.closed);
    return this.failure;
  }

  async close(): Promise<void> {
    this.#step({ type: "close", mask: randomBytes(4) });
    this.#socket.resume();
    if (!this.#socket.closed) await once(this.#socket, "close");
  }

  #until(there: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#watch = () => {};
        reject(new Error(`nothing in time; ${JSON.stringify(this.failure)}`));
      }, patienceMs);
      this.#watch = () => {
        if (!there()) return;
        clearTimeout(timer);
        this.#watch = () => {};
        resolve();
      };
      this.#watch();
    });
  }
}
