/**
 * A device that takes commands and loses power between any two of its steps, or in the middle of writing to flash,
 * and a broker that delivers what was not acknowledged again. The world counts how often each command was acted on.
 */
import { admit, judgeCommand } from "../../../lib/commands/admission.js";
import { encodeCommand } from "../../../lib/commands/command.js";
import { decodeWindowRecord } from "../../../lib/commands/windows.js";
import type { Crypto } from "../../../lib/crypto/crypto.js";
import type { StampKey } from "../../../lib/sealed/keys.js";
import { commandAt, keyFor, now, office, send, topic } from "./sender.js";

/** A step of the device's done wrongly, to see the campaign notice. */
export type Mistake = "none" | "window after the act" | "unreadable is empty" | "window not written";

class PowerCut extends Error {}

const rules = { topic, operator: null, onlySigned: false };
const clock = { nowSeconds: now, known: true, authenticated: true };

export class CrashingCommands {
  /** How often each counter's command was acted on. */
  readonly acts = new Map<number, number>();
  /** Commands of which a second act was seen. */
  twice = 0;
  boots = 0;
  /** Whether flash was torn: from then on the controller is refused. */
  blocked = false;
  readonly #crypto: Crypto;
  readonly #random: () => number;
  readonly #mistake: Mistake;
  readonly #key: StampKey;
  #flash: Uint8Array | undefined;
  #stepsLeft = Number.POSITIVE_INFINITY;
  #queue: Uint8Array[] = [];
  #old: Uint8Array[] = [];
  #sent = 0;

  constructor(crypto: Crypto, random: () => number, mistake: Mistake) {
    this.#crypto = crypto;
    this.#random = random;
    this.#mistake = mistake;
    this.#key = keyFor(crypto, office) as StampKey;
  }

  /** @param tears whether a cut in the middle of a write can leave half of it */
  live(boots: number, tears: boolean): void {
    for (let i = 0; i < boots; i++) {
      for (let more = this.#below(3); more > 0; more--) this.#send();
      if (this.#old.length > 0) this.#queue.push(this.#old[this.#below(this.#old.length)]!);
      this.#stepsLeft = this.#below(3) === 0 ? Number.POSITIVE_INFINITY : this.#below(12);
      try {
        this.#wake(tears);
      } catch (error) {
        if (!(error instanceof PowerCut)) throw error;
      }
    }
    this.#key.key.close();
  }

  get commands(): number {
    return this.#sent;
  }

  #send(): void {
    const counter = this.#sent++;
    const message = send(
      this.#crypto,
      this.#key,
      counter,
      encodeCommand(commandAt(now, { args: [counter] })),
    );
    this.#queue.push(message);
    this.#old.push(message);
    if (this.#old.length > 20) this.#old.shift();
  }

  #wake(tears: boolean): void {
    this.boots++;
    while (this.#queue.length > 0) {
      this.#take(this.#queue[0]!, tears);
      // Acknowledged, or the broker delivers it again.
      this.#step();
      this.#queue.shift();
    }
  }

  #take(message: Uint8Array, tears: boolean): void {
    let window = decodeWindowRecord(office, this.#flash);
    if (!window && this.#mistake === "unreadable is empty") window = decodeWindowRecord(office, undefined);
    if (!window) this.blocked = true;
    const admission = admit(this.#crypto, this.#key, office, window, message);
    if (admission.verdict !== "fresh") return;
    const { record } = admission;
    if (this.#mistake === "none" || this.#mistake === "unreadable is empty") this.#write(record, tears);
    const kept = this.#mistake === "none" || this.#mistake === "unreadable is empty" ? this.#flash : record;
    const outcome = judgeCommand(this.#crypto, admission, kept, rules, clock, null);
    if (outcome.kind === "run") this.#act(outcome.command.args[0] as number);
    if (this.#mistake === "window after the act") this.#write(record, tears);
    this.#step();
  }

  #act(counter: number): void {
    this.#step();
    const before = this.acts.get(counter) ?? 0;
    if (before > 0) this.twice++;
    this.acts.set(counter, before + 1);
  }

  #write(record: Uint8Array, tears: boolean): void {
    if (this.#stepsLeft === 0 && tears) {
      const torn = record.slice(0, this.#below(record.length + 1));
      if (this.#below(2) === 0) this.#flash = torn;
    }
    this.#step();
    this.#flash = record.slice();
  }

  #step(): void {
    if (this.#stepsLeft-- <= 0) throw new PowerCut();
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }
}
