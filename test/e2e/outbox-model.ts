/**
 * A device in small, over the real outbox, counter and codecs: its flash, its RTC memory and its radio are here, and power
 * fails before any of their effects. Beside it the world, which knows of every reading what became of it.
 */
import { draftResult, readingsPerMessage } from "../../lib/cycle/outbox.js";
import { openKept, openLost } from "../../lib/cycle/outbox-boot.js";
import { OutboxKeeper } from "../../lib/cycle/outbox-keeper.js";
import { OutboxReader } from "../../lib/cycle/outbox-reader.js";
import { Shelf } from "../../lib/cycle/shelf.js";
import type { DropPolicy } from "../../lib/cycle/spill.js";
import type { Failure } from "../../lib/failure.js";
import { type CounterState, openCounter, reservationSize, step } from "../../lib/sealed/counter.js";
import { decodePackCbor } from "../../lib/senml/cbor.js";
import { encodeReading, type Measurement } from "../../lib/senml/measurement.js";
import { resolvePack } from "../../lib/senml/resolve.js";
import type { FrozenMessage, OutboxDraft } from "../../lib/store/outbox-items.js";
import { decodeRtc, encodeRtc, sensing } from "../../lib/store/rtc.js";
import type { Outbox } from "../../lib/store/rtc-outbox.js";
import { decodeSegment } from "../../lib/store/spill-segment.js";

export class PowerCut extends Error {}

export interface ModelSettings {
  readonly spillEvery: number;
  readonly flashBytes: number;
  readonly drop: DropPolicy;
  readonly rtcBytes: number;
  /** Bytes of a reading's text beside its number. */
  readonly padding?: number;
}

/** What a wake meets. */
export interface Weather {
  /** The broker answers. */
  readonly up: boolean;
  /** Messages that may be in flight. */
  readonly quota: number;
  /** Acknowledgements that come, of those that are due. */
  readonly acks: number;
  /** An answer to a command is frozen too. */
  readonly answers?: boolean;
}

const secretId = Uint8Array.of(1, 2, 3, 4);
const atMs = 1_800_000_000_000;

/** What the world has seen, and what it will not accept. */
export class Ledger {
  taken = 0;
  readonly wrong: string[] = [];
  readonly delivered = new Set<number>();
  readonly spilled = new Set<number>();
  /** Of readings, by sequence number, and back. */
  readonly serials = new Map<number, number>();
  readonly sequences = new Map<number, number>();
  /** Readings that messages said were dropped or lost, each said once. */
  told = { dropped: 0, gap: 0 };
  /** Readings lost in a wake that nothing could know of: see docs/storage.md. */
  excused = 0;
  private readonly plaintexts = new Map<number, string>();
  private chain = { dropped: 0, gap: 0 };
  private newest = -1;

  /** RTC memory was lost: flash says so much of what there was before. */
  lost(dropped: number, gap: number): void {
    this.chain = { dropped: Math.min(this.chain.dropped, dropped), gap: Math.min(this.chain.gap, gap) };
  }

  sees({ counter, plaintext, readings }: FrozenMessage): void {
    const text = plaintext.join();
    if ((this.plaintexts.get(counter) ?? text) !== text)
      this.wrong.push(`counter ${counter} met two plaintexts`);
    const again = this.plaintexts.has(counter);
    this.plaintexts.set(counter, text);
    if (readings === 0 || again) return;
    for (const { name, value, sequence, time } of resolvePack(decodePackCbor(plaintext))) {
      const kind = name.slice(2);
      if (kind === "state.dropped" || kind === "state.gap") {
        const what = kind === "state.gap" ? "gap" : "dropped";
        this.told[what] += Math.max(0, (value as number) - this.chain[what]);
        this.chain[what] = Math.max(this.chain[what], value as number);
      } else if (kind === "v") this.deliver(Number.parseInt(String(value), 10), sequence, time);
    }
  }

  private deliver(serial: number, sequence: number | undefined, time: number): void {
    if (sequence === undefined) return void this.wrong.push(`reading ${serial} without a number`);
    if ((this.serials.get(sequence) ?? serial) !== serial) this.wrong.push(`${sequence} is two readings`);
    if ((this.sequences.get(serial) ?? sequence) !== sequence)
      this.wrong.push(`reading ${serial} has two numbers`);
    if (time !== atMs / 1000 + serial) this.wrong.push(`reading ${serial} has another's time`);
    if (!this.delivered.has(serial) && sequence < this.newest)
      this.wrong.push(`reading ${serial} out of order`);
    this.newest = Math.max(this.newest, sequence);
    this.serials.set(sequence, serial);
    this.sequences.set(serial, sequence);
    this.delivered.add(serial);
  }

