/**
 * The device's working state and its copy in RTC memory: outbox, next counter, time base. A message that
 * `freeze` returns has been stored with its counter; only such a message can be stamped.
 */
import { clockMoved, isAuthenticated } from "dormouse/cycle/authenticated-time";
import { clockJumped } from "dormouse/cycle/join-cache";
import {
  dateReadings,
  draftResult,
  readingsPerMessage,
  recovered,
  waiting,
  waitingResults,
} from "dormouse/cycle/outbox";
import { openKept, openLost } from "dormouse/cycle/outbox-boot";
import { type KeeperShell, OutboxKeeper } from "dormouse/cycle/outbox-keeper";
import { OutboxReader } from "dormouse/cycle/outbox-reader";
import type { KeeperSettings } from "dormouse/cycle/spill";
import { askedAgain, asleep, byBoard, clockOf, distrusted, doubted, timeSet } from "dormouse/cycle/time-base";
import { type Failure, failure } from "dormouse/failure";
import { readRtc, rtcBytes, wakeCause, writeRtc, writeRtcByte } from "dormouse/native/power";
import { type CounterState, openCounter, reservationSize } from "dormouse/sealed/counter";
import type { Frozen } from "dormouse/sealed/frozen";
import type { Packing } from "dormouse/senml/measurement";
import type { Device } from "dormouse/store/device-record";
import { mostOpen } from "dormouse/store/losses-record";
import { type OutboxDraft, resultsTopic } from "dormouse/store/outbox-items";
import type { OutboxSettings } from "dormouse/store/profile";
import { decodeRtc, markRecovery, type RtcImage, sensing } from "dormouse/store/rtc";
import type { CycleMemory } from "dormouse/store/rtc-cycle";
import { type DownlinkMemory, emptyDownlink } from "dormouse/store/rtc-downlink";
import type { NetworkCache } from "dormouse/store/rtc-network";
import type { FrozenOutbox, Losses, Outbox } from "dormouse/store/rtc-outbox";
import type { TimeBase } from "dormouse/store/rtc-time";
import type { Clock } from "dormouse/tls/options";
import { isSmall } from "./board.js";
import { readClock, wakeClock } from "./clock.js";
import { type Frost, freezeDraft, raiseReservation } from "./freezing.js";
import { closeLosses, notedLosses, noteLosses } from "./losses.js";
import { report } from "./report.js";
import { storeRtc } from "./rtc-memory.js";
import { keeperSettings, openShelf } from "./spill.js";

/** How many answers to commands may wait: with these there is no other command. */
function maxResults(): number {
  return isSmall() ? 1 : 4;
}

function settled(frost: Frost<OutboxDraft>): Frozen<OutboxDraft> | Failure {
  return frost === "too large" ? failure("storage-failed", "a message does not fit RTC memory") : frost;
}

