/**
 * One device's life: what it was provisioned with, its flash, its engine and its wakes one after the other. It owns the
 * device's virtual clock: real time while the device is awake, a jump while it sleeps.
 */
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { encodeDeviceRecord } from "../lib/store/device-record.js";
import { flashEntries } from "../lib/store/flash-entries.js";
import { boardManifest } from "./board.js";
import { BootMeter } from "./boot-meter.js";
import { causeAfter, deviceEvents, type EventFields as Fields, parseEvent } from "./boot-outcome.js";
import { type Answer, type BootCause, type BootEnd, Device } from "./device.js";
import type { Done, Provisioned } from "./disturbance.js";
import { decodeFlash, encodeFlash } from "./flash.js";
import type { Hands } from "./hands.js";
import { writeImage } from "./image.js";
import type { Reporter, RunEvent } from "./report/events.js";
import { Tally } from "./report/summary.js";
import type { RunOptions } from "./run.js";
import type { Broker } from "./world/broker.js";
import { improvSsid } from "./world/network.js";
import type { Home, Resident, Scene } from "./world/scene.js";
import type { Judged } from "./world/verdict.js";

/** The longest that Node's timers last, 25 days. */
const maxTimerMs = 2 ** 31 - 1;
/** How long the listener may take to hear of a message that the broker has acknowledged. */
const judgeWithinMs = 2000;

export interface LifeOptions {
  readonly reporter: Reporter;
  /** Of the whole run. */
  readonly tally: Tally;
  /** When the board is powered for the first time, on the virtual clock. */
  readonly powerAtMs: number;
  /** Its own, of mode 0700: its secret will be there. */
  readonly folder: string;
  /** Where its serial port's link is to be, and whose hands it is in. */
  readonly desk?: { readonly link: string; readonly hands: Hands } | undefined;
}

export class Life {
  /** As the world knows it. */
  readonly resident: Resident;
  readonly #options: RunOptions;
  readonly #reporter: Reporter;
  readonly #folder: string;
  readonly #desk: LifeOptions["desk"];
  readonly #flashFile: string;
  /** Well beyond what the device's own budget allows it. */
  readonly #watchdogMs: number;
  readonly #secret: Uint8Array;
  readonly #meter: BootMeter;
  #device: Device | undefined;
  readonly #tally: Tally;
  readonly #own = new Tally();
  #wake = 0;
  readonly #staysAwake: boolean;
  #rounds = 0;
  #cause: BootCause = "power-on";
  #atMs: number;
  /** When it first got power. */
  readonly #bornAtMs: number;
  #broker: Broker | undefined;
  /** What the engine has been told. */
  #driftPpm = 0;
  #onJudged = () => {};

  constructor(options: RunOptions, { reporter, tally, powerAtMs, folder, desk }: LifeOptions) {
    this.#desk = desk;
    this.#options = options;
    this.#folder = folder;
    this.#flashFile = join(folder, "flash");
    this.#reporter = reporter;
    this.#tally = tally;
    this.#atMs = this.#bornAtMs = powerAtMs;
    this.#secret = new Uint8Array(options.deviceSecret ?? randomBytes(32));
    const { board, profile } = options;
    this.#meter = new BootMeter(board, profile, tally);
    this.#staysAwake = profile.cycle.mode === "awake";
    this.#watchdogMs =
      this.#staysAwake || desk ? maxTimerMs : 1000 * profile.cycle.wakeBudgetSeconds + 20_000;
    this.resident = {
      options,
      deviceSecret: this.#secret,
      nowMs: () => this.#atMs,
      disturbance: options.disturbance ?? {},
      onReceived: (judged) => this.#received(judged),
    };
  }

  /** When the board wakes next, on the virtual clock. */
  get wakesAtMs(): number {
    return this.#atMs;
  }

  /** How often it has booted. */
  get wakes(): number {
    return this.#wake;
  }

  /** What a run is counted by: its wakes, or the rounds of a board that stays awake. */
  get cycles(): number {
    return this.#staysAwake ? this.#rounds : this.#wake;
  }

