/**
 * A device that loses power between any two writes, or in the middle of one to RTC memory, and whose RTC memory
 * comes back kept, lost, torn or old. It uses the real counter machine, device record and RTC codec, and the
 * world checks the one rule: no counter ever meets two plaintexts.
 */
import type { Crypto } from "../../../lib/crypto/crypto.js";
import {
  type CounterEvent,
  type CounterState,
  type CounterStep,
  openCounter,
  step,
} from "../../../lib/sealed/counter.js";
import type { Frozen } from "../../../lib/sealed/frozen.js";
import {
  encodeDeviceRecord,
  openDeviceRecord,
  raiseReservation,
  readReservation,
} from "../../../lib/store/device-record.js";
import type { OutboxDraft } from "../../../lib/store/outbox-items.js";
import { decodeRtc, encodeRtc, type TrustedRtcImage } from "../../../lib/store/rtc.js";
import { emptyOutbox } from "../../../lib/store/rtc-outbox.js";

/** A step of the firmware left out, to see the campaign notice. */
export type Mistake =
  | "none"
  | "trust any RTC counter"
  | "reservation not written"
  | "send before persist"
  | "forget RTC";

class PowerCut extends Error {}

const rtcBytes = 512;

export class CrashingDevice {
  /** Plaintext by counter, as the world has seen them. */
  readonly sent = new Map<number, string>();
  conflicts = 0;
  boots = 0;
  #flash: Uint8Array;
  #rtc = new Uint8Array(rtcBytes);
  #oldRtc: { readonly next: number; readonly memory: Uint8Array }[] = [];
  #writesLeft = Number.POSITIVE_INFINITY;
  #serial = 0;
  readonly #crypto: Crypto;
  readonly #random: () => number;
  readonly #mistake: Mistake;

