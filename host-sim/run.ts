/** One simulation run: a world, a device's life in it, and as many wakes as were asked for. */
import { setTimeout as wait } from "node:timers/promises";
import type { Disturbance } from "./disturbance.js";
import { Life } from "./life.js";
import type { Reporter } from "./report/events.js";
import type { Tally } from "./report/summary.js";
import type { SimOptions } from "./sim-options.js";
import { openScene, type Scene } from "./world/scene.js";

export interface RunOptions extends SimOptions {
  readonly engine: string;
  /** See DeviceOptions. */
  readonly measure?: boolean;
  readonly disturbance?: Disturbance;
  /** Ends the run early, at the end of the wake. */
  readonly signal?: AbortSignal;
}

export async function simulate(options: RunOptions, reporter: Reporter): Promise<Tally> {
  const life = new Life(options, reporter);
  let scene: Scene | undefined;
  try {
    scene = await openScene(life.resident, onceEach(reporter));
    reporter.note(`${options.board}, ${scene.title}`);
    reporter.note(`seed ${options.seed}`);
    await life.start(scene);
    await wakes(life, options);
    life.sumUp();
    return life.tally;
  } finally {
    // The listener's last messages are opened with the device's secret, which goes with its life.
    await scene?.close();
    await life.close();
  }
}

async function wakes(life: Life, { cycles, realtime, signal }: RunOptions): Promise<void> {
  for (let left = cycles; left > 0 && !signal?.aborted; left--) {
    const sleepMs = await life.wake();
    if (realtime && left > 1) await wait(sleepMs, undefined, { signal }).catch(() => {});
  }
}

/** The listener tries again and again: what it says is told once, until it says something else. */
function onceEach(reporter: Reporter): (problem: string) => void {
  let said = "";
  return (problem) => {
    if (problem === said) return;
    said = problem;
    reporter.note(`listener: ${problem}`);
  };
}
