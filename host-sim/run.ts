/**
 * One simulation run: a world, a provisioned device, and its wakes one after the other. It owns the virtual
 * clock: real time while the device is awake, a jump while it sleeps (unless the run is in real time).
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { encodeDeviceRecord } from "../lib/store/device-record.js";
import { flashEntries } from "../lib/store/flash-entries.js";
import { boardManifest } from "./board.js";
import { type BootCause, type BootEnd, Device } from "./device.js";
import type { Disturbance, Provisioned } from "./disturbance.js";
import { decodeFlash, encodeFlash } from "./flash.js";
import { writeImage } from "./image.js";
import type { Reporter, RunEvent } from "./report/events.js";
import { Tally } from "./report/summary.js";
import type { SimOptions } from "./sim-options.js";
import { openScene, type Scene } from "./world/scene.js";
import type { Judged } from "./world/verdict.js";

export interface RunOptions extends SimOptions {
  readonly engine: string;
  /** See DeviceOptions. */
  readonly measure?: boolean;
  readonly disturbance?: Disturbance;
  /** Ends the run early, at the end of the wake. */
  readonly signal?: AbortSignal;
}

type Fields = RunEvent extends infer E
  ? E extends RunEvent
    ? Omit<E, "at" | "device" | "wake">
    : never
  : never;

/** How long the listener may take to hear of a message that the broker has acknowledged. */
const judgeWithinMs = 2000;

export async function simulate(options: RunOptions, reporter: Reporter): Promise<Tally> {
  const run = new Run(options, reporter);
  try {
    await run.start();
    await run.wakes();
    return run.tally;
  } finally {
    await run.close();
  }
}

class Run {
  readonly tally = new Tally();
  readonly #options: RunOptions;
  readonly #reporter: Reporter;
  readonly #folder = mkdtempSync(join(tmpdir(), "dormouse-sim-"));
  readonly #flashFile = join(this.#folder, "flash");
  /** Well beyond what the device's own budget allows it. */
  readonly #watchdogMs: number;
  readonly #removeFolder = () => rmSync(this.#folder, { recursive: true, force: true });
  readonly #secret: Uint8Array;
  #scene: Scene | undefined;
  #device: Device | undefined;
  #wake = 0;
  #listenerSaid = "";
  #atMs = Date.now();

