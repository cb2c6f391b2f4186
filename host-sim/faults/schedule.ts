/** Which faults hold in which wake: what was ordered, and what a seed draws. */
import { Prng } from "../world/prng.js";
import type { Fault } from "./fault.js";

export interface Moment {
  /** Counts from 1. */
  readonly wake: number;
  /** Since the run began. */
  readonly ms: number;
}

/** A fault in one wake. */
export interface Strike {
  readonly fault: Fault;
  /** For what it draws in this wake. */
  readonly random: Prng;
}

export class Schedule {
  readonly #faults: readonly Fault[];
  readonly #seed: number;
  readonly #name: string;
  /** Those that strike once, and have. */
  readonly #over = new Set<Fault>();

  /** @param name of the device: each of several has its own luck */
  constructor(faults: readonly Fault[], seed: number, name: string) {
    this.#faults = faults;
    this.#seed = seed;
    this.#name = name;
  }

  /** Those that hold in a wake. To be asked once for each, in their order. */
  at(moment: Moment): Strike[] {
    return this.#faults.flatMap((fault, index) => {
      const random = this.#luck(index, moment.wake);
      if (!this.#strikes(fault, moment, random)) return [];
      if ("atMs" in fault.when) this.#over.add(fault);
      return [{ fault, random }];
    });
  }

  /** Whether one of them will hold in that wake. */
  holds(fault: Fault, moment: Moment): boolean {
    return this.#strikes(fault, moment, this.#luck(this.#faults.indexOf(fault), moment.wake));
  }

  #luck(index: number, wake: number): Prng {
    return new Prng(this.#seed, `fault ${index} of ${this.#name} in wake ${wake}`);
  }

  #strikes(fault: Fault, { wake, ms }: Moment, random: Prng): boolean {
    const { when } = fault;
    if ("chance" in when) return random.next() / 2 ** 32 < when.chance && ms < (when.untilMs ?? Infinity);
    if ("fromWake" in when) return wake >= when.fromWake && wake <= when.toWake;
    if ("fromMs" in when) return ms >= when.fromMs && ms < when.toMs;
    return ms >= when.atMs && !this.#over.has(fault);
  }
}