  /** Once everything that waited is delivered. */
  close(): readonly string[] {
    const { told } = this;
    const missing = this.taken - this.delivered.size;
    if (missing > told.dropped + told.gap + this.excused)
      this.wrong.push(
        `${missing} of ${this.taken} missing, ${told.dropped} dropped and ${told.gap} lost are told`,
      );
    const unspilled = [...this.spilled].filter((serial) => !this.delivered.has(serial)).length;
    if (unspilled > told.dropped)
      this.wrong.push(`${unspilled} spilled are missing, ${told.dropped} dropped`);
    return this.wrong;
  }
}

export class OutboxModel {
  readonly ledger = new Ledger();
  readonly flash = new Map<number, Uint8Array>();
  rtc: Uint8Array;
  reservedEnd = 0;
  flashWrites = 0;
  effects = 0;
  /** Power fails before this effect of the boot, counted from 1; a write of RTC memory is then torn. */
  cutAt = Number.POSITIVE_INFINITY;
  tear = false;
  flashFull = false;
  /** Power fails when the radio comes on, this once. */
  failsAtRadio = false;
  /** The wake before ended with deep sleep. */
  private clean = false;
  private serial = 0;
  private readonly settings: ModelSettings;
  private counter: CounterState<OutboxDraft> = openCounter(0);
  /** Readings taken since RTC memory was lost, while neither flash nor anybody else has heard of that. */
  private takenUnsaid = 0;
  private unsaid = false;

  constructor(settings: ModelSettings) {
    this.settings = settings;
    this.rtc = new Uint8Array(settings.rtcBytes);
  }

  /** One wake. @returns whether it came to its end */
  wake(weather: Weather): boolean {
    this.effects = 0;
    try {
      this.live(weather);
      this.clean = true;
      return true;
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
      this.clean = false;
      return false;
    } finally {
      this.cutAt = Number.POSITIVE_INFINITY;
    }
  }

  /** RTC memory is lost while the board sleeps, or is off. */
  loseRtc(fill = 0): void {
    this.rtc.fill(fill);
    this.clean = false;
  }

  private effect(): void {
    if (++this.effects >= this.cutAt) throw new PowerCut();
  }

  private live({ up, quota, acks, answers }: Weather): void {
    const { spillEvery, flashBytes, drop } = this.settings;
    const trust = { secretId, reservedEnd: this.reservedEnd };
    const kept = decodeRtc(this.rtc, trust);
    const shelf =
      flashBytes === 0
        ? undefined
        : new Shelf(
            {
              read: (slot) => this.flash.get(slot)?.slice(),
              write: (slot, data) => this.writeFlash(slot, data),
              remove: (slot) => this.writeFlash(slot, undefined),
            },
            trust,
            flashBytes,
          );
    const settings = { most: spillEvery, drop };
    this.counter = openCounter(this.reservedEnd, kept?.next);
    const { clean } = this;
    let fresh = false;
    if (!kept && this.reservedEnd === 0) {
      fresh = true;
      this.reserve(reservationSize);
      this.counter = openCounter(this.reservedEnd, 0);
    }
    const opened = kept
      ? openKept(kept.outbox, shelf, { interrupted: kept.interrupted === true, clean })
      : openLost(shelf, settings, trust.reservedEnd, fresh);
    if (!kept) {
      const { losses } = opened.outbox;
      this.ledger.lost(losses.dropped, losses.gap - opened.gap);
      // Lost again before the first wake could tell anybody: both losses are one.
      if (this.unsaid) this.ledger.excused += this.takenUnsaid;
      this.unsaid = !fresh;
      this.takenUnsaid = 0;
    }
    const keeper: OutboxKeeper = new OutboxKeeper(opened.outbox, shelf, settings, {
      store: (outbox) => this.store(outbox, this.counter.next),
      now: () => atMs + this.serial * 1000,
      tell: () => {},
      get nextCounter() {
        return counterOf();
      },
    });
    const counterOf = () => this.counter.next;
    const reader = new OutboxReader(keeper);
    keeper.begin(opened.changed);
    this.effect();
    this.rtc[sensing.at] = sensing.value;
    const serial = this.serial++;
    this.ledger.taken++;
    this.takenUnsaid++;
    const pad = "x".repeat(this.settings.padding ?? 0);
    const measurements: Measurement[] = [{ name: "v", value: `${serial}${pad}` }];
    keeper.queue(encodeReading({ timeMs: atMs + serial * 1000, measurements }));
    if (this.failsAtRadio) {
      this.failsAtRadio = false;
      throw new PowerCut();
    }
    if (up) this.send(keeper, reader, quota, acks, answers ?? false);
    keeper.endWake();
    keeper.save();
    this.unsaid = false;
  }

