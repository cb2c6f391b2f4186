/** Drives one session as a script: what goes in, what must come out, and when, on a clock of the test's own. */
import type { KeptSession } from "../../lib/mqtt/kept-session.js";
import { createSession, nextWakeAt, step } from "../../lib/mqtt/session.js";
import type { SessionOptions } from "../../lib/mqtt/session-options.js";
import type { Message, SessionEffect, SessionEvent, SessionState } from "../../lib/mqtt/session-state.js";
import { equal, fromHex, hex } from "./harness.js";

/** One effect as one line: `send c000`, `acked 7 #1 0`, `failed protocol-error 130`, … */
export function line(effect: SessionEffect): string {
  switch (effect.type) {
    case "send":
      return `send ${hex(effect.bytes)}`;
    case "connected":
      return `connected${effect.sessionPresent ? " present" : ""}`;
    case "published":
    case "completed":
      return `${effect.type} ${effect.token} #${effect.packetId}`;
    case "acked":
      return `acked ${effect.token} #${effect.packetId} ${effect.reasonCode}`;
    case "refused":
      return `refused ${effect.token} #${effect.packetId} ${effect.failure.code}`;
    case "postponed":
      return `postponed ${effect.token}`;
    case "subscribed":
    case "unsubscribed":
      return `${effect.type} ${effect.token ?? "own"} [${effect.codes}]${effect.failure ? ` ${effect.failure.code}` : ""}`;
    case "message": {
      const { topic, payload, qos, retain, duplicate } = effect.message;
      const flags = `${retain ? " retain" : ""}${duplicate ? " dup" : ""}`;
      return `message ${topic} ${hex(payload)} q${qos}${flags}`;
    }
    case "challenge":
    case "authenticated":
      return `${effect.type} ${effect.data ? hex(effect.data) : "-"}`;
    case "failed":
      return `failed ${effect.failure.kind} ${effect.failure.code}${effect.again ? " again" : ""}`;
    case "pong":
    case "closed":
      return effect.type;
  }
}

export const hello: Message = { topic: "a/b", payload: fromHex("6869"), qos: 1 };

export class Script {
  state: SessionState;
  nowMs = 1000;
  /** All effects so far. */
  readonly all: SessionEffect[] = [];
  #seen = 0;

  constructor(options: Partial<SessionOptions> = {}, kept?: KeptSession) {
    this.state = createSession({ clientId: "d1", encrypted: true, ...options }, kept);
  }

  do(event: SessionEvent): this {
    const { state, effects } = step(this.state, event, this.nowMs);
    this.state = state;
    this.all.push(...effects);
    return this;
  }

  start(): this {
    return this.do({ type: "start" });
  }

  receive(text: string): this {
    return this.do({ type: "received", bytes: fromHex(text) });
  }

  publish(message: Partial<Message> = {}, token = 7): this {
    return this.do({ type: "publish", message: { ...hello, ...message }, token });
  }

  /** Moves the clock to `ms` after the start of the script, and calls the session whenever it asked for it. */
  at(ms: number): this {
    const until = 1000 + ms;
    for (;;) {
      const wakeAt = nextWakeAt(this.state);
      if (wakeAt === undefined || wakeAt > until) break;
      this.nowMs = Math.max(wakeAt, this.nowMs);
      this.do({ type: "time" });
    }
    this.nowMs = until;
    return this.do({ type: "time" });
  }

  /** Exactly these effects, in this order, since the last `expect`. */
  expect(...lines: string[]): this {
    equal(this.all.slice(this.#seen).map(line), lines, "effects");
    this.#seen = this.all.length;
    return this;
  }

  /** Forgets what has come out so far. */
  skip(): this {
    this.#seen = this.all.length;
    return this;
  }

  /** The operator's line of the failure that came last. */
  detail(): string {
    const effect = this.all.filter((one) => one.type === "failed" || one.type === "refused").at(-1);
    return effect?.failure.detail ?? "";
  }
}

/** A session past its CONNACK; `granted` is the CONNACK when it is not the plain one. */
export function connected(
  options: Partial<SessionOptions> = {},
  granted?: string,
  kept?: KeptSession,
): Script {
  const plain = options.version === 4 ? "20020000" : "2003000000";
  return new Script(options, kept)
    .start()
    .receive(granted ?? plain)
    .skip();
}
