/** Drives lib/mqtt's session from Node over a real TCP socket: the shell that firmware is on a board. */
import { connect, type Socket } from "node:net";
import { createSession, nextWakeAt, step } from "../../lib/mqtt/session.js";
import type { SessionOptions } from "../../lib/mqtt/session-options.js";
import type { SessionEffect, SessionEvent, SessionState } from "../../lib/mqtt/session-state.js";

type EffectOf<T extends SessionEffect["type"]> = Extract<SessionEffect, { type: T }>;

export class MqttDriver {
  readonly effects: SessionEffect[] = [];
  #state: SessionState;
  #socket: Socket;
  #timer: NodeJS.Timeout | undefined;
  #wake = () => {};

  constructor(port: number, options: SessionOptions) {
    this.#state = createSession(options);
    this.#socket = connect(port, "127.0.0.1", () => this.do({ type: "start" }));
    this.#socket.on("data", (bytes) => this.do({ type: "received", bytes }));
    this.#socket.on("error", () => {});
    this.#socket.on("close", () => this.do({ type: "transport-closed" }));
  }

  do(event: SessionEvent): void {
    const { state, effects } = step(this.#state, event, performance.now());
    this.#state = state;
    for (const effect of effects) {
      if (effect.type === "send") this.#socket.write(effect.bytes);
      if (effect.type === "closed") this.#socket.end();
      this.effects.push(effect);
    }
    clearTimeout(this.#timer);
    const wakeAt = nextWakeAt(state);
    if (wakeAt !== undefined)
      this.#timer = setTimeout(() => this.do({ type: "time" }), Math.max(0, wakeAt - performance.now()));
    this.#wake();
  }

  /** The first effect of this type, past or to come; fails at the session's end without one. */
  async until<T extends SessionEffect["type"]>(type: T): Promise<EffectOf<T>> {
    for (;;) {
      const found = this.effects.find((effect): effect is EffectOf<T> => effect.type === type);
      if (found) return found;
      if (this.effects.some((effect) => effect.type === "closed"))
        throw new Error(
          `no ${type}: ${JSON.stringify(this.effects.filter((effect) => effect.type !== "send"))}`,
        );
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** DISCONNECT, and the socket closed. */
  async end(): Promise<void> {
    const closed = new Promise((resolve) => this.#socket.once("close", resolve));
    this.do({ type: "disconnect" });
    this.#socket.resume();
    await closed;
  }
}