  private send(
    keeper: OutboxKeeper,
    reader: OutboxReader,
    quota: number,
    acks: number,
    answers: boolean,
  ): void {
    const sent: number[] = [];
    let left = acks;
    if (answers)
      this.freeze(keeper, reader, draftResult(keeper.outbox, Uint8Array.of(this.serial & 255)), false);
    const inFlight: number[] = [];
    for (;;) {
      let message = reader.messages.find(({ counter }) => !sent.includes(counter));
      if (!message && inFlight.length < quota) message = this.next(keeper, reader);
      if (message && inFlight.length < quota) {
        this.effect();
        sent.push(message.counter);
        inFlight.push(message.counter);
        this.ledger.sees(message);
        this.unsaid = false;
        continue;
      }
      const oldest = inFlight.shift();
      if (oldest === undefined || left-- <= 0) return;
      reader.acknowledged(oldest);
    }
  }

  private next(keeper: OutboxKeeper, reader: OutboxReader): FrozenMessage | undefined {
    const old = reader.renewed();
    if (old) return this.freeze(keeper, reader, old, false);
    const { dropped, gap, toldDropped, toldGap } = keeper.outbox.losses;
    const state: Measurement[] = [];
    if (dropped !== toldDropped) state.push({ name: "state.dropped", value: dropped });
    if (gap !== toldGap) state.push({ name: "state.gap", value: gap });
    for (let most = this.settings.rtcBytes >> 2; ; most >>= 1) {
      const draft = reader.draft({ baseName: "d:", format: "cbor", state }, atMs + this.serial * 1000, most);
      if (!draft) return undefined;
      const frozen = this.freeze(keeper, reader, draft, true);
      if (frozen || draft.readings > 1) {
        if (frozen) return frozen;
        continue;
      }
      if (keeper.outbox.messages.length > 0) return undefined;
      if (!keeper.spill()) reader.drop(draft.firstSequence);
    }
  }

  /** Undefined: it does not fit. */
  private freeze(
    keeper: OutboxKeeper,
    reader: OutboxReader,
    draft: OutboxDraft,
    tells: boolean,
  ): FrozenMessage | undefined {
    const end = draft.firstSequence + draft.readings;
    for (;;) {
      const { next, reservedEnd } = this.counter;
      if (end <= readingsPerMessage * (next < reservedEnd ? reservedEnd : reservedEnd + reservationSize))
        break;
      this.counter = openCounter(reservedEnd);
      keeper.save(false);
      this.reserve(reservedEnd + reservationSize);
      this.counter = { at: "ready", next: reservedEnd, reservedEnd: this.reservedEnd };
    }
    let taken = step(this.counter, { type: "freeze", draft });
    for (;;) {
      this.counter = taken.state;
      const [effect] = taken.effects;
      if (effect?.type === "write-reservation") {
        this.reserve(effect.reservedEnd);
        taken = step(this.counter, { type: "reserved", reservedEnd: this.reservedEnd });
      } else if (effect?.type === "persist") {
        const written = this.store(reader.with(effect.message, tells), effect.next);
        taken = step(this.counter, written ? { type: "storage-failed", detail: "" } : { type: "persisted" });
      } else if (effect?.type === "frozen") {
        keeper.outbox = reader.with(effect.message, tells);
        if (keeper.shelf) keeper.shelf.trust = { secretId, reservedEnd: this.reservedEnd };
        return effect.message;
      } else return undefined;
    }
  }

  private reserve(end: number): void {
    this.effect();
    this.flashWrites++;
    this.reservedEnd = end;
  }

  private writeFlash(slot: number, data: Uint8Array | undefined): boolean {
    if (this.flashFull && data) return false;
    this.effect();
    this.flashWrites++;
    if (data) this.flash.set(slot, data.slice());
    else this.flash.delete(slot);
    const segment = data && decodeSegment(data, { secretId, reservedEnd: 2 ** 40 });
    for (const { content } of segment?.readings ?? []) this.ledger.spilled.add(serialIn(content));
    return true;
  }

  private store(outbox: Outbox, next: number): Failure | "too large" | undefined {
    const encoded = encodeRtc({ next, outbox }, secretId, this.settings.rtcBytes);
    if ("tooLarge" in encoded) return "too large";
    if (++this.effects >= this.cutAt) {
      const torn = this.tear ? encoded.data.length >> 1 : 0;
      this.rtc.set(encoded.data.subarray(0, torn));
      throw new PowerCut();
    }
    this.rtc.fill(0);
    this.rtc.set(encoded.data);
    return undefined;
  }
}

function serialIn(content: Uint8Array): number {
  // dCBOR([timeMs, …]): times are a second apart.
  const view = new DataView(content.buffer, content.byteOffset, content.length);
  return (view.getUint32(2) * 2 ** 32 + view.getUint32(6) - atMs) / 1000;
}
