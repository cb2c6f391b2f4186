/**
 * Drives lib/mqtt's session from Node over a real TCP socket: the shell that firmware is on a board. Like a board it
 * keeps its messages itself, by token, and what the session leaves for the next connection as bytes.
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { decodeKept, emptyKept, encodeKept } from "../../lib/mqtt/kept-session.js";
import { createSession, keep, nextWakeAt, sendQuota, step, toResend } from "../../lib/mqtt/session.js";
import type { SessionOptions } from "../../lib/mqtt/session-options.js";
import type {
  Message,
  ReceivedMessage,
  SessionEffect,
  SessionEvent,
  SessionState,
} from "../../lib/mqtt/session-state.js";

type EffectOf<T extends SessionEffect["type"]> = Extract<SessionEffect, { type: T }>;

const patienceMs = 10_000;

export interface Given {
  /** What an earlier connection left: of `kept()`. */
  readonly kept?: Uint8Array | undefined;
  /**
   * By token: published as soon as the session takes them; taken out when the broker has them or
   * refuses them, at QoS 0 when they are sent.
   */
  readonly outbox?: Map<number, Message> | undefined;
}

/** The same when so many connections have passed that the broker may be surprised again. */
export function unpaused(kept: Uint8Array, options: SessionOptions): Uint8Array {
  return encodeKept({ ...decodeKept(kept, options)!, pipeliningPause: 0 }, options);
}

export class MqttDriver {
  readonly effects: SessionEffect[] = [];
  readonly #options: SessionOptions;
  readonly #outbox: Map<number, Message>;
  readonly #socket: Socket;
  readonly #sent = new Set<number>();
  readonly #watchers = new Set<() => void>();
  #state: SessionState;
  #timer: NodeJS.Timeout | undefined;

  constructor(port: number, options: SessionOptions, { kept, outbox = new Map() }: Given = {}) {
    this.#options = options;
    this.#outbox = outbox;
    const before = kept && decodeKept(kept, options);
    if (kept && !before) throw new Error("the kept session is not this client's");
    this.#state = createSession(options, before ?? (options.cleanStart === false ? emptyKept : undefined));
    this.#socket = connect(port, "127.0.0.1", () => this.do({ type: "start" }));
    this.#socket.setNoDelay(true);
    this.#socket.on("data", (bytes) => this.do({ type: "received", bytes }));
    this.#socket.on("error", () => {});
    this.#socket.on("close", () => this.#lost());
  }

  get state(): SessionState {
    return this.#state;
  }

  /** What a sleeping device would have in its memory now. */
  kept(): Uint8Array {
    return encodeKept(keep(this.#state) ?? emptyKept, this.#options);
  }

  /** What the event makes go out goes in one write, with what waits in the outbox. */
  do(event: SessionEvent): void {
    this.#socket.cork();
    this.#step(event);
    this.#publish();
    this.#socket.uncork();
    this.#setTimer();
    for (const watch of [...this.#watchers]) watch();
  }

  publish(token: number, message: Message): void {
    this.do({ type: "publish", message, token });
  }

  #step(event: SessionEvent): void {
    const { state, effects } = step(this.#state, event, performance.now());
    this.#state = state;
    for (const effect of effects) {
      if (effect.type === "send") this.#socket.write(effect.bytes);
      if (effect.type === "closed") this.#socket.end();
      if (effect.type === "acked" || effect.type === "refused") this.#outbox.delete(effect.token);
      if (effect.type === "published" && effect.packetId === 0) this.#outbox.delete(effect.token);
      if (effect.type === "postponed") this.#sent.delete(effect.token);
      this.effects.push(effect);
    }
  }

  #publish(): void {
    while (sendQuota(this.#state) > 0) {
      const [again] = toResend(this.#state);
      const token = again ?? [...this.#outbox.keys()].find((one) => !this.#sent.has(one));
      if (token === undefined) return;
      const message = this.#outbox.get(token);
      if (!message) {
        this.#step({ type: "forget", token });
        continue;
      }
      this.#sent.add(token);
      this.#step({ type: "publish", message, token });
      if (!this.#sent.has(token)) return;
    }
  }

  #setTimer(): void {
    clearTimeout(this.#timer);
    const wakeAt = nextWakeAt(this.#state);
    if (wakeAt === undefined) return;
    const inMs = Math.max(0, wakeAt - performance.now());
    this.#timer = setTimeout(() => this.do({ type: "time" }), inMs);
  }

  #lost(): void {
    if (this.#state.at === "idle") this.effects.push({ type: "closed" });
    this.do({ type: "transport-closed" });
  }

  all<T extends SessionEffect["type"]>(type: T): EffectOf<T>[] {
    return this.effects.filter((effect): effect is EffectOf<T> => effect.type === type);
  }

  /** The first effect of this type that fits, past or to come; fails at the session's end without one. */
  async until<T extends SessionEffect["type"]>(
    type: T,
    fits: (effect: EffectOf<T>) => boolean = () => true,
  ): Promise<EffectOf<T>> {
    await this.#when(type, () => this.all(type).some(fits));
    return this.all(type).find(fits)!;
  }

  /** The first `count` messages. */
  async messages(count: number): Promise<ReceivedMessage[]> {
    await this.#when(`${count} messages`, () => this.all("message").length >= count);
    return this.all("message").map(({ message }) => message);
  }

  /** The broker has all of the outbox, and no exchange is unfinished either way. */
  settled(): Promise<void> {
    return this.#when("peace", () => {
      const state = this.#state;
      const busy = "outgoing" in state && state.outgoing.length + state.incoming.length > 0;
      return this.#outbox.size === 0 && !busy;
    });
  }

  #when(what: string, there: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const told = () => JSON.stringify(this.effects.filter(({ type }) => type !== "send"));
      const settle = (error?: Error) => {
        clearTimeout(timer);
        this.#watchers.delete(watch);
        if (error) reject(error);
        else resolve();
      };
      const watch = () => {
        if (there()) settle();
        else if (this.effects.some(({ type }) => type === "closed"))
          settle(new Error(`no ${what}: ${told()}`));
      };
      const timer = setTimeout(() => settle(new Error(`no ${what} in time: ${told()}`)), patienceMs);
      this.#watchers.add(watch);
      watch();
    });
  }

  /** DISCONNECT, and the socket closed. */
  async end(more: Omit<Extract<SessionEvent, { type: "disconnect" }>, "type"> = {}): Promise<void> {
    this.do({ type: "disconnect", ...more });
    this.#socket.resume();
    await this.#gone();
  }

  /** The power is cut: nothing more is said. */
  async cut(): Promise<void> {
    clearTimeout(this.#timer);
    this.#socket.removeAllListeners("data").resetAndDestroy();
    await this.#gone();
  }

  async #gone(): Promise<void> {
    if (!this.#socket.closed) await once(this.#socket, "close");
  }
}