  /** Makes the board: provisioned for this world, never powered. */
  async start(scene: Scene, home: Home): Promise<void> {
    const { board, engine, keylog, pcap, measure } = this.#options;
    const image = join(this.#folder, "image");
    this.#broker = scene.embedded;
    writeFileSync(this.#flashFile, this.#factoryFlash(scene, home), { mode: 0o600 });
    writeImage(image, { board, manifest: boardManifest(board), flashFile: this.#flashFile });
    this.#device = await Device.start({
      engine,
      image,
      keylog: keylog ?? undefined,
      pcap: pcap ?? undefined,
      measure,
      serial: this.#desk?.link,
      onPort: (plugged) => this.#reporter.note(plugged ? "plugged in" : "unplugged"),
      onTrace: (text, atMs, bytecodes) => this.#trace(text, atMs, bytecodes),
      onProblem: (text) => this.#reporter.note(text),
      onAsk: async (kind, detail, atMs) => {
        if (kind === "quiet") return this.#quiet();
        this.#disturbMemory(kind);
        if (this.#options.disturbance?.unanswered?.(kind)) return { text: null, advanceMs: 0 };
        return home.ask(kind, detail, atMs);
      },
    });
    this.#desk?.hands.take(this.#device, this.#options.serial?.line ?? []);
    if (!this.#staysAwake) return;
    this.#options.signal?.addEventListener("abort", () => this.#device?.off(), { once: true });
    // A broker outside has its own time.
    if (!this.#options.broker && !this.#options.realtime) this.#device.asksForQuiet();
  }

  /**
   * The embedded broker is in this process: what the board has sent to it is seen to, and answered, when the event loop has
   * gone round.
   */
  async #quiet(): Promise<Answer> {
    for (let turns = 0; turns < 4; turns++) await new Promise(setImmediate);
    return { text: "", advanceMs: 0 };
  }

  #factoryFlash({ broker, ca }: Scene, { keyed, identity }: Home): Uint8Array {
    const { secrets, disturbance } = this.#options;
    const { profile, signKey } = keyed;
    const { wifiPassword, ...credentials } = secrets;
    const right: Provisioned = {
      profile: { ...profile, broker: { ...profile.broker, ...broker } },
      ca,
      ...credentials,
      ...identity,
      signKey,
    };
    const { profile: stored, ...written } = disturbance?.provisioned?.(right) ?? right;
    const reservedEnd = this.#options.deviceSecret ? unusedCounter() : 0;
    const record = encodeDeviceRecord(this.#secret, { epoch: 0, reservedEnd, fromFactory: false });
    const entries = flashEntries(stored, {
      record,
      wifiPassword,
      ...(stored.wifi.improv && { wifiSsid: improvSsid }),
      ...written,
    });
    return encodeFlash(disturbance?.flash?.(entries) ?? entries);
  }

  /** One boot, until the board sleeps or boots again. */
  async wake(): Promise<void> {
    const { disturbance } = this.#options;
    const moment = { wake: this.#wake + 1, ms: this.#atMs - this.#bornAtMs };
    const done = await disturbance?.before?.(moment, this.#device!, this.#broker);
    const end = await this.#boot(disturbance?.cause?.(this.#wake + 1, this.#cause) ?? this.#cause, done);
    this.#cause = causeAfter(end);
    await this.#disturbSleep(end);
    this.#atMs = end.wakesAt;
    const sleep = { fromMs: end.at - this.#bornAtMs, toMs: end.wakesAt - this.#bornAtMs };
    // A pin that the firmware has not told the board of wakes nobody.
    const pinMs = end.wakeOn && disturbance?.pin?.(this.#wake, sleep);
    if (pinMs === undefined || end.at + pinMs >= end.wakesAt) return;
    this.#atMs = end.at + pinMs;
    this.#cause = "gpio";
  }

  /** Sleeps in real time, until the board would wake or somebody presses its reset. */
  async sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
    if (!this.#desk) return wait(ms, undefined, { signal }).catch(() => {});
    const fromMs = Date.now();
    if (!(await this.#desk.hands.sleep(ms, signal))) return;
    this.#atMs -= Math.max(0, ms - (Date.now() - fromMs));
    this.#cause = "power-on";
  }

  /** @param done to the sleeping board, or about to be */
  async #boot(cause: BootCause, done: readonly Done[] = []): Promise<BootEnd> {
    const startedAtMs = this.#atMs;
    this.#wake++;
    this.#report({ event: "wake", cause, board: this.#options.board });
    for (const one of done) this.#report({ event: "fault", ...one });
    this.#meter.begin(startedAtMs);
    this.#disturbMemory();
    const driftPpm = this.#options.disturbance?.drift?.(this.#wake) ?? this.#options.driftPpm;
    if (driftPpm !== this.#driftPpm) this.#device!.drift(driftPpm);
    this.#driftPpm = driftPpm;
    const link = this.#options.disturbance?.link?.(this.#wake);
    if (link) this.#device!.link(link);
    const power = this.#options.disturbance?.power?.(this.#wake);
    if (power) this.#device!.failPower(power);
    this.#desk?.hands.boots();
    const end = await this.#device!.boot(cause, startedAtMs, this.#watchdogMs);
    this.#atMs = end.at;
    const outcome = this.#meter.end(end);
    for (const one of this.#options.disturbance?.after?.(end) ?? []) this.#report({ event: "fault", ...one });
    await this.#judged();
    this.#report(outcome);
    return end;
  }

  /** All that the broker has acknowledged has come to the listener, too; or it has had its time. */
  async #judged(): Promise<void> {
    if (this.#own.unjudged <= 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, judgeWithinMs);
      this.#onJudged = () => {
        if (this.#own.unjudged > 0) return;
        clearTimeout(timer);
        resolve();
      };
    });
    this.#onJudged = () => {};
  }

  #disturbMemory(asked?: string): void {
    const fault = this.#options.disturbance?.memory?.(this.#wake, asked);
    if (fault === undefined) return;
    for (const one of typeof fault === "string" ? [fault] : (["none", ...fault] as const))
      this.#device?.fault(one);
  }

  async #disturbSleep(end: BootEnd): Promise<void> {
    const asleep = this.#options.disturbance?.asleep;
    if (!asleep) return;
    const device = this.#device!;
    const kept = { rtc: await device.readRtc(), flash: decodeFlash(readFileSync(this.#flashFile)) };
    const { rtc, flash } = (await asleep(this.#wake, kept, end)) ?? {};
    if (rtc) device.writeRtc(rtc);
    if (!flash) return;
    writeFileSync(this.#flashFile, encodeFlash(flash), { mode: 0o600 });
    device.reloadFlash();
  }

  /** A line of the device's log: an event of ours, or a note of the app's. */
  #trace(text: string, atMs: number, bytecodes: number): void {
    this.#atMs = atMs;
    const fields = parseEvent(text);
    if (!fields) this.#reporter.note(text.trimEnd());
    else if (deviceEvents.has(fields.event)) this.#report(this.#meter.event(fields, atMs, bytecodes));
    if (fields?.event === "idle") this.#roundIsOver();
  }

  /** Of a board that stays awake. It is switched off when the run is over. */
  #roundIsOver(): void {
    const { cycles, forMs } = this.#options;
    this.#rounds++;
    const isLate = forMs !== null && this.#atMs >= this.#bornAtMs + forMs;
    if (this.#rounds >= cycles || isLate) this.#device?.off();
  }

  #received({ verdict, topic, protection, counter, reading, result, reason }: Judged): void {
    this.#report({
      event: "received",
      verdict,
      topic,
      ...(protection === null ? {} : { protection }),
      ...(counter === null ? {} : { counter }),
      ...(reading === null ? {} : { reading }),
      ...(result === null ? {} : { result }),
      ...(reason === null ? {} : { detail: reason }),
    });
    this.#onJudged();
  }

  #report(fields: Fields): void {
    const at = Math.round(this.#atMs);
    const event = { at, device: this.#options.profile.device.id, wake: this.#wake, ...fields } as RunEvent;
    this.#own.event(event);
    this.#tally.event(event);
    this.#reporter.report(event);
  }

  /** May be called whatever start() has come to. */
  async close(): Promise<void> {
    await this.#device?.stop();
    this.#secret.fill(0);
  }
}

let begunAt = 0;

/**
 * Beyond what an earlier run with the same secret has used: no counter may meet two messages. Each millisecond since 2026
 * has one, more than a run takes (a message, and a thousand when power is lost), and they last for 34 years.
 */
function unusedCounter(): number {
  const now = Math.floor(1.024 * (Date.now() - Date.UTC(2026, 0)));
  // Runs of one process may be quicker than that.
  begunAt = Math.max(now, begunAt === 0 ? 0 : begunAt + 2 ** 20);
  return begunAt;
}
