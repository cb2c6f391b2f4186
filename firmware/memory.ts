/**
 * The device's working state and its copy in RTC memory: outbox, next counter, time base. A message that
 * `freeze` returns has been stored with its counter; only such a message can be stamped.
 */
import { clockMoved, isAuthenticated } from "dormouse/cycle/authenticated-time";
import {
  acknowledge,
  dateReadings,
  draftMessage,
  draftResult,
  dropOldest,
  dropResult,
  queueReading,
  waiting,
  waitingResults,
  withMessage,
} from "dormouse/cycle/outbox";
import { askedAgain, asleep, byBoard, clockOf, distrusted, doubted, timeSet } from "dormouse/cycle/time-base";
import { type Failure, failure } from "dormouse/failure";
import { readRtc, rtcBytes, writeRtc } from "dormouse/native/power";
import { type CounterState, openCounter } from "dormouse/sealed/counter";
import type { Frozen } from "dormouse/sealed/frozen";
import type { Packing } from "dormouse/senml/measurement";
import type { Device } from "dormouse/store/device-record";
import { decodeRtc, markRecovery, type RtcImage, type RtcTrust } from "dormouse/store/rtc";
import type { CycleMemory } from "dormouse/store/rtc-cycle";
import { type DownlinkMemory, emptyDownlink } from "dormouse/store/rtc-downlink";
import type { NetworkCache } from "dormouse/store/rtc-network";
import {
  emptyOutbox,
  type FrozenOutbox,
  type Outbox,
  type OutboxDraft,
  resultsTopic,
} from "dormouse/store/rtc-outbox";
import type { TimeBase } from "dormouse/store/rtc-time";
import type { Clock } from "dormouse/tls/options";
import { isSmall } from "./board.js";
import { readClock, wakeClock } from "./clock.js";
import { type Frost, freezeDraft } from "./freezing.js";
import { report } from "./report.js";
import { storeRtc } from "./rtc-memory.js";

/** How many readings may wait: each takes some 250 bytes of a machine's memory while it is packed. */
function maxWaiting(): number {
  return isSmall() ? 6 : rtcBytes() >> 6;
}

/** How many answers to commands may wait: with these there is no other command. */
function maxResults(): number {
  return isSmall() ? 1 : 4;
}

/** What is kept only because it makes the next wake quicker. */
type Quicker = Pick<RtcImage, "tls" | "mqtt">;

export class Memory {
  #secretId: Uint8Array;
  readonly #droppedBefore: number;
  #counter: CounterState<OutboxDraft>;
  #outbox: FrozenOutbox;
  #time: TimeBase;
  /**
   * The TLS session to take up at the next connection, sealed; undefined when there is none. A single byte: for so
   * many wakes there is to be none.
   */
  session: Uint8Array | undefined;
  /**
   * What the MQTT session left for the next; undefined when nothing is known of the broker. A single byte: the next is to
   * begin clean.
   */
  mqtt: Uint8Array | undefined;
  /** For how long the board is about to sleep; the next write keeps it. */
  sleepMs = 0;
  /** What commands must carry while the time is not authenticated; the next write keeps it. */
  challenge: Uint8Array | undefined;
  /** What joining the network found out; the next write keeps it, where there is room. */
  network: NetworkCache | undefined;
  /** What the wake before left about sending; the next write keeps it. */
  cycle: CycleMemory | undefined;
  /** What commands left; the next write keeps it, unless that is nothing. */
  downlink: DownlinkMemory;

  /**
   * Takes over what RTC memory kept, if it belongs to this device's secret and counter: else a cold start.
   * @param rtc all of RTC memory
   */
  constructor({ secretId, reservedEnd, formerId }: Device, rtc: Uint8Array) {
    const trust: RtcTrust = { secretId, reservedEnd, ...(formerId && { formerId }) };
    const kept = decodeRtc(rtc, trust);
    this.#secretId = secretId;
    this.#counter = openCounter(reservedEnd, kept?.next);
    this.#outbox = kept?.outbox ?? emptyOutbox;
    this.#time = wakeClock(kept?.time);
    this.session = kept?.tls;
    this.mqtt = kept?.mqtt;
    this.challenge = kept?.challenge;
    this.network = kept?.network;
    this.cycle = kept?.cycle;
    this.downlink = kept?.downlink ?? emptyDownlink;
    this.#droppedBefore = this.#outbox.dropped;
  }