  constructor(crypto: Crypto, random: () => number, mistake: Mistake) {
    this.#crypto = crypto;
    this.#random = random;
    this.#mistake = mistake;
    const secret = Uint8Array.from({ length: 32 }, () => 1 + this.#below(255));
    this.#flash = encodeDeviceRecord(secret, { epoch: 1, reservedEnd: 0, fromFactory: false });
  }

  /** Several wakes, most of them cut short; conflicts are counted. */
  live(wakes: number): void {
    for (let i = 0; i < wakes; i++) {
      this.#writesLeft = this.#below(4) === 0 ? Number.POSITIVE_INFINITY : this.#below(9);
      try {
        this.#wake();
      } catch (error) {
        if (!(error instanceof PowerCut)) throw error;
        this.#reset();
      }
    }
  }

  #wake(): void {
    this.boots++;
    const device = openDeviceRecord(this.#crypto, this.#flash.slice())!;
    const { secretId } = device;
    device.secret.close();
    const image = this.#readRtc(secretId, device.reservedEnd);
    const messages: Frozen<OutboxDraft>[] = [...(image?.outbox.messages ?? [])];
    let nextSequence = image?.outbox.nextSequence ?? 0;
    let state: CounterState<OutboxDraft> = openCounter(device.reservedEnd, image?.next);
    if (this.#mistake === "trust any RTC counter" && image) state = { ...state, next: image.next };
    const write = (next: number, all: readonly (OutboxDraft & { counter: number })[]) => {
      const outbox = { ...emptyOutbox, nextSequence, messages: all };
      const encoding = encodeRtc({ next, outbox }, secretId, rtcBytes);
      if ("tooLarge" in encoding) throw new Error("the outbox outgrew RTC memory");
      this.#writeRtc(encoding.data, next);
    };
    for (let work = 1 + this.#below(4); work > 0; work--) {
      for (const message of messages) this.#send(message);
      if (this.#below(2) === 0 && messages.length > 0) {
        messages.shift();
        write(state.next, messages);
      }
      if (messages.length >= 6) continue;
      const draft = this.#draft(nextSequence++);
      let event: CounterEvent<OutboxDraft> | undefined = { type: "freeze", draft };
      while (event) {
        const taken: CounterStep<OutboxDraft> = step(state, event);
        state = taken.state;
        event = undefined;
        for (const effect of taken.effects)
          switch (effect.type) {
            case "write-reservation":
              event = { type: "reserved", reservedEnd: this.#reserve(effect.reservedEnd) };
              break;
            case "persist":
              if (this.#mistake === "send before persist") this.#send(effect.message);
              if (this.#mistake !== "forget RTC") write(effect.next, [...messages, effect.message]);
              event = { type: "persisted" };
              break;
            case "frozen":
              messages.push(effect.message);
              this.#send(effect.message);
              break;
            case "failed":
              throw new Error(effect.failure.kind);
          }
      }
      if (this.#below(3) === 0) state = this.#skipAhead(state);
    }
    write(state.next, messages);
  }

  /** Counters may be left unused at will: it brings the reservation's end near. */
  #skipAhead(state: CounterState<OutboxDraft>): CounterState<OutboxDraft> {
    if (state.at !== "ready") return state;
    return { ...state, next: Math.min(state.reservedEnd, state.next + this.#below(1024)) };
  }

  #draft(sequence: number): OutboxDraft {
    // Never the same plaintext twice, so that the same counter with the same plaintext is a true retry.
    const plaintext = new Uint8Array(4);
    new DataView(plaintext.buffer).setUint32(0, ++this.#serial);
    return { topic: 0, firstSequence: sequence, readings: 1, plaintext };
  }

  #send({ counter, plaintext }: { counter: number; plaintext: Uint8Array }): void {
    this.#mayCut();
    const text = plaintext.join();
    const before = this.sent.get(counter);
    if (before !== undefined && before !== text) this.conflicts++;
    this.sent.set(counter, text);
  }

  #reserve(end: number): number {
    const record = this.#flash.slice();
    if (!raiseReservation(record, end)) throw new Error("the reservation fell");
    if (this.#mistake === "reservation not written") return end;
    this.#mayCut();
    this.#flash = record;
    return readReservation(this.#flash.slice())!;
  }

  #readRtc(secretId: Uint8Array, reservedEnd: number): TrustedRtcImage | undefined {
    if (this.#mistake !== "trust any RTC counter") return decodeRtc(this.#rtc, { secretId, reservedEnd });
    for (let end = 0; end <= reservedEnd + 1024; end += 1024) {
      const image = decodeRtc(this.#rtc, { secretId, reservedEnd: end });
      if (image) return image;
    }
    return undefined;
  }

  #writeRtc(data: Uint8Array, next: number): void {
    if (this.#writesLeft === 0) {
      // Power fails before this write, or in the middle of it.
      if (this.#below(2) === 0) this.#rtc.set(data.subarray(0, this.#below(data.length + 1)));
      throw new PowerCut();
    }
    this.#mayCut();
    this.#rtc.set(data);
    if (this.#below(8) === 0) this.#oldRtc.push({ next, memory: this.#rtc.slice() });
  }

  #mayCut(): void {
    if (this.#writesLeft-- <= 0) throw new PowerCut();
  }

  #reset(): void {
    switch (this.#below(4)) {
      case 0:
        return;
      case 1:
        this.#rtc.fill(0);
        return;
      case 2:
        for (let i = this.#below(rtcBytes); i < rtcBytes; i++) this.#rtc[i] = this.#below(256);
        return;
      default:
        this.#comeBackOld();
    }
  }

  /** An image from an earlier reservation: what flash must protect against. Within one, RTC memory is trusted. */
  #comeBackOld(): void {
    const start = readReservation(this.#flash.slice())! - 1024;
    const old = this.#oldRtc.filter(({ next }) => next < start);
    const chosen = old[this.#below(old.length)];
    if (chosen) this.#rtc = chosen.memory.slice();
    else this.#rtc.fill(0);
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }
}

/** A small generator with a seed (mulberry32), the same in every engine. */
export function seededRandom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
