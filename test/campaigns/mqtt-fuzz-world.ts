/**
 * One device's life with one broker over a network that breaks at any moment: messages both ways, sleep between the
 * connections, sessions and memory lost, brokers that refuse, grant less, or close on what comes early.
 */
import { strict as assert } from "node:assert";
import { decodeKept, emptyKept, encodeKept, type KeptSession } from "../../lib/mqtt/kept-session.js";
import { createSession, keep, sendQuota, step, toResend } from "../../lib/mqtt/session.js";
import type { SessionEffect, SessionEvent, SessionState } from "../../lib/mqtt/session-state.js";
import { fromHex } from "../device/harness.js";
import { Random } from "../device/mqtt-fuzz-random.js";
import { type Granted, ModelBroker, topicOf } from "./mqtt-fuzz-model.js";

const generous: Granted = { receiveMaximum: 10, topicAliasMaximum: 4, maximumQoS: 2 };
/** More than a broker's surprise lasts. */
const patienceConnections = 80;

interface Waiting {
  readonly number: number;
  readonly qos: 1 | 2;
  /** Sessions of the broker's in which it went out as new. */
  readonly epochs: Set<number>;
}

export class World {
  readonly #random = new Random();
  readonly #version: 4 | 5;
  readonly #broker: ModelBroker;
  /** Closes when anything follows CONNECT before its CONNACK. */
  readonly #surprised: boolean;
  #calm = false;
  #state: SessionState;
  #kept: KeptSession | undefined = emptyKept;
  #cleanStart = false;
  #up: { readonly bytes: Uint8Array; readonly early: boolean }[] = [];
  #down: number[] = [];
  /** Messages that the broker has not acknowledged, in their order. */
  #waiting: Waiting[] = [];
  #all: Waiting[] = [];
  readonly #acked = new Set<number>();
  readonly #refused = new Set<number>();
  /** Published on this connection. */
  #sent = new Set<number>();
  #postponed = false;
  /** Messages of the broker's: how often each came, and in how many sessions of either side it was under way. */
  readonly #came = new Map<number, number>();
  #numbers = 1;
  /** Both sides still have the session that the first of these began. */
  #losses = 0;
  connections = 0;
  readonly #seen: Map<string, number>;

  /** @param seen counts what happened */
  constructor(seed: number, seen: Map<string, number>) {
    this.#seen = seen;
    this.#random.seed(seed);
    this.#version = this.#random.once(3) ? 4 : 5;
    this.#surprised = this.#random.once(10);
    this.#broker = new ModelBroker(this.#version, this.#random);
    this.#state = createSession(this.#options());
  }

  /** @throws {Error} when a rule is broken */
  live(steps: number): void {
    for (let i = 0; i < steps; i++) this.#act();
    // Then all goes well, and everything arrives.
    this.#calm = true;
    const until = this.connections + patienceConnections;
    for (let i = 0; i < 100_000 && !this.#settled(); i++) {
      assert.ok(this.connections < until, "too many connections for what is left");
      this.#act();
    }
    assert.ok(this.#settled(), `${this.#waiting.length} messages are left`);
    this.#judge();
  }

  #settled(): boolean {
    return (
      this.#waiting.length === 0 && !this.#broker.session?.queue.length && this.#state.at === "connected"
    );
  }

  #options() {
    const lasting = { clientId: "d1", version: this.#version, sessionExpirySeconds: 3600 } as const;
    const subscriptions = [{ filter: "c", qos: 2 }] as const;
    return {
      ...lasting,
      subscriptions,
      cleanStart: this.#cleanStart,
      topicAliases: 2,
      maxInFlight: 5,
      keepAliveSeconds: 0,
    };
  }