export class Memory implements KeeperShell {
  readonly #secretId: Uint8Array;
  #counter: CounterState<OutboxDraft>;
  readonly #keeper: OutboxKeeper;
  readonly #reader: OutboxReader;
  /** The next write keeps also what only makes the next wake quicker. */
  #all = false;
  readonly #settings: KeeperSettings;
  /** RTC memory was lost, and had been before, at so many boots that took a reading and did not come to their end. */
  #opened: number;
  /** RTC memory was lost, and flash says so with this reservation, as long as none of its counters is used. */
  #openEnd: number | undefined;
  /** At boot: RTC memory has another outbox. */
  readonly #changed: boolean;
  #time: TimeBase;
  /** How long ago RTC memory was written, by this clock: of a board that a pin has woken, its sleep. */
  readonly sleptMs: number;
  /** The TLS session to take up at the next connection, sealed; undefined when there is none. */
  session: Uint8Array | undefined;
  /** For so many wakes, this one included, there is to be none. */
  tlsPause = 0;
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
   * Takes over what RTC memory kept, if it belongs to this device's secret and counter: else a cold start, with what flash
   * has of the outbox.
   * @param rtc all of RTC memory
   */
  constructor(device: Device, rtc: Uint8Array, outbox: OutboxSettings = {}) {
    const { secretId, reservedEnd } = device;
    const kept = decodeRtc(rtc, device);
    this.#secretId = secretId;
    this.#counter = openCounter(reservedEnd, kept?.next);
    this.#time = wakeClock(kept?.time);
    this.sleptMs = kept?.time ? Math.max(0, this.#time.wallMs - kept.time.wallMs) : 0;
    this.session = kept?.tls;
    this.tlsPause = kept?.tlsPause ?? 0;
    this.mqtt = kept?.mqtt;
    this.challenge = kept?.challenge;
    this.network = kept?.network;
    this.cycle = kept?.cycle;
    this.downlink = kept?.downlink ?? emptyDownlink;
    const settings = keeperSettings(outbox);
    const shelf = openShelf(outbox, device);
    const cause = wakeCause();
    const clean = cause === "deep-sleep" || cause === "gpio";
    const noted = kept ? undefined : notedLosses();
    const opened = kept
      ? openKept(kept.outbox, shelf, { interrupted: kept.interrupted === true, clean })
      : openLost(shelf, settings, reservedEnd, reservedEnd === 0, noted);
    // Nothing was frozen since: a board that loses its power at every boot is not to write to flash at every boot.
    this.#opened = noted?.reservedEnd === reservedEnd ? noted.open : 0;
    if (this.#opened > 0) this.#openEnd = reservedEnd;
    this.#settings = settings;
    this.#keeper = new OutboxKeeper(opened.outbox, shelf, settings, this);
    this.#reader = new OutboxReader(this.#keeper);
    if (opened.gap > 0) report("gap", { readings: opened.gap });
    this.#changed = opened.changed;
  }

  /** Before anything is measured: a reading that is lost from now on is one more. */
  begin(): void {
    const reason = this.#keeper.begin(this.#changed);
    if (reason) report("error", { ...reason });
  }

  /**
   * After a crash: keeps the newer half of what waited, and stores it, so that whatever did not fit the
   * machine's memory fits one day. If that crashes too, nothing is kept; counters go on beyond the reservation.
   */
  static recover(device: Device, outbox?: OutboxSettings): Memory {
    const rtc = readRtc();
    const marked = rtc.slice();
    const first = markRecovery(marked);
    writeRtc(first ? marked : new Uint8Array(0));
    const memory = new Memory(device, first ? rtc : new Uint8Array(0), outbox);
    memory.#keeper.replace(recovered(memory.#keeper.outbox));
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

  /** The one the next message will have. */
  get nextCounter(): number {
    return this.#counter.next;
  }

  /** What is frozen and not acknowledged, in the order in which it goes. */
  get messages(): FrozenOutbox["messages"] {
    return this.#reader.messages;
  }

  /** Whether readings wait, in messages or not. */
  get hasReadings(): boolean {
    return !this.#keeper.hasNoSegments || waiting(this.#keeper.outbox) > 0;
  }

  /** Readings that nobody will get, as long as RTC memory has been kept. */
  get losses(): Losses {
    return this.#keeper.outbox.losses;
  }

  /**
   * An SNTP server set the clock just now, which jumped by `jumpMs`: readings taken without a clock are dated, and
   * dated anew when they were by a time under suspicion, or by one that had drifted.
   */
  clockSet(nowMs: number, jumpMs: number): void {
    const set = timeSet(this.#time, nowMs, jumpMs);
    const { outbox } = this.#keeper;
    this.#keeper.outbox = { ...outbox, readings: dateReadings(outbox.readings, set.date) };
    if (!this.#keeper.hasNoSegments) this.#reader.dateSegments(set.date);
    this.#time = set.time;
    this.downlink = clockMoved(this.downlink, jumpMs);
    this.network = clockJumped(this.network, jumpMs);
  }

  /**
   * Whether a known time is to be asked for again: the clock may have drifted too far. Once said, not again for a
   * while: a silent server is not asked at every wake.
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
    return this.hasReadings || this.#keeper.outbox.messages.length > 0;
  }

  /** Another reading or two, and some are lost. */
  get isNearlyFull(): boolean {
    return this.#keeper.isNearlyFull;
  }

  /**
   * A reading is about to be taken: should the wake end before it is queued, it is known that there was one. The
   * reservation that the first message will need says from the first reading on that there have been readings.
   * @returns why none may be taken: should RTC memory be lost, nobody would know of it
   */
  sensing(): Failure | undefined {
    if (this.#opened >= mostOpen)
      return failure(
        "storage-failed",
        "RTC memory is lost again and again: no reading is taken in this wake",
      );
    if (this.#counter.reservedEnd === 0) {
      const raised = raiseReservation<OutboxDraft>(this.#counter);
      if (!raised)
        return failure("storage-failed", "flash does not keep that there are readings: none is taken");
      this.#counter = raised;
    }
    const keeper = this.#keeper;
    const { reservedEnd } = this.#counter;
    const { cold } = keeper.outbox.losses;
    const open = cold ? this.#opened + 1 : 0;
    const noted = noteLosses(keeper.outbox, this.#settings, keeper.shelf !== undefined, reservedEnd, open);
    if (!noted)
      return failure("storage-failed", "flash does not keep how many readings were lost: none is taken");
    if (cold) this.#openEnd = reservedEnd;
    keeper.outbox = noted;
    writeRtcByte(sensing.at, sensing.value);
    return undefined;
  }

  /** Queues a reading and stores it; what there is no room for is dropped as the profile says. */
  queue(content: Uint8Array): Failure | undefined {
    return this.#keeper.queue(content);
  }

  /**
   * The oldest waiting readings as one frozen message; undefined when none wait, or when what waits before them is to go
   * first. A message is larger than its readings: what does not fit RTC memory is made of fewer, and a reading that does
   * not fit alone is dropped.
   * @param roomBytes how much the broker takes of it in one message; one reading is sent in any case
   */
  freeze(packing: Packing, roomBytes: number): Frozen<OutboxDraft> | Failure | undefined {
    const old = this.#reader.renewed();
    if (old) return settled(this.freezeDraft(old, false));
    const most = Math.min(768, rtcBytes() >> 2, roomBytes);
    for (let maxContentBytes = most; ; maxContentBytes >>= 1) {
      const draft = this.#reader.draft(packing, readClock(), maxContentBytes);
      if (!draft) return undefined;
      if (draft.plaintext.length > roomBytes && draft.readings > 1) continue;
      const result = this.freezeDraft(draft, true);
      if (result !== "too large") return result;
      if (draft.readings > 1) continue;
      // What stands in RTC memory goes first, or to flash; if it is not that, the reading is too large.
      if (this.#keeper.outbox.messages.length > 0) return undefined;
      if (!this.#keeper.spill()) this.#reader.drop(draft.firstSequence);
    }
  }

  /** Whether another command may be acted on: its answer finds room. */
  get hasRoomForResult(): boolean {
    return waitingResults(this.#keeper.outbox) < maxResults();
  }

  /** A command's answer as a frozen message. No reading goes for it. */
  freezeResult(plaintext: Uint8Array): Frozen<OutboxDraft> | Failure {
    return settled(this.freezeDraft(draftResult(this.#keeper.outbox, plaintext), false));
  }

  /** Whether the message with this counter is a command's answer. */
  isResult(counter: number): boolean {
    return this.#keeper.outbox.messages.some((one) => one.counter === counter && one.topic === resultsTopic);
  }

  /** @param tells the message says what was lost */
  private freezeDraft(draft: OutboxDraft, tells: boolean): Frost<OutboxDraft> {
    const keeper = this.#keeper;
    const reader = this.#reader;
    const reason = this.reserveFor(draft.firstSequence + draft.readings);
    if (reason) return reason;
    const { counter, frost } = freezeDraft(this.#counter, draft, (message, next) =>
      this.write(reader.with(message, tells), next),
    );
    this.#counter = counter;
    const { shelf } = keeper;
    if (shelf && shelf.trust.reservedEnd !== counter.reservedEnd)
      shelf.trust = { ...shelf.trust, reservedEnd: counter.reservedEnd };
    if (typeof frost === "object" && !("kind" in frost)) keeper.outbox = reader.with(frost, tells);
    return frost;
  }

  /**
   * Raises the reservation as far as sequence numbers below `end` need it, which is hardly ever: so many readings would
   * have been dropped. One step at a time, and first RTC memory: it would not be trusted with a reservation far ahead.
   */
  private reserveFor(end: number): Failure | undefined {
    for (;;) {
      const { next, reservedEnd } = this.#counter;
      const will = next < reservedEnd ? reservedEnd : reservedEnd + reservationSize;
      if (end <= readingsPerMessage * will) return undefined;
      this.#counter = openCounter(reservedEnd);
      const reason = this.#keeper.save(false);
      if (reason) return reason;
      const raised = raiseReservation<OutboxDraft>(this.#counter);
      if (!raised) return failure("storage-failed", "flash does not keep the reservation");
      this.#counter = raised;
    }
  }

  /** The broker has the message: the next `save` forgets it. */
  acknowledged(counter: number): void {
    const reason = this.#reader.acknowledged(counter);
    if (reason) report("error", { ...reason });
  }

  /** As `save`, at the end of a wake, and with what only makes the next quicker: a wake that crashes before goes without. */
  saveAll(): Failure | undefined {
    this.#keeper.endWake();
    if (this.#openEnd === this.#counter.reservedEnd) closeLosses(this.#keeper.outbox, this.#openEnd);
    this.#openEnd = undefined;
    this.#opened = 0;
    this.#all = true;
    const reason = this.save();
    this.#all = false;
    // What RTC memory does not keep, flash may.
    if (reason) this.#keeper.spill();
    return reason;
  }

  /** Writes RTC memory; what does not fit goes to flash, or is dropped. */
  save(): Failure | undefined {
    return this.#keeper.save();
  }

  /** For the keeper, as `now` and `tell`. */
  store(outbox: Outbox): Failure | "too large" | undefined {
    return this.write(outbox, this.#counter.next);
  }

  now(): number {
    return readClock();
  }

  tell(event: string, fields: Record<string, unknown>): void {
    report(event, fields);
  }

  private write(outbox: Outbox, next: number): Failure | "too large" | undefined {
    const time = asleep(this.#time, Date.now(), this.sleepMs);
    const { challenge, network, cycle, downlink, session, mqtt, tlsPause } = this;
    const image: RtcImage = {
      next,
      outbox,
      time,
      ...(challenge && { challenge }),
      ...(network && { network }),
      ...(cycle && { cycle }),
      ...(downlink !== emptyDownlink && { downlink }),
      ...(this.#all && session && { tls: session }),
      ...(tlsPause > 0 && { tlsPause }),
      ...(this.#all && mqtt && { mqtt }),
    };
    return storeRtc(image, this.#secretId);
  }
}
