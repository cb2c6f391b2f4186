/**
 * The life of a board that nobody has provisioned yet: it waits at its port, in real time, until somebody does; then it
 * wakes as any board does, with what it was given. Nobody here knows its secret, so nobody judges what it sends.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { flashDomain, flashKeys } from "../lib/store/flash-entries.js";
import { type Profile, readProfile } from "../lib/store/profile.js";
import { type BoardName, boardManifest } from "./board.js";
import { BootMeter } from "./boot-meter.js";
import { causeAfter, deviceEvents, type EventFields, parseEvent } from "./boot-outcome.js";
import { type BootCause, type BootEnd, Device, type LineFault } from "./device.js";
import { decodeFlash } from "./flash.js";
import type { Hands } from "./hands.js";
import { writeImage } from "./image.js";
import type { Reporter, RunEvent } from "./report/events.js";
import type { Tally } from "./report/summary.js";
import { Station } from "./world/access-point.js";
import { answer, type World } from "./world/network.js";
import type { Prng } from "./world/prng.js";

/** The longest that Node's timers last, 25 days: somebody may take his time at the port. */
const maxTimerMs = 2 ** 31 - 1;

export interface UnprovisionedBoard {
  readonly engine: string;
  readonly board: BoardName;
  /** As `sim:NAME` has it. */
  readonly name: string;
  /** Where its port's link is to be. */
  readonly link: string;
  readonly line: readonly LineFault[];
  /** Its own, of mode 0700: its secret will be there. */
  readonly folder: string;
  readonly world: World;
  readonly random: Prng;
  /** How often it wakes once it is provisioned; of a board that stays awake, its rounds. */
  readonly cycles: number;
  readonly realtime: boolean;
  readonly driftPpm: number;
  readonly keylog: string | null;
  readonly pcap: string | null;
  readonly signal: AbortSignal;
}

export class UnprovisionedLife {
  readonly #board: UnprovisionedBoard;
  readonly #hands: Hands;
  readonly #reporter: Reporter;
  readonly #tally: Tally;
  readonly #station = new Station();
  readonly #flashFile: string;
  #device: Device | undefined;
  #cause: BootCause = "power-on";
  #atMs = Date.now();
  #wake = 0;
  #rounds = 0;
  /** Of a provisioned board. */
  #profile: Profile | undefined;
  #meter: BootMeter | undefined;

  constructor(board: UnprovisionedBoard, hands: Hands, told: { reporter: Reporter; tally: Tally }) {
    this.#board = board;
    this.#hands = hands;
    this.#reporter = told.reporter;
    this.#tally = told.tally;
    this.#flashFile = join(board.folder, "flash");
  }

  /** Where it stands: for the summary. */
  get last(): { readonly at: number; readonly device: string; readonly wake: number } {
    return { at: Math.round(this.#atMs), device: this.#id, wake: this.#wake };
  }

  get #id(): string {
    return this.#profile?.device.id ?? this.#board.name;
  }

  /** Makes the board, with nothing in its flash. */
  async start(): Promise<void> {
    const { board, engine, folder, link, line, keylog, pcap, world, random, driftPpm, signal } = this.#board;
    const image = join(folder, "image");
    writeImage(image, { board, manifest: boardManifest(board), flashFile: this.#flashFile });
    this.#device = await Device.start({
      engine,
      image,
      serial: link,
      keylog: keylog ?? undefined,
      pcap: pcap ?? undefined,
      onTrace: (text, atMs, bytecodes) => this.#trace(text, atMs, bytecodes),
      onProblem: (text) => this.#reporter.note(text),
      onPort: (plugged) =>
        this.#reporter.note(`sim:${this.#board.name} ${plugged ? "plugged in" : "unplugged"}`),
      onAsk: (kind, detail, atMs) => answer(world, random, kind, detail, atMs, this.#station),
    });
    this.#device.drift(driftPpm);
    this.#hands.take(this.#device, line);
    signal.addEventListener("abort", () => this.#hands.reset(), { once: true });
  }

  /** Until it has woken often enough, or the run is ended. */
  async live(): Promise<void> {
    const { cycles, signal } = this.#board;
    for (let woken = 0; woken < cycles && this.#rounds < cycles && !signal.aborted; ) {
      this.#look();
      const wasProvisioned = this.#profile !== undefined;
      const end = await this.#boot();
      if (wasProvisioned) woken++;
      this.#cause = causeAfter(end);
      if (woken < cycles && !signal.aborted) await this.#sleep(end);
    }
  }

  /** Whether somebody has provisioned the board, or erased it. */
  #look(): void {
    const profile = this.#read();
    const had = this.#profile;
    this.#profile = profile;
    if (profile && !had) {
      this.#meter = new BootMeter(this.#board.board, profile, this.#tally);
      this.#report({ event: "provisioned", name: this.#board.name });
    } else if (!profile && (had || this.#wake === 0)) {
      this.#meter = undefined;
      this.#reporter.note(
        `waits at sim:${this.#board.name} for its identity: dormouse provision --port sim:${this.#board.name}`,
      );
    }
  }

  #read(): Profile | undefined {
    if (!existsSync(this.#flashFile)) return undefined;
    const entries = decodeFlash(readFileSync(this.#flashFile)).filter(({ domain }) => domain === flashDomain);
    const profile = entries.find(({ key }) => key === flashKeys.profile)?.value;
    if (typeof profile !== "string" || !entries.some(({ key }) => key === flashKeys.record)) return undefined;
    const read = readProfile(profile);
    return "kind" in read ? undefined : read;
  }

  async #boot(): Promise<BootEnd> {
    const startedAtMs = this.#atMs;
    this.#wake++;
    if (this.#profile) this.#report({ event: "wake", cause: this.#cause, board: this.#board.board });
    this.#meter?.begin(startedAtMs);
    this.#hands.boots();
    const end = await this.#device!.boot(this.#cause, startedAtMs, maxTimerMs);
    this.#atMs = end.at;
    if (this.#meter) this.#report(this.#meter.end(end));
    return end;
  }

  /** A provisioned board's sleep passes at once, if it is not to take as long as it would. */
  async #sleep(end: BootEnd): Promise<void> {
    if (end.reason !== "sleep") return;
    const { realtime, name, signal } = this.#board;
    const wakes = this.#profile !== undefined;
    if (!wakes) this.#reporter.note(`sim:${name} has waited for long enough, and sleeps: reset wakes it`);
    const sleptFromMs = Date.now();
    const wasReset =
      wakes && !realtime ? false : await this.#hands.sleep(wakes ? end.wakesAt - end.at : undefined, signal);
    this.#atMs = wasReset ? end.at + Date.now() - sleptFromMs : end.wakesAt;
    if (wasReset) this.#cause = "power-on";
  }

  #trace(text: string, atMs: number, bytecodes: number): void {
    this.#atMs = atMs;
    const fields = parseEvent(text);
    if (!fields) this.#reporter.note(text.trimEnd());
    else if (this.#meter && deviceEvents.has(fields.event))
      this.#report(this.#meter.event(fields, atMs, bytecodes));
    if (fields?.event === "idle" && ++this.#rounds >= this.#board.cycles) this.#device?.off();
  }

  #report(fields: EventFields): void {
    const event = { at: Math.round(this.#atMs), device: this.#id, wake: this.#wake, ...fields } as RunEvent;
    this.#tally.event(event);
    this.#reporter.report(event);
  }

  /** May be called whatever start() has come to. */
  async close(): Promise<void> {
    await this.#device?.stop();
  }
}