  /** One thing happens. */
  #act(): void {
    const random = this.#random;
    if (this.#state.at === "idle") return this.#connect();
    if (this.#state.at === "ended") return this.#wake();
    switch (random.below(this.#calm ? 9 : 10)) {
      case 0:
        if (!this.#calm && this.#all.length < 40) this.#message();
        return;
      case 1:
      case 2:
        return this.#publish();
      case 3:
      case 4:
        return this.#arriveUp();
      case 5:
      case 6:
        return this.#arriveDown();
      case 7:
        return this.#broker.acknowledge();
      case 8:
        if (!this.#calm) this.#broker.send(8);
        return this.#broker.forward();
      case 9:
        if (random.once(12)) this.#cut();
        else if (random.once(30)) this.#go({ type: "disconnect" });
        return;
    }
  }

  #connect(): void {
    this.connections++;
    this.#up = [];
    this.#down = [];
    this.#sent = new Set();
    this.#postponed = false;
    this.#go({ type: "start" });
  }

  /** The device has slept; now and then its memory is gone, and it begins anew. */
  #wake(): void {
    this.#broker.close();
    const options = this.#options();
    const kept = keep(this.#state);
    // In 3.1.1 a session that begins clean also ends with its connection.
    const lost = !this.#calm && this.#version === 5 && this.#random.once(25);
    this.#kept = kept && !lost ? decodeKept(encodeKept(kept, options), options) : emptyKept;
    if (lost) this.#cleanStart = true;
    if (lost) this.#losses++;
    this.#state = createSession(this.#options(), this.#kept);
  }

  #message(): void {
    const one = {
      number: this.#numbers++,
      qos: this.#random.once(2) ? 2 : 1,
      epochs: new Set<number>(),
    } as const;
    this.#waiting.push(one);
    this.#all.push(one);
  }

  /** What a device does: first what is to be sent again, then the next in line. */
  #publish(): void {
    if (this.#state.at !== "connected" && (this.#state.at !== "connecting" || this.#postponed)) return;
    if (sendQuota(this.#state) === 0) return;
    const [again] = toResend(this.#state);
    const one =
      again === undefined
        ? this.#waiting.find(({ number }) => !this.#sent.has(number))
        : this.#all.find(({ number }) => number === again);
    if (!one) return;
    const { number, qos } = one;
    const payload = fromHex(number.toString(16).padStart(8, "0"));
    this.#go({ type: "publish", message: { topic: topicOf(number), payload, qos }, token: number });
  }

  #arriveUp(): void {
    const [first, ...more] = this.#up;
    if (!first) return;
    this.#up = more;
    if (first.bytes[0] !== 0x10) return this.#broker.receive(first.bytes, first.early);
    const random = this.#random;
    if (this.#surprised && more.length > 0) return this.#cut();
    const granted = {
      receiveMaximum: 1 + random.below(6),
      topicAliasMaximum: random.below(4),
      maximumQoS: random.once(12) ? random.below(2) : 2,
    };
    const troubled = !this.#calm;
    const loses = troubled && random.once(12) && this.#broker.session !== undefined;
    if (loses) this.#losses++;
    this.#broker.connect(this.#cleanStart, troubled && random.once(12), loses, troubled ? granted : generous);
  }

  #arriveDown(): void {
    const { outbox, refusing } = this.#broker;
    if (outbox) for (const packet of outbox.splice(0)) this.#down.push(...fromHex(packet));
    const length = this.#random.once(2) ? this.#down.length : this.#random.below(this.#down.length + 1);
    const bytes = new Uint8Array(this.#down.splice(0, length));
    if (bytes.length > 0) this.#go({ type: "received", bytes });
    if (
      (!outbox || refusing) &&
      this.#down.length === 0 &&
      this.#up.every(({ bytes: [first] }) => first !== 0x10)
    )
      this.#cut();
  }

  /** What is under way is lost. */
  #cut(): void {
    this.#broker.close();
    this.#up = [];
    this.#down = [];
    this.#go({ type: "transport-closed" });
  }

  #go(event: SessionEvent): void {
    const early = this.#state.at !== "connected";
    const { state, effects } = step(this.#state, event, 0);
    this.#state = state;
    for (const effect of effects) this.#see(effect, early);
  }

  #see(effect: SessionEffect, early: boolean): void {
    const again = effect.type === "failed" && effect.again ? " again" : "";
    const what =
      effect.type === "failed" ? `failed ${effect.failure.kind} ${effect.failure.code}` : effect.type;
    this.#seen.set(what + again, (this.#seen.get(what + again) ?? 0) + 1);
    switch (effect.type) {
      case "send":
        this.#up.push({ bytes: effect.bytes, early });
        return;
      case "connected":
        // Until then the broker may not have begun anew.
        this.#cleanStart = false;
        return;
      case "published":
        this.#sent.add(effect.token);
        this.#find(effect.token).epochs.add(this.#losses);
        return;
      case "postponed":
        this.#postponed = true;
        return;
      case "acked":
        assert.ok(this.#broker.delivered.includes(effect.token), `message ${effect.token} was not delivered`);
        this.#acked.add(effect.token);
        this.#waiting = this.#waiting.filter(({ number }) => number !== effect.token);
        return;
      case "refused":
        assert.equal(effect.failure.code, 155, effect.failure.detail);
        assert.ok(this.#find(effect.token).qos > this.#broker.granted.maximumQoS, "refused for nothing");
        this.#refused.add(effect.token);
        this.#waiting = this.#waiting.filter(({ number }) => number !== effect.token);
        return;
      case "message": {
        const number = Number.parseInt(Buffer.from(effect.message.payload).toString("hex"), 16);
        const before = this.#came.get(number) ?? 0;
        // Once, but for a session or a memory that was lost since.
        if (effect.message.qos === 2)
          assert.ok(before <= this.#losses, `message ${number} of QoS 2 came again`);
        this.#came.set(number, before + 1);
        return;
      }
      case "failed":
        assert.notEqual(effect.failure.kind, "protocol-error", effect.failure.detail);
        assert.notEqual(effect.failure.kind, "deadline", effect.failure.detail);
        return;
    }
  }

  #find(number: number): Waiting {
    const one = this.#all.find((waiting) => waiting.number === number);
    assert.ok(one, `message ${number}`);
    return one;
  }

  #judge(): void {
    const { delivered } = this.#broker;
    for (const { number, qos, epochs } of this.#all) {
      const times = delivered.filter((one) => one === number).length;
      if (this.#acked.has(number)) assert.ok(times >= 1, `message ${number} is lost`);
      else assert.ok(this.#refused.has(number), `message ${number} is forgotten`);
      if (qos === 2) assert.ok(times <= epochs.size, `message ${number} was delivered ${times} times`);
    }
    for (const number of this.#broker.finished)
      assert.ok(this.#came.has(number), `the broker's message ${number} is lost`);
    for (const qos of [1, 2]) {
      const order = [...new Set(delivered)].filter((number) => this.#find(number).qos === qos);
      assert.deepEqual(
        order,
        [...order].sort((a, b) => a - b),
        `QoS ${qos} in order`,
      );
    }
  }
}
