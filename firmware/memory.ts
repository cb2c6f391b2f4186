/**
 * The device's working state and its copy in RTC memory: outbox, next counter, time base. A message that
 * `freeze` returns has been stored with its counter; only such a message can be stamped.
 */
import {
  acknowledge,
  dateReadings,
  draftMessage,
  dropOldest,
  queueReading,
  withMessage,
} from "dormouse/cycle/outbox";
import { type Failure, failure } from "dormouse/failure";
import { readRtc, rtcBytes, writeRtc } from "dormouse/native/power";
import { type CounterEvent, type CounterState, openCounter, step } from "dormouse/sealed/counter";
import type { Frozen } from "dormouse/sealed/frozen";
import type { Device } from "dormouse/store/device-record";
import { decodeRtc, encodeRtc, type RtcTrust } from "dormouse/store/rtc";
import type { TimeBase } from "dormouse/store/rtc-counter";
import { emptyOutbox, type FrozenOutbox, type Outbox, type OutboxDraft } from "dormouse/store/rtc-outbox";
import { writeReservation } from "./provisioned.js";

export class Memory {
  readonly #secretId: Uint8Array;
  #counter: CounterState<OutboxDraft>;
  #outbox: FrozenOutbox;
  #time: TimeBase | undefined;

  /** Takes over what RTC memory kept, if it belongs to this device's secret and counter: else a cold start. */
  constructor({ secretId, reservedEnd }: Device) {
    const trust: RtcTrust = { secretId, reservedEnd };
    const kept = decodeRtc(readRtc(), trust);
    this.#secretId = secretId;
    this.#counter = openCounter(reservedEnd, kept?.next);
    this.#outbox = kept?.outbox ?? emptyOutbox;
    this.#time = kept?.time;
  }

  get clockKnown(): boolean {
    return this.#time !== undefined;
  }

  get messages(): FrozenOutbox["messages"] {
    return this.#outbox.messages;
  }

  get dropped(): number {
    return this.#outbox.dropped;
  }

  /** The clock was set just now and jumped by `jumpMs`: readings taken before are dated. */
  clockSet(nowMs: number, jumpMs: number): void {
    if (!this.#time) this.#outbox = dateReadings(this.#outbox, jumpMs);
    this.#time = { wallMs: nowMs, setAtMs: nowMs, source: "sntp" };
  }

  /** Queues a reading and stores it; the oldest go when RTC memory is full. */
  queue(content: Uint8Array): Failure | undefined {
    this.#outbox = queueReading(this.#outbox, content);
    return this.save();
  }

  /** The waiting readings as one frozen message; undefined when none wait. */
  freeze(baseName: string): Frozen<OutboxDraft> | Failure | undefined {
    const draft = draftMessage(this.#outbox, baseName, Date.now());
    if (!draft) return undefined;
    let event: CounterEvent<OutboxDraft> | undefined = { type: "freeze", draft };
    while (event) {
      const { state, effects }: ReturnType<typeof step<OutboxDraft>> = step(this.#counter, event);
      this.#counter = state;
      event = undefined;
      for (const effect of effects) {
        switch (effect.type) {
          case "write-reservation":
            event = this.#reserve(effect.reservedEnd);
            break;
          case "persist":
            event = this.#persist(
              withMessage<Outbox["messages"][number]>(this.#outbox, effect.message),
              effect.next,
            );
            break;
          case "frozen":
            this.#outbox = withMessage(this.#outbox, effect.message);
            return effect.message;
          case "failed":
            return effect.failure;
        }
      }
    }
    throw new Error("the counter neither froze nor failed");
  }

  /** The broker has the message: the next `save` forgets it. */
  acknowledged(counter: number): void {
    this.#outbox = acknowledge(this.#outbox, counter);
  }

  /** Writes RTC memory, dropping the oldest until it fits. */
  save(): Failure | undefined {
    for (;;) {
      const written = this.#write(this.#outbox, this.#counter.next);
      if (written !== "too large") return written;
      const smaller = dropOldest(this.#outbox);
      if (!smaller) return failure("storage-failed", `RTC memory of ${rtcBytes()} bytes is too small`);
      this.#outbox = smaller;
    }
  }

  #reserve(reservedEnd: number): CounterEvent<OutboxDraft> {
    try {
      const now = writeReservation(reservedEnd);
      if (now !== undefined) return { type: "reserved", reservedEnd: now };
      return { type: "storage-failed", detail: "the device record cannot be read back" };
    } catch (error) {
      return { type: "storage-failed", detail: String(error) };
    }
  }

  #persist(outbox: Outbox, next: number): CounterEvent<OutboxDraft> {
    const written = this.#write(outbox, next);
    if (written === undefined) return { type: "persisted" };
    const detail = written === "too large" ? "the message does not fit RTC memory" : written.detail;
    return { type: "storage-failed", detail };
  }

  #write(outbox: Outbox, next: number): Failure | "too large" | undefined {
    const time = this.#time && { ...this.#time, wallMs: Date.now() };
    const encoded = encodeRtc({ next, outbox, ...(time && { time }) }, this.#secretId, rtcBytes());
    if ("tooLarge" in encoded) return "too large";
    writeRtc(encoded.data);
    const kept = readRtc();
    if (encoded.data.every((byte, i) => byte === kept[i])) return undefined;
    return failure("storage-failed", "RTC memory does not keep what is written");
  }
}
