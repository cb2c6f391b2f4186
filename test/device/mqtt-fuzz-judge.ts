/** Judges what comes out of a session, by what went before: independent of how the session remembers it. */
import type { Open, Outgoing, SessionEffect } from "../../lib/mqtt/session-state.js";
import { equal, hex, ok } from "./harness.js";

const failureKinds = ["protocol-error", "broker-refused", "connection-lost"];

type Owed = Pick<Outgoing, "token" | "qos" | "stage">;

export class Judge {
  ended = false;
  #failed = false;
  /** Messages that the broker has not acknowledged yet. */
  #owed: Owed[];
  /** SUBSCRIBE and UNSUBSCRIBE. */
  #asked: (number | undefined)[];
  /** QoS 2 messages that were handed on and not yet released by the broker. */
  #unreleased: readonly number[];
  /** What must be sent next: the acknowledgement of the message that was handed on. */
  #due = 0;

  constructor(context: Open) {
    this.#owed = [...context.outgoing];
    this.#asked = context.requests.map(({ token }) => token);
    this.#unreleased = context.incoming;
  }

  /** What the session has to remember: its own messages, its requests, the broker's QoS 2 messages. */
  get open(): string {
    return `${this.#owed.length} ${this.#asked.length} ${this.#unreleased.length}`;
  }

  /** This message was published. */
  owe(token: number): void {
    this.#owed.push({ token, qos: 1, stage: "published" });
  }

  forget(token: number): void {
    this.#take(token);
  }

  see(effect: SessionEffect): void {
    ok(!this.ended, `${effect.type} after closed`);
    ok(!this.#failed || effect.type === "closed", `${effect.type} after failed`);
    if (this.#due) ok(effect.type === "send" && effect.bytes[0] === this.#due, "the acknowledgement follows");
    this.#due = 0;
    switch (effect.type) {
      case "send":
        return this.#sent(effect.bytes);
      case "connected":
        if (effect.sessionPresent) return;
        this.#unreleased = [];
        this.#owed = this.#owed.filter(({ stage }) => stage === "published");
        return;
      case "acked":
        return this.#settled(effect.token, effect.reasonCode === 0 || effect.reasonCode === 16);
      case "refused":
        this.#explained(effect.failure);
        return this.#settled(effect.token, false);
      case "completed":
        equal(this.#take(effect.token).stage, "released", "the stage of what is completed");
        return;
      case "subscribed":
      case "unsubscribed": {
        const at = this.#asked.indexOf(effect.token);
        if (at >= 0) this.#asked.splice(at, 1);
        // Not asked for at all, because the broker's limits exclude it.
        else ok(effect.token === undefined && effect.codes.length === 0, `${effect.type} ${effect.token}`);
        return;
      }
      case "message":
        ok(effect.message.topic !== "", "a topic");
        this.#due = [0, 0x40, 0x50][effect.message.qos]!;
        if (effect.message.qos === 2) this.#unreleased = [...this.#unreleased, 0];
        return;
      case "failed":
        this.#explained(effect.failure);
        this.#failed = true;
        return;
      case "closed":
        this.ended = true;
        return;
      case "challenge":
      case "authenticated":
      case "published":
      case "postponed":
        return;
    }
  }

  #sent(bytes: Uint8Array): void {
    equal(bytes[1], bytes.length - 2, `the length of ${hex(bytes)}`);
    const packetId = (bytes[2]! << 8) | bytes[3]!;
    const known = this.#unreleased.includes(packetId);
    switch (bytes[0]) {
      case 0x50: {
        // Once for each message handed on, and again only for one that was not released.
        const handed = this.#unreleased.indexOf(0);
        if (handed < 0) return ok(known, "a message is acknowledged that was not handed on");
        ok(!known, "a message is handed on twice");
        this.#unreleased = this.#unreleased.map((one) => one || packetId);
        return;
      }
      case 0x70:
        this.#unreleased = this.#unreleased.filter((one) => one !== packetId);
        return;
      case 0x82: // the session's own subscriptions
        this.#asked.push(undefined);
        return;
      case 0x40: // PUBACK
      case 0x62: // PUBREL
      case 0xe0:
        return;
      default:
        throw new Error(`sent ${hex(bytes)}`);
    }
  }

  #settled(token: number, accepted: boolean): void {
    const one = this.#take(token);
    ok(one.stage !== "released", "acknowledged once");
    if (one.qos === 2 && accepted) this.#owed.push({ ...one, stage: "released" });
  }

  #take(token: number): Owed {
    const at = this.#owed.findIndex((one) => one.token === token);
    ok(at >= 0, `message ${token} was sent`);
    return this.#owed.splice(at, 1)[0]!;
  }

  #explained({ kind, detail }: { kind: string; detail: string }): void {
    ok(failureKinds.includes(kind), kind);
    ok(readable(detail), detail);
  }
}

/** One line of ASCII. (A regular expression would use a board's stack by the length of the text.) */
function readable(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x20 || unit > 0x7e) return false;
  }
  return text.length > 0 && text.length <= 400;
}
