/**
 * Packets of a broker, damaged, against sessions in the midst of things. Whatever comes, a session does what its types
 * promise: it never throws, ends once and by its rules, believes no acknowledgement of what it has not sent, remembers
 * no more than it was allowed to, and works on where it has not ended.
 */
import { decodeKept, encodeKept } from "../../lib/mqtt/kept-session.js";
import { keep, nextWakeAt, sendQuota, step, toResend } from "../../lib/mqtt/session.js";
import type { Open, SessionEffect, SessionEvent, SessionState } from "../../lib/mqtt/session-state.js";
import { bytes, equal, hex, ok } from "./harness.js";
import { BrokerPackets } from "./mqtt-fuzz-broker.js";
import { contextMs, contexts } from "./mqtt-fuzz-contexts.js";
import { damage } from "./mqtt-fuzz-damage.js";
import { Judge } from "./mqtt-fuzz-judge.js";
import { Random } from "./mqtt-fuzz-random.js";

const probeToken = 2 ** 48 - 1;

export class Campaign {
  /** Packets that were damaged so far; those beside them in the same piece of the stream do not count. */
  damaged = 0;
  runs = 0;
  /** How often each effect came, each failure by its code, and each way in which a run went out. */
  readonly seen: Record<string, number> = {};
  readonly #seed: number;
  readonly #contexts = contexts();
  readonly #random = new Random();
  readonly #packets = new BrokerPackets(this.#random, 4096);
  #state: SessionState = this.#contexts[0]!;
  #judge = new Judge(this.#contexts[0]!);
  /** What went in, in a run that is repeated to be told of. */
  #told: string[] | undefined;

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** Runs until so many packets more were damaged. @throws {Error} that says what went in */
  go(packets: number): void {
    for (const until = this.damaged + packets; this.damaged < until; ) {
      const run = this.runs;
      try {
        this.run();
      } catch (error) {
        this.#fail(run, error);
      }
    }
  }

  #fail(run: number, error: unknown): never {
    this.runs = run;
    this.#told = [];
    try {
      this.run();
    } catch {}
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
    throw new Error(`seed ${this.#seed}, run ${run}, ${this.#told.join(" ")}: ${what}`);
  }

  /** One session from a context to its end; a board's stack has no room for calls around this one. */
  run(): void {
    const random = this.#random;
    // Each run has numbers of its own, so it can be repeated alone.
    random.seed(this.#seed + Math.imul(this.runs++, 0x10001));
    this.#begin(random.below(this.#contexts.length));
    const packets = this.#packets;
    for (let left = 1 + random.below(8); left > 0 && open(this.#state); left--) {
      this.#prepare(this.#state);
      const whole = random.below(3) > 0;
      for (let at = 0; at < packets.end; ) {
        const most = whole ? packets.end : 1 + random.below(random.once(2) ? 2 : 40);
        const piece = packets.bytes.subarray(at, Math.min(packets.end, at + most));
        this.#told?.push(hex(piece));
        this.#step({ type: "received", bytes: piece });
        at += most;
      }
    }
    if (!open(this.#state)) return this.#afterwards("end by itself");
    checkKept(this.#state);
    const { framing, limits } = this.#state;
    // A damaged CONNACK may have switched the keep-alive off.
    ok(nextWakeAt(this.#state) !== undefined || limits.keepAliveSeconds === 0, "something to wait for");
    if (framing.at === "body" || framing.have > 0) this.#breakOff();
    else this.#probe(this.#state);
  }

  #begin(context: number): void {
    const state = this.#contexts[context]!;
    this.#state = state;
    this.#judge = new Judge(state);
    this.#told?.push(`context ${context}:`);
  }

  /** One to three packets, perhaps damaged. */
  #prepare(state: Open): void {
    const random = this.#random;
    const packets = this.#packets;
    packets.clear();
    for (let count = 1 + (random.once(3) ? random.below(3) : 0); count > 0; count--) packets.add(state);
    // What follows on packets that are in order is worth as much.
    if (random.once(2)) return;
    this.damaged++;
    for (let edits = random.once(3) ? 1 + random.below(4) : 1; edits > 0; edits--) damage(packets, random);
  }

  #step(event: SessionEvent): readonly SessionEffect[] {
    const before = this.#state;
    const { state, effects } = step(before, event, contextMs);
    this.#state = state;
    for (const effect of effects) {
      this.#count(effect.type);
      if (effect.type === "failed") this.#count(`failed ${effect.failure.kind} ${effect.failure.code}`);
      if (event.type === "received") this.#judge.see(effect);
    }
    if (event.type !== "received" || !open(before)) return effects;
    equal(state.at === "ended", this.#judge.ended, "ended");
    if (open(state)) this.#checkBounds(state);
    return effects;
  }

  #checkBounds({ settings, framing, incoming, incomingAliases, outgoing, requests }: Open): void {
    if (framing.at === "body")
      ok(framing.packet.length <= settings.maxPacketBytes, "a packet of the size allowed");
    equal(`${outgoing.length} ${requests.length} ${incoming.length}`, this.#judge.open, "what is remembered");
    ok(incoming.length <= Math.max(settings.receiveMaximum, 64), "the bound on unfinished messages");
    ok(incomingAliases.length <= settings.topicAliasMaximum, "the topic alias maximum");
  }

  /** The connection breaks off in the midst of a packet. */
  #breakOff(): void {
    const effects = this.#step({ type: "transport-closed" });
    equal(effects.map(({ type }) => type).join(" "), "failed closed", "the end");
    this.#afterwards("end in a packet");
  }

  #afterwards(how: string): void {
    this.#count(how);
    const silent =
      this.#step({ type: "received", bytes: this.#packets.bytes }).length === 0 &&
      this.#step({ type: "transport-closed" }).length === 0;
    ok(silent, "silence after the end");
  }

  /** A session that goes on takes a message, and its acknowledgement. */
  #probe(state: Open): void {
    for (const token of toResend(state)) {
      this.#step({ type: "forget", token });
      this.#judge.forget(token);
    }
    const { maximumQoS, maxPacketBytes } = state.limits;
    const may = maximumQoS > 0 && maxPacketBytes >= 16 && sendQuota(this.#state) > 0;
    if (state.at === "connecting" || !may) return this.#count("end without a probe");
    this.#count("end with a probe");
    const message = { topic: "p", payload: new Uint8Array(0), qos: 1 } as const;
    const [send, published] = this.#step({ type: "publish", message, token: probeToken });
    ok(send?.type === "send" && published?.type === "published", "the probe went out");
    const { packetId } = published;
    this.#judge.owe(probeToken);
    const puback = new Uint8Array([0x40, 2, packetId >> 8, packetId & 0xff]);
    const [acked] = this.#step({ type: "received", bytes: puback });
    ok(acked?.type === "acked" && acked.token === probeToken, "the probe is acknowledged");
  }

  #count(what: string): void {
    this.seen[what] = (this.seen[what] ?? 0) + 1;
  }
}

function open(state: SessionState): state is Open {
  return state.at === "connecting" || state.at === "connected";
}

/** What is kept comes back from its bytes. */
function checkKept(state: Open): void {
  const kept = keep(state);
  ok(kept, "something to keep");
  const encoded = encodeKept(kept, state.settings);
  const decoded = decodeKept(encoded, state.settings);
  ok(decoded, "what was encoded is decoded");
  bytes(encodeKept(decoded, state.settings), hex(encoded), "kept session");
}
