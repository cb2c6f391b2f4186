/** Adds up what wakes are estimated to take, and says what that comes to: per wake, per day and year, in a battery's life. */
import type { Profile } from "../../lib/store/profile.js";
import type { BoardName } from "../board.js";
import { type Battery, lifeYears } from "./battery.js";
import { boardTable, sensorTable } from "./figures.js";
import type { WakeEstimate } from "./wake-meter.js";

const dayMs = 86_400_000;
const yearMs = 365.25 * dayMs;
const microcoulombsPerMilliampHour = 3_600_000;

/**
 * An estimate; charges at the board's supply. A device's first wake, with its full handshake and its question for the
 * time, comes once in a battery's life, so it counts only where there is no other.
 */
export interface EnergySummary {
  readonly label: "estimate";
  /** What is counted: wakes, or the rounds of devices that stay awake, each with the idling before it. */
  readonly per: "wake" | "round";
  /** The mean of one, without the sleep after it. */
  readonly microcoulombsPerWake: number;
  /** Of that, by phase; `start` before the firmware, `rest` in no phase. */
  readonly phases: Readonly<Record<string, number>>;
  /** The mean of a wake's time on a board: longer than the simulated one by what a board computes more slowly. */
  readonly awakeMs: number;
  readonly averageMicroamps: number;
  /** Of the average, what sleep takes. */
  readonly sleepMicroamps: number;
  readonly milliampHoursPerDay: number;
  readonly milliampHoursPerYear: number;
  readonly battery?: BatterySummary;
  /** The figures that are assumed, for want of a source. */
  readonly assumed: readonly string[];
}

export interface BatterySummary {
  readonly name: string;
  readonly title: string;
  readonly milliampHours: number;
  readonly years: number;
  /** The battery does not give the radio's peaks by itself. */
  readonly needsCapacitor: boolean;
}

/** Of a run. */
export interface AccountOptions {
  readonly board: BoardName;
  readonly profile: Profile;
  readonly battery: Battery | null;
}

interface Sums {
  wakes: number;
  microcoulombs: number;
  sleepMicrocoulombs: number;
  awakeMs: number;
  elapsedMs: number;
  readonly phases: Map<string, number>;
}

export class EnergyAccount {
  readonly #first = noSums();
  readonly #later = noSums();

  /**
   * @param elapsedMs awake and asleep, on the simulated clock: what a board takes longer it sleeps less
   * @param first the device had no wake before
   */
  wake(estimate: Omit<WakeEstimate, "rest" | "idle">, elapsedMs: number, first: boolean): void {
    // A device that was switched off between its rounds.
    if (elapsedMs < 1) return;
    const { awakeMs, microcoulombs, sleepMicrocoulombs, phases } = estimate;
    const sums = first ? this.#first : this.#later;
    addTo(sums, { wakes: 1, microcoulombs, sleepMicrocoulombs, awakeMs, elapsedMs, phases });
  }

  /** @returns undefined before the first wake */
  summary({ board, profile, battery }: AccountOptions): EnergySummary | undefined {
    const sums = this.#later.wakes > 0 ? this.#later : this.#first;
    const { wakes, elapsedMs } = sums;
    if (wakes === 0 || elapsedMs === 0) return undefined;
    const all = sums.microcoulombs + sums.sleepMicrocoulombs;
    // µC per ms are mA.
    const averageMicroamps = (1000 * all) / elapsedMs;
    const phases: Record<string, number> = {};
    for (const [phase, some] of sums.phases) phases[phase] = Math.round(some / wakes);
    return {
      label: "estimate",
      per: profile.cycle.mode === "awake" ? "round" : "wake",
      microcoulombsPerWake: Math.round(sums.microcoulombs / wakes),
      phases,
      awakeMs: Math.round(sums.awakeMs / wakes),
      averageMicroamps: rounded(averageMicroamps),
      sleepMicroamps: rounded((1000 * sums.sleepMicrocoulombs) / elapsedMs),
      milliampHoursPerDay: rounded(((all / elapsedMs) * dayMs) / microcoulombsPerMilliampHour),
      milliampHoursPerYear: rounded(((all / elapsedMs) * yearMs) / microcoulombsPerMilliampHour),
      ...(battery && { battery: batterySummary(battery, averageMicroamps) }),
      assumed: assumed(board, profile.sensor.kind),
    };
  }
}

function noSums(): Sums {
  return { wakes: 0, microcoulombs: 0, sleepMicrocoulombs: 0, awakeMs: 0, elapsedMs: 0, phases: new Map() };
}

function addTo(
  sums: Sums,
  more: Omit<Sums, "phases"> & { readonly phases: ReadonlyMap<string, number> },
): void {
  sums.wakes += more.wakes;
  sums.microcoulombs += more.microcoulombs;
  sums.sleepMicrocoulombs += more.sleepMicrocoulombs;
  sums.awakeMs += more.awakeMs;
  sums.elapsedMs += more.elapsedMs;
  for (const [phase, some] of more.phases) sums.phases.set(phase, (sums.phases.get(phase) ?? 0) + some);
}

function batterySummary(battery: Battery, averageMicroamps: number): BatterySummary {
  const { name, title, milliampHours, pulse } = battery;
  const years = rounded(lifeYears(battery, averageMicroamps));
  return { name, title, milliampHours, years, needsCapacitor: !pulse };
}

function assumed(board: BoardName, sensorKind: string): string[] {
  const figures = [
    ...Object.entries(boardTable(board)),
    ...Object.entries(sensorTable(sensorKind).figures).map(
      ([name, figure]) => [`sensor.${name}`, figure] as const,
    ),
  ];
  return figures.filter(([, { basis }]) => basis === "assumed").map(([name]) => name);
}

/** Three digits are more than an estimate knows. */
function rounded(value: number): number {
  return Number(value.toPrecision(3));
}