  /**
   * After a crash: keeps the newer half of what waited, and stores it, so that whatever did not fit the
   * machine's memory fits one day. If that crashes too, nothing is kept; counters go on beyond the reservation.
   */
  static recover(device: Device): Memory {
    const rtc = readRtc();
    const marked = rtc.slice();
    const first = markRecovery(marked);
    writeRtc(first ? marked : new Uint8Array(0));
    const memory = new Memory(device, first ? rtc : new Uint8Array(0));
    for (let fewer = dropResult(memory.#outbox); fewer; fewer = dropResult(fewer)) memory.#outbox = fewer;
    const keep = waiting(memory.#outbox) >> 1;
    while (waiting(memory.#outbox) > keep) memory.#outbox = dropOldest(memory.#outbox) ?? emptyOutbox;
    // What the broker has for this device may have been the reason.
    memory.forgetSession();
    memory.saveAll();
    return memory;
  }

  /** The next connection begins clean: the broker is to forget what it has for this device. */
  forgetSession(): void {
    this.mqtt = Uint8Array.of(0);
  }

  get sessionIsForgotten(): boolean {
    return this.mqtt?.length === 1;
  }

  /** What the clock is worth; `unknown` also when a certificate has cast doubt on it. */
  get clock(): Clock {
    const clock = clockOf(this.#time);
    return clock === "sntp" && this.timeIsAuthenticated ? "trusted" : clock;
  }

  /** Whether nobody could have forged the time: an SNTP server's is not, however often it is given. */
  get timeIsAuthenticated(): boolean {
    return isAuthenticated(this.downlink, Date.now());
  }

  /** The device has another secret: what is written from now on belongs to that. */
  rekeyed(secretId: Uint8Array): void {
    this.#secretId = secretId;
  }

  /** The one the next message will have. */
  get nextCounter(): number {
    return this.#counter.next;
  }

  get messages(): FrozenOutbox["messages"] {
    return this.#outbox.messages;
  }

  /** Whether readings wait, in messages or not. */
  get hasReadings(): boolean {
    return waiting(this.#outbox) > 0;
  }

  /** Readings dropped for want of room since this object was made. */
  get dropped(): number {
    return this.#outbox.dropped - this.#droppedBefore;
  }

  /**
   * An SNTP server set the clock just now, which jumped by `jumpMs`: readings taken without a clock are dated, and
   * dated anew when they were by a time under suspicion, or by one that had drifted.
   */
  clockSet(nowMs: number, jumpMs: number): void {
    const set = timeSet(this.#time, nowMs, jumpMs);
    this.#outbox = dateReadings(this.#outbox, set.date);
    this.#time = set.time;
    this.downlink = clockMoved(this.downlink, jumpMs);
  }

  /**
   * Whether a known time is to be asked for again: the clock may have drifted too far. Once said, not again for some
   * hours: a silent server is not asked at every wake.
   */
  wantsTime(nowMs: number): boolean {
    const asked = askedAgain(this.#time, nowMs);
    this.#time = asked ?? this.#time;
    return asked !== undefined;
  }

  /** For how long by its own clock the board has to sleep, to sleep for `ms`. */
  byBoard(ms: number): number {
    return byBoard(this.#time, ms);
  }

  /** What goes by the time was refused, which may be the time's fault: it is asked for at the next wake, and serves till then. */
  doubtClock(): void {
    this.#time = doubted(this.#time);
  }

  /** A certificate did not fit the time: unless that is authenticated, it is asked for again at the next wake. */
  distrustClock(): void {
    if (!this.timeIsAuthenticated) this.#time = distrusted(this.#time);
  }

  /** Something waits to be sent. */
  get hasWaiting(): boolean {
    return this.#outbox.messages.length > 0 || this.#outbox.readings.length > 0;
  }

  /** Another reading or two, and some are lost. */
  get isNearlyFull(): boolean {
    return waiting(this.#outbox) + 2 > maxWaiting();
  }

  /** Readings dropped for want of room, as long as RTC memory has been kept. */
  get everDropped(): number {
    return this.#outbox.dropped;
  }

  /** Queues a reading and stores it; the oldest go when RTC memory is full. */
  queue(content: Uint8Array): Failure | undefined {
    this.#outbox = queueReading(this.#outbox, content);
    while (waiting(this.#outbox) > maxWaiting()) this.#outbox = dropOldest(this.#outbox) ?? emptyOutbox;
    return this.save();
  }

  /**
   * The oldest waiting readings as one frozen message; undefined when none wait. A message is larger than its
   * readings: what does not fit RTC memory is made of fewer, and a reading that does not fit alone is dropped.
   * @param roomBytes how much the broker takes of it in one message; one reading is sent in any case
   */
  freeze(packing: Packing, roomBytes: number): Frozen<OutboxDraft> | Failure | undefined {
    for (let maxContentBytes = Math.min(768, rtcBytes() >> 2, roomBytes); ; maxContentBytes >>= 1) {
      const draft = draftMessage(this.#outbox, packing, readClock(), maxContentBytes);
      if (!draft) return undefined;
      if (draft.plaintext.length > roomBytes && draft.readings > 1) continue;
      const result = this.freezeDraft(draft);
      if (result !== "too large") return result;
      if (draft.readings === 1) this.#outbox = dropOldest(this.#outbox) ?? emptyOutbox;
    }
  }

  /** Whether another command may be acted on: its answer finds room. */
  get hasRoomForResult(): boolean {
    return waitingResults(this.#outbox) < maxResults();
  }

  /** A command's answer as a frozen message. No reading goes for it. */
  freezeResult(plaintext: Uint8Array): Frozen<OutboxDraft> | Failure {
    const result = this.freezeDraft(draftResult(this.#outbox, plaintext));
    return result === "too large" ? failure("storage-failed", "the answer does not fit RTC memory") : result;
  }

  /** Whether the message with this counter is a command's answer. */
  isResult(counter: number): boolean {
    return this.#outbox.messages.some((one) => one.counter === counter && one.topic === resultsTopic);
  }

  private freezeDraft(draft: OutboxDraft): Frost<OutboxDraft> {
    const persist = (message: Outbox["messages"][number], next: number) =>
      this.write(withMessage(this.#outbox, message), next);
    const { counter, frost } = freezeDraft(this.#counter, draft, persist);
    this.#counter = counter;
    if (typeof frost === "object" && !("kind" in frost)) this.#outbox = withMessage(this.#outbox, frost);
    return frost;
  }

  /** The broker has the message: the next `save` forgets it. */
  acknowledged(counter: number): void {
    this.#outbox = acknowledge(this.#outbox, counter);
  }

  /** As `save`, and with what only makes the next wake quicker: a wake that crashes before goes without. */
  saveAll(): Failure | undefined {
    const { session, mqtt } = this;
    return this.save({ ...(session && { tls: session }), ...(mqtt && { mqtt }) });
  }

  /** Writes RTC memory, dropping the oldest until it fits. */
  save(more: Quicker = {}): Failure | undefined {
    for (;;) {
      const written = this.write(this.#outbox, this.#counter.next, more);
      if (written !== "too large") return written;
      const smaller = dropOldest(this.#outbox);
      if (smaller && waitingResults(smaller) < waitingResults(this.#outbox))
        report("error", { ...failure("storage-failed", "no room for the answer to a command") });
      if (!smaller) return failure("storage-failed", `RTC memory of ${rtcBytes()} bytes is too small`);
      this.#outbox = smaller;
    }
  }

  private write(outbox: Outbox, next: number, more: Quicker = {}): Failure | "too large" | undefined {
    const time = asleep(this.#time, Date.now(), this.sleepMs);
    const { challenge, network, cycle, downlink } = this;
    const image: RtcImage = {
      next,
      outbox,
      time,
      ...(challenge && { challenge }),
      ...(network && { network }),
      ...(cycle && { cycle }),
      ...(downlink !== emptyDownlink && { downlink }),
      ...more,
    };
    return storeRtc(image, this.#secretId);
  }
}
