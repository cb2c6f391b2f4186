/**
 * A script of one connection, seen from the broker's side: what the client sends is read by `brokers-eye`, and held to
 * the order that both standards ask for. What it tells its application is seen apart from that.
 */

import type { KeptSession } from "../../../../lib/mqtt/kept-session.js";
import { keep, toResend } from "../../../../lib/mqtt/session.js";
import type { SessionOptions } from "../../../../lib/mqtt/session-options.js";
import type { Message } from "../../../../lib/mqtt/session-state.js";
import { equal, ok, test } from "../../../device/harness.js";
import { hello, line, Script } from "../../../device/mqtt-script.js";
import { connack } from "./broker-packets.js";
import { type ConnectFields, look, type Seen, type Version } from "./brokers-eye.js";

type Options = Partial<SessionOptions>;

export class Conversation extends Script {
  readonly version: Version;
  readonly #seen: (Seen | "closed")[] = [];
  readonly #options: Options;
  /** By token, to publish them again. */
  readonly #messages: Map<number, Partial<Message>>;
  #watched = 0;
  #looked = 0;
  #told = 0;

  constructor(
    version: Version,
    options: Options = {},
    kept?: KeptSession,
    messages: ReadonlyMap<number, Partial<Message>> = new Map(),
  ) {
    super({ version, ...options }, kept);
    this.version = version;
    this.#options = options;
    this.#messages = new Map(messages);
  }

  override publish(message: Partial<Message> = {}, token = 7): this {
    this.#messages.set(token, message);
    return this.do({ type: "publish", message: { ...hello, ...message }, token });
  }

  /**
   * What the broker has seen since. Not within `do`: the session then has as much of the stack as on a device.
   */
  #watch(): void {
    for (; this.#watched < this.all.length; this.#watched++) {
      const effect = this.all[this.#watched]!;
      if (effect.type === "closed") this.#seen.push("closed");
      if (effect.type === "send") this.#arrived(look(effect.bytes, this.version));
    }
  }

  #arrived(packet: Seen): void {
    ok(!this.#seen.includes("closed"), `${packet.line} after the end`);
    const left = this.#seen.some((one) => one !== "closed" && one.name === "DISCONNECT");
    ok(!left, `${packet.line} after DISCONNECT`);
    ok(
      (packet.name === "CONNECT") === (this.#seen.length === 0),
      `${packet.line} as packet ${this.#seen.length}`,
    );
    this.#seen.push(packet);
  }

  packets(): Seen[] {
    this.#watch();
    return this.#seen.filter((one) => one !== "closed");
  }

  /** The last packet sent. */
  last(): Seen {
    const packet = this.packets().at(-1);
    ok(packet, "a packet");
    return packet;
  }

  get connect(): ConnectFields {
    const fields = this.packets()[0]?.connect;
    ok(fields, "CONNECT");
    return fields;
  }

  /** Each packet sent, and `closed`, since the last time. */
  lines(): string[] {
    this.#watch();
    const found = this.#seen.slice(this.#looked);
    this.#looked = this.#seen.length;
    return found.map((one) => (one === "closed" ? one : one.line));
  }

  /** Exactly these lines. */
  sees(...lines: string[]): this {
    equal(this.lines(), lines, "the broker sees");
    return this;
  }

  /** What the application was told since the last time, but for what was merely sent. */
  tells(...lines: string[]): this {
    const silent = ["send", "published", "closed"];
    const found = this.all.slice(this.#told).filter(({ type }) => !silent.includes(type));
    equal(found.map(line), lines, "the application hears");
    this.#told = this.all.length;
    return this;
  }

  /** Forgets both. */
  override skip(): this {
    this.lines();
    this.#told = this.all.length;
    return super.skip();
  }

  /** The connection is lost, and the next one of the same session begins: up to CONNECT. */
  next(options: Options = {}): Conversation {
    if (this.state.at !== "ended") this.do({ type: "transport-closed" });
    const kept = keep(this.state);
    return new Conversation(this.version, { ...this.#options, ...options }, kept, this.#messages).start();
  }

  /** Publishes again what is to be, in the order the session gives. */
  resend(): this {
    for (const token of toResend(this.state)) this.publish(this.#messages.get(token), token);
    return this;
  }
}

/** Connected, with CONNACK's properties in hex (MQTT 5), and nothing seen yet. */
export function online(version: Version, options: Options = {}, properties = ""): Conversation {
  return new Conversation(version, options).start().receive(connack(version, { properties })).skip();
}

/** A host, unlike a board, has memory for strings of 65,535 bytes and packets of them. */
export const hasRoom = !("trace" in globalThis);

/** How a client closes on what a broker must not do: MQTT 5 says why (§4.13), 3.1.1 only closes. */
export function closing(version: Version, code: number): string[] {
  return version === 5 ? [`DISCONNECT ${code}`, "closed"] : ["closed"];
}

/** Options of a session that outlives its connection. */
export const lasting = { cleanStart: false, sessionExpirySeconds: 3600 } as const;

/** A test for statements of both standards, run for each. */
export function inBoth(in311: string, in5: string, words: string, run: (version: Version) => void): void {
  only311(in311, words, () => run(4));
  only5(in5, words, () => run(5));
}

/** @param numbers statements of MQTT 3.1.1, without MQTT- */
export function only311(numbers: string, words: string, run: () => void): void {
  test(`3.1.1 ${ids(numbers)} ${words}`, run);
}

/** @param numbers statements of MQTT 5, without MQTT- */
export function only5(numbers: string, words: string, run: () => void): void {
  test(`5 ${ids(numbers)} ${words}`, run);
}

function ids(numbers: string): string {
  return numbers
    .split(" ")
    .map((number) => `[MQTT-${number}]`)
    .join(" ");
}
