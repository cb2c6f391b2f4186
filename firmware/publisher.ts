/**
 * What a wake publishes: first what an earlier wake left, then what waits, each message frozen before it is protected. It
 * goes over one link at a time, and is forgotten by the memory only when the broker has acknowledged it.
 */
import { utf8Length } from "dormouse/cbor/utf8";
import type { Failure } from "dormouse/failure";
import type { Frozen } from "dormouse/sealed/frozen";
import type { Device } from "dormouse/store/device-record";
import { type OutboxDraft, resultsTopic } from "dormouse/store/outbox-items";
import type { Profile } from "dormouse/store/profile";
import { protectionBytes } from "dormouse/store/protection-bytes";
import { deviceState } from "./device-state.js";
import type { Link } from "./link.js";
import type { Memory } from "./memory.js";
import { protectMessage } from "./protection.js";
import { report } from "./report.js";

/** In a PUBLISH around topic and payload, at most: header, packet id, properties, the topic's length and alias. */
const packetBytes = 16;

export class Publisher {
  readonly #profile: Profile;
  readonly #device: Device;
  readonly #memory: Memory;
  /** The first counter that this wake may give: a message with a lower one is sent again. */
  #firstCounter: number;
  /** What has gone over the link: counters. */
  #sent: readonly number[] = [];
  #trouble: Failure | undefined;
  /** Of the access point, in dBm. */
  #rssi: number | undefined;
  /** No more messages can be made in this wake. */
  #stuck = false;

  constructor(profile: Profile, device: Device, memory: Memory) {
    this.#profile = profile;
    this.#device = device;
    this.#memory = memory;
    this.#firstCounter = memory.nextCounter;
  }

  /** Why a message could not be made, or was not taken: the first of these. */
  get trouble(): Failure | undefined {
    return this.#trouble;
  }

  /** There is another link, over which nothing has gone. */
  relink(rssi: number | undefined): void {
    this.#sent = [];
    this.#rssi = rssi;
  }

  /** On a board that stays connected: another round, with counters and troubles of its own. */
  renew(): void {
    const { messages } = this.#memory;
    this.#sent = this.#sent.filter((sent) => messages.some(({ counter }) => counter === sent));
    this.#firstCounter = this.#memory.nextCounter;
    this.#trouble = undefined;
    this.#stuck = false;
  }

  /** Freezes what goes out first, if it is not. */
  prepare(link: Link): void {
    this.next(link);
  }

  /** Sends as much as the broker takes now; the link has it when it is flushed. */
  publish(link: Link): void {
    while (link.sendQuota > 0) {
      const message = this.next(link);
      if (!message) return;
      this.send(link, message);
      // Before CONNACK it may have been postponed.
      if (!this.#sent.includes(message.counter)) return;
    }
  }

  /** It stays in the memory, and is not sent again in this wake. */
  refused(reason: Failure): void {
    this.#trouble ??= reason;
  }

  postponed(counter: number): void {
    this.#sent = this.#sent.filter((one) => one !== counter);
  }

  private next(link: Link): Frozen<OutboxDraft> | undefined {
    for (let must = link.mustResend; must !== undefined; must = link.mustResend) {
      const message = this.#memory.messages.find(({ counter }) => counter === must);
      if (message) return message;
      link.forget(must);
    }
    const waiting = this.#memory.messages.find(({ counter }) => !this.#sent.includes(counter));
    if (waiting || this.#stuck) return waiting;
    const { device, topics } = this.#profile;
    const { salt } = this.#device;
    const named = salt ? { ...device, salt } : device;
    const around = packetBytes + utf8Length(topics.readings) + protectionBytes(topics.up, named);
    const known = {
      losses: this.#memory.losses,
      refused: this.#memory.downlink.refused,
      rssi: this.#rssi,
    };
    const frozen = this.#memory.freeze(
      { baseName: `${device.id}:`, format: topics.format, state: deviceState(topics.state, known) },
      link.maxPacketBytes - around,
    );
    if (!frozen || !("kind" in frozen)) return frozen;
    this.#trouble ??= frozen;
    this.#stuck = true;
    return undefined;
  }

  private send(link: Link, message: Frozen<OutboxDraft>): void {
    const { base, readings } = this.#profile.topics;
    const result = message.topic === resultsTopic;
    const topic = result ? `${base}/result` : readings;
    const payload = protectMessage(this.#profile, this.#device, topic, message);
    const { counter } = message;
    this.#sent = [...this.#sent, counter];
    if ("kind" in payload) {
      this.#trouble ??= payload;
      this.#stuck = true;
      return;
    }
    const retry = counter < this.#firstCounter;
    if (link.publish({ topic, payload, qos: 1 }, counter))
      report("sent", {
        counter,
        bytes: payload.length,
        first: result ? undefined : message.firstSequence,
        readings: result ? undefined : message.readings,
        retry: retry || undefined,
        result: result || undefined,
      });
  }
}
