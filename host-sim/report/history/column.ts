/** Wakes one after the other, added up into columns: at first one each, and twice as many whenever there are too many. */
import type { Meters } from "../../device.js";
import type { WakeRecord } from "./wake-record.js";

/** So many wakes in a row, added up. */
export interface Column {
  wakes: number;
  failed: number;
  /** Simulated, from the first wake's start to the last one's end. */
  fromMs: number;
  toMs: number;
  /** Estimated, of a board. */
  awakeMs: number;
  awakeMsMax: number;
  /** Estimated, by phase. */
  readonly phaseMs: Map<string, number>;
  microcoulombs: number;
  sleepMicrocoulombs: number;
  flashWrites: number;
  heap: Meters;
  /** At the end of the last wake. */
  waiting: number;
  dropped: number;
  gaps: number;
}

export const fewestColumns = 128;

export class Columns {
  #columns: Column[] = [];
  #wakesEach = 1;
  #open: Column | undefined;

  add(wake: WakeRecord): void {
    this.#open = this.#open ? merged(this.#open, columnOf(wake)) : columnOf(wake);
    if (this.#open.wakes < this.#wakesEach) return;
    this.#columns.push(this.#open);
    this.#open = undefined;
    if (this.#columns.length < 2 * fewestColumns) return;
    this.#wakesEach *= 2;
    this.#columns = pairs(this.#columns);
  }

  /** How many wakes are in each, but for the last. */
  get wakesEach(): number {
    return this.#wakesEach;
  }

  get all(): readonly Column[] {
    return this.#open ? [...this.#columns, this.#open] : this.#columns;
  }
}

function pairs(columns: readonly Column[]): Column[] {
  const halves: Column[] = [];
  for (let index = 0; index + 1 < columns.length; index += 2)
    halves.push(merged(columns[index]!, columns[index + 1]!));
  return halves;
}

function columnOf(wake: WakeRecord): Column {
  const phaseMs = new Map<string, number>();
  for (const { name, estimatedMs } of wake.phases) phaseMs.set(name, (phaseMs.get(name) ?? 0) + estimatedMs);
  return {
    wakes: 1,
    failed: wake.failed ? 1 : 0,
    fromMs: wake.at,
    toMs: wake.endedAt,
    awakeMs: wake.estimatedMs,
    awakeMsMax: wake.estimatedMs,
    phaseMs,
    microcoulombs: wake.microcoulombs,
    sleepMicrocoulombs: wake.sleepMicrocoulombs,
    flashWrites: wake.flashWrites,
    heap: wake.heap,
    waiting: wake.waiting,
    dropped: wake.dropped,
    gaps: wake.gaps,
  };
}

function merged(a: Column, b: Column): Column {
  for (const [name, ms] of b.phaseMs) a.phaseMs.set(name, (a.phaseMs.get(name) ?? 0) + ms);
  return {
    wakes: a.wakes + b.wakes,
    failed: a.failed + b.failed,
    fromMs: Math.min(a.fromMs, b.fromMs),
    toMs: Math.max(a.toMs, b.toMs),
    awakeMs: a.awakeMs + b.awakeMs,
    awakeMsMax: Math.max(a.awakeMsMax, b.awakeMsMax),
    phaseMs: a.phaseMs,
    microcoulombs: a.microcoulombs + b.microcoulombs,
    sleepMicrocoulombs: a.sleepMicrocoulombs + b.sleepMicrocoulombs,
    flashWrites: a.flashWrites + b.flashWrites,
    heap: highest(a.heap, b.heap),
    waiting: b.waiting,
    dropped: a.dropped + b.dropped,
    gaps: a.gaps + b.gaps,
  };
}

export const noHeap: Meters = { slotBytesPeak: 0, chunkBytesPeak: 0, stackBytesPeak: 0, tlsBytesPeak: 0 };

export function highest(a: Meters, b: Meters): Meters {
  return {
    slotBytesPeak: Math.max(a.slotBytesPeak, b.slotBytesPeak),
    chunkBytesPeak: Math.max(a.chunkBytesPeak, b.chunkBytesPeak),
    stackBytesPeak: Math.max(a.stackBytesPeak, b.stackBytesPeak),
    tlsBytesPeak: Math.max(a.tlsBytesPeak, b.tlsBytesPeak),
  };
}