  constructor(options: RunOptions, reporter: Reporter) {
    this.#options = options;
    this.#reporter = reporter;
    this.#secret = new Uint8Array(options.deviceSecret ?? randomBytes(32));
    this.#watchdogMs = 1000 * options.profile.cycle.wakeBudgetSeconds + 10_000;
    // Also when a reader closes the pipe: the folder holds the device's secret.
    process.once("exit", this.#removeFolder);
  }

  async start(): Promise<void> {
    const options = this.#options;
    const { board, engine, keylog, pcap } = options;
    this.#scene = await openScene({
      options,
      deviceSecret: this.#secret,
      nowMs: () => this.#atMs,
      disturbance: options.disturbance ?? {},
      onReceived: (judged) => this.#received(judged),
      onProblem: (problem) => this.#tellListener(problem),
    });
    const flashFile = this.#flashFile;
    const image = join(this.#folder, "image");
    writeFileSync(flashFile, this.#factoryFlash(), { mode: 0o600 });
    writeImage(image, { board, manifest: boardManifest(board), flashFile });
    this.#reporter.note(`${board}, ${this.#scene.title}`);
    this.#reporter.note(`seed ${options.seed}`);
    this.#device = await Device.start({
      engine,
      image,
      keylog: keylog ?? undefined,
      pcap: pcap ?? undefined,
      measure: options.measure,
      onTrace: (text, atMs) => this.#trace(text, atMs),
      onProblem: (text) => this.#reporter.note(text),
      onAsk: (kind, detail, atMs) => {
        this.#disturbMemory(kind);
        return this.#scene!.ask(kind, detail, atMs);
      },
    });
  }

  /** It tries again and again: what it says is told once, until it says something else. */
  #tellListener(problem: string): void {
    if (problem === this.#listenerSaid) return;
    this.#listenerSaid = problem;
    this.#reporter.note(`listener: ${problem}`);
  }

  #factoryFlash(): Uint8Array {
    const { secrets, disturbance } = this.#options;
    const { broker, ca, keyed } = this.#scene!;
    const { profile, signKey } = keyed;
    const { wifiPassword, ...credentials } = secrets;
    const right: Provisioned = {
      profile: { ...profile, broker: { ...profile.broker, ...broker } },
      ca,
      ...credentials,
      signKey,
    };
    const { profile: stored, ...written } = disturbance?.provisioned?.(right) ?? right;
    const reservedEnd = this.#options.deviceSecret ? unusedCounter() : 0;
    const record = encodeDeviceRecord(this.#secret, { epoch: 0, reservedEnd, fromFactory: false });
    const entries = flashEntries(stored, { record, wifiPassword, ...written });
    return encodeFlash(disturbance?.flash?.(entries) ?? entries);
  }

  async wakes(): Promise<void> {
    const { cycles, realtime, signal, disturbance } = this.#options;
    let cause: BootCause = "power-on";
    for (let count = 0; count < cycles && !signal?.aborted; count++) {
      const end = await this.#boot(disturbance?.cause?.(count + 1, cause) ?? cause);
      cause = causeAfter(end);
      await this.#disturbSleep(end);
      this.#atMs = end.at + end.sleepMs;
      if (realtime && count + 1 < cycles) await wait(end.sleepMs, undefined, { signal }).catch(() => {});
    }
    this.#report({ event: "summary", ...this.tally.summary });
  }

  async #boot(cause: BootCause): Promise<BootEnd> {
    const startedAtMs = this.#atMs;
    this.#wake++;
    this.#report({ event: "wake", cause, board: this.#options.board });
    this.#disturbMemory();
    const end = await this.#device!.boot(cause, startedAtMs, this.#watchdogMs);
    this.#atMs = end.at;
    const awakeMs = Math.round(end.at - startedAtMs);
    this.tally.boot(end, awakeMs);
    for (let waited = 0; this.tally.unjudged > 0 && waited < judgeWithinMs; waited += 5) await wait(5);
    if (end.reason === "sleep")
      this.#report({ event: "sleep", ms: end.sleepMs, awakeMs, bytecodes: end.bytecodes });
    else this.#report({ event: "error", ...misfortune(end) });
    return end;
  }

  #disturbMemory(asked?: string): void {
    const fault = this.#options.disturbance?.memory?.(this.#wake, asked);
    if (fault) this.#device?.fault(fault);
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
  #trace(text: string, atMs: number): void {
    this.#atMs = atMs;
    const fields = parseEvent(text);
    if (!fields) this.#reporter.note(text.trimEnd());
    else if (deviceEvents.has(fields.event)) this.#report(fields);
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
  }

  #report(fields: Fields): void {
    const at = Math.round(this.#atMs);
    const event = { at, device: this.#options.profile.device.id, wake: this.#wake, ...fields } as RunEvent;
    this.tally.event(event);
    this.#reporter.report(event);
  }

  async close(): Promise<void> {
    await this.#device?.stop();
    await this.#scene?.close();
    process.removeListener("exit", this.#removeFolder);
    this.#removeFolder();
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

/** Of what the firmware reports; `boot` the run knows better. */
const deviceEvents = new Set(["phase", "sent", "acked", "command", "error"]);

function parseEvent(text: string): Fields | undefined {
  if (!text.startsWith('{"event"')) return undefined;
  try {
    return JSON.parse(text) as Fields;
  } catch {
    return undefined;
  }
}

function causeAfter({ reason }: BootEnd): BootCause {
  switch (reason) {
    case "sleep":
      return "deep-sleep";
    case "restart":
      return "software";
    case "deadlock":
      return "watchdog";
    case "abort":
    case "exception":
      return "abort";
  }
}

function misfortune({ reason, detail }: BootEnd): { kind: string; code: number; detail: string } {
  if (reason === "abort") return { kind: "out-of-memory", code: 0, detail: `out of ${detail}` };
  return { kind: "internal", code: 0, detail: detail || reason };
}
