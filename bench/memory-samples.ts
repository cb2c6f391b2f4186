/**
 * How much memory the simulator takes as a run goes on: what Node's heap holds after a collection, and what the engine's
 * process has. Early is once everything has been used, late is the end.
 */
import { readFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

export interface MemorySample {
  readonly nodeHeapKb: number;
  readonly engineKb: number;
}

const everyWakes = 100;
const warmWakes = 300;

export class MemorySamples {
  readonly #collect = collector();
  readonly #samples: MemorySample[] = [];

  /** @param wake counts from 1 @param enginePid of the engine's process */
  atWake(wake: number, enginePid: number): void {
    if (wake % everyWakes !== 0) return;
    this.#collect();
    const { heapUsed, external } = process.memoryUsage();
    this.#samples.push({ nodeHeapKb: kilobytes(heapUsed + external), engineKb: residentKb(enginePid) });
  }

  /** @throws RangeError after too short a run */
  get early(): MemorySample {
    return this.#at(warmWakes / everyWakes - 1);
  }

  get late(): MemorySample {
    return this.#at(this.#samples.length - 1);
  }

  #at(index: number): MemorySample {
    const sample = this.#samples[index];
    if (!sample) throw new RangeError(`memory is sampled from wake ${warmWakes} on`);
    return sample;
  }
}

/** What --expose-gc gives, without having been started with it. */
function collector(): () => void {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as () => void;
}

function kilobytes(bytes: number): number {
  return Math.round(bytes / 1024);
}

/** 0 where the system does not tell. */
function residentKb(pid: number): number {
  try {
    return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
