/**
 * What a broker might say next to a session in a given state: each packet well-formed, and most of them in place. The
 * packets go into one buffer, as they do on a connection.
 */
import type { Open, Outgoing } from "../../lib/mqtt/session-state.js";
import type { Random } from "./mqtt-fuzz-random.js";

const topics = ["a", "a/b", "$x/é", "dormouse/d1/readings"];
const ackCodes = [0, 0, 0, 16, 128, 135, 151];
const connackCodes = [0, 0, 0, 0, 128, 132, 134, 135, 149, 157];
const disconnectCodes = [0, 130, 139, 142, 147, 148, 149, 157];
const limitProperties = [17, 18, 19, 26, 28, 31, 33, 34, 36, 37, 38, 39, 40, 41, 42];
const messageProperties = [1, 2, 3, 8, 9, 11, 35, 38];

export class BrokerPackets {
  /** All packets so far are in [0, end); where each begins is in `starts`. */
  readonly bytes: Uint8Array;
  end = 0;
  readonly starts: number[] = [];
  readonly #random: Random;

  constructor(random: Random, capacity: number) {
    this.#random = random;
    this.bytes = new Uint8Array(capacity);
  }

  clear(): void {
    this.end = 0;
    this.starts.length = 0;
  }

  /** One more packet. */
  add(state: Open): void {
    const random = this.#random;
    this.starts.push(this.end);
    if (state.at === "connecting" && !random.once(16)) {
      if (state.authenticating && random.once(2)) this.#auth(state);
      else this.#connack(state);
      return;
    }
    switch (random.below(12)) {
      case 0:
      case 1:
      case 2:
        return this.#publish(state);
      case 3:
      case 4:
      case 5:
        return this.#ack(state);
      case 6:
        return this.#pubrel(state);
      case 7:
      case 8:
        return this.#answer(state);
      case 9:
        return this.#plain(0xd0);
      case 10:
        return state.settings.version === 5 ? this.#auth(state) : this.#publish(state);
      case 11:
        if (random.once(4)) return this.#disconnect(state);
        return random.once(8) ? this.#connack(state) : this.#ack(state);
    }
  }

