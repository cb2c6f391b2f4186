/**
 * Follows one provisioned board through its boots: its events with what they would take on a board, and what each boot
 * came to; and adds all of it to the run's tally.
 */

import type { Profile } from "../lib/store/profile.js";
import type { BoardName } from "./board.js";
import { type EventFields, misfortune, roundEstimate, told, wakeCost } from "./boot-outcome.js";
import type { BootEnd } from "./device.js";
import { type WakeEstimate, WakeMeter } from "./energy/wake-meter.js";
import type { Tally } from "./report/summary.js";

export class BootMeter {
  readonly #energy: WakeMeter;
  readonly #tally: Tally;
  /** When the boot began. */
  #begunAtMs = 0;
  /** And when its last round ended, if it has. */
  #countedAtMs = 0;
  /** Of this boot: how long it waited at its port and its button when its wake was over. */
  #attendMs = 0;
  /** A device's first wake comes once; so does the first round of one that stays awake. */
  #counted = false;

  constructor(board: BoardName, profile: Profile, tally: Tally) {
    this.#energy = new WakeMeter(board, profile);
    this.#tally = tally;
  }

  begin(atMs: number): void {
    this.#energy.begin(atMs);
    this.#begunAtMs = this.#countedAtMs = atMs;
    this.#attendMs = 0;
  }

  /** An event of the board's log, with what the stretch that it ends would take on a board. */
  event(fields: EventFields, atMs: number, bytecodes: number): EventFields {
    if (fields.event === "sent") this.#energy.sent();
    if (fields.event === "idle") {
      const estimate = this.#energy.round(atMs, bytecodes);
      this.#account(estimate, atMs);
      return { ...fields, estimated: roundEstimate(estimate) };
    }
    if (fields.event !== "phase" && fields.event !== "error") return fields;
    if (fields.event === "phase" && fields.name === "attend") this.#attendMs += fields.ms;
    const closing = fields.event === "phase" ? { ...fields, phase: fields.name } : { phase: fields.phase };
    const closed = this.#energy.close(closing, atMs, bytecodes);
    return closed ? { ...fields, bytecodes: closed.bytecodes, estimated: told(closed.spent) } : fields;
  }

  /** @returns how the boot ended, as an event */
  end(end: BootEnd): EventFields {
    const attendMs = this.#attendMs;
    const awakeMs = Math.round(end.at - this.#begunAtMs - attendMs);
    const estimate = this.#energy.end(end.at, end.bytecodes, end.sleepMs);
    this.#tally.boot(end, awakeMs);
    this.#account(estimate, end.at + end.sleepMs);
    const cost = wakeCost(end, estimate);
    const { reason, sleepMs: ms, bytecodes, effects } = end;
    if (reason === "sleep")
      return { event: "sleep", ms, awakeMs, ...(attendMs > 0 && { attendMs }), bytecodes, cost };
    if (reason === "off" || reason === "restart" || reason === "power-cut" || reason === "brown-out")
      return { event: "reset", reason, awakeMs, effects, cost };
    return { event: "error", ...misfortune(end), cost };
  }

  #account(estimate: WakeEstimate, untilMs: number): void {
    this.#tally.energy(estimate, untilMs - this.#countedAtMs, !this.#counted);
    this.#counted = true;
    this.#countedAtMs = untilMs;
  }
}