  #connack(state: Open): void {
    const random = this.#random;
    const { settings } = state;
    const at = this.#begin(0x20);
    const code = settings.version === 4 ? random.pick([0, 0, 0, 1, 5]) : random.pick(connackCodes);
    const present = code === 0 && !settings.cleanStart && random.below(3) > 0;
    this.#put(present ? 1 : 0, code);
    if (settings.version === 5)
      this.#properties(limitProperties, random.below(5), settings.authentication?.method);
    this.#finish(at);
  }

  #publish({ settings, incoming }: Open): void {
    const random = this.#random;
    const qos = random.below(3);
    const at = this.#begin(0x30 | (qos << 1) | random.below(2) | (qos && random.once(4) ? 8 : 0));
    const aliased = settings.topicAliasMaximum > 0 && random.once(4);
    this.#text(aliased ? "" : random.pick(topics));
    if (qos > 0) this.#two(incoming.length && random.once(3) ? random.pick(incoming) : 1 + random.below(9));
    if (settings.version === 5)
      this.#properties(messageProperties, random.once(2) ? 0 : random.below(4), undefined, aliased);
    for (let rest = random.once(8) ? 200 : random.below(24); rest > 0; rest--) this.#put(random.below(256));
    this.#finish(at);
  }

  #ack(state: Open): void {
    const random = this.#random;
    const { outgoing } = state;
    const entry: Outgoing | undefined = outgoing.length > 0 ? random.pick(outgoing) : undefined;
    const type = !entry ? random.pick([4, 5, 7]) : entry.qos === 1 ? 4 : entry.stage === "released" ? 7 : 5;
    const code = type === 7 ? random.pick([0, 0, 146]) : random.pick(ackCodes);
    this.#acknowledge(type << 4, entry?.packetId ?? 1 + random.below(9), code, state);
  }

  #pubrel(state: Open): void {
    const { incoming } = state;
    const known = incoming.length > 0 && !this.#random.once(4);
    this.#acknowledge(0x62, known ? this.#random.pick(incoming) : 1 + this.#random.below(9), 0, state);
  }

  #acknowledge(first: number, packetId: number, code: number, { settings }: Open): void {
    const at = this.#begin(first);
    this.#two(packetId);
    if (settings.version === 5 && (code > 0 || this.#random.once(4))) {
      this.#put(code);
      if (this.#random.once(2)) this.#properties([31, 38], this.#random.below(3));
    }
    this.#finish(at);
  }

  /** SUBACK or UNSUBACK. */
  #answer({ settings, requests }: Open): void {
    const random = this.#random;
    const request = requests.length > 0 ? random.pick(requests) : undefined;
    const subscribed = request ? request.type === "subscribe" : random.once(2);
    const at = this.#begin(subscribed ? 0x90 : 0xb0);
    this.#two(request?.packetId ?? 1 + random.below(9));
    if (settings.version === 5) this.#properties([31, 38], random.below(2));
    const codes = subscribed ? [0, 1, 2, 128] : [0, 17];
    if (subscribed || settings.version === 5)
      for (let count = request?.count ?? 1; count > 0; count--) this.#put(random.pick(codes));
    this.#finish(at);
  }

  #auth({ settings }: Open): void {
    const at = this.#begin(0xf0);
    this.#put(this.#random.pick([0, 24]));
    this.#properties([22, 31, 38], this.#random.below(3), settings.authentication?.method ?? "m");
    this.#finish(at);
  }

  #disconnect({ settings }: Open): void {
    if (settings.version === 4 || this.#random.once(4)) return this.#plain(0xe0);
    const at = this.#begin(0xe0);
    this.#put(this.#random.pick(disconnectCodes));
    this.#properties([28, 31, 38], this.#random.below(3));
    this.#finish(at);
  }

  #plain(first: number): void {
    this.#finish(this.#begin(first));
  }

  /** So many different ones of `ids`, with their length before them. @param method of authentication @param alias a topic alias */
  #properties(ids: readonly number[], count: number, method?: string, alias = false): void {
    const from = this.end;
    this.#put(0);
    if (method !== undefined) this.#property(21, method);
    if (alias) this.#property(35);
    let at = this.#random.below(ids.length);
    for (let i = 0; i < count; i++) {
      const id = ids[at % ids.length]!;
      if (id !== 35 || !alias) this.#property(id);
      at += 1 + this.#random.below(Math.max(1, Math.floor(ids.length / count)));
      if (at % ids.length === 0) break;
    }
    this.bytes[from] = this.end - from - 1;
  }

  #property(id: number, text = this.#random.pick(["x", "é", "no", ""])): void {
    const random = this.#random;
    this.#put(id);
    switch (id) {
      case 1:
      case 36:
      case 37:
      case 40:
      case 41:
      case 42:
        return this.#put(random.below(2));
      case 11:
        return this.#put(1 + random.below(127));
      case 19:
        return this.#two(1 + random.below(600));
      case 33:
      case 34:
      case 35:
        return this.#two(1 + random.below(4));
      case 2:
      case 17:
        return this.#put(0, 0, random.below(256), random.below(256));
      case 39:
        return this.#put(0, 0, random.below(4), 16 + random.below(240));
      case 38:
        this.#text(random.pick(["x", "x", "__proto__", "constructor"]));
        return this.#text(text);
      case 8:
        return this.#text("re/ply");
      default:
        return this.#text(text);
    }
  }

  #begin(first: number): number {
    this.#put(first, 0);
    return this.end;
  }

  /** Puts the length before the body that begins at `at`. */
  #finish(at: number): void {
    const length = this.end - at;
    if (length > 127) {
      this.bytes.copyWithin(at + 1, at, this.end++);
      this.bytes[at] = length >> 7;
      this.bytes[at - 1] = (length & 0x7f) | 0x80;
    } else this.bytes[at - 1] = length;
  }

  #text(text: string): void {
    const at = this.end;
    this.#two(0);
    for (const character of text) {
      const code = character.codePointAt(0)!;
      if (code < 0x80) this.#put(code);
      else this.#put(0xc0 | (code >> 6), 0x80 | (code & 0x3f));
    }
    this.bytes[at + 1] = this.end - at - 2;
  }

  #two(value: number): void {
    this.#put(value >> 8, value & 0xff);
  }

  #put(...values: number[]): void {
    for (const value of values) this.bytes[this.end++] = value;
  }
}
