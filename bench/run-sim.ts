/** A quiet run of the simulator for benchmarks and budget tests: the default profile, the embedded broker. */
import { simOptions } from "../cli/sim.js";
import type { BoardName } from "../host-sim/board.js";
import { type EngineVariant, engineFile } from "../host-sim/engine-file.js";
import type { Reporter, RunEvent, Summary } from "../host-sim/report/events.js";
import { simulate } from "../host-sim/run.js";

export interface QuietRun {
  readonly summary: Summary;
  readonly events: readonly RunEvent[];
  readonly success: boolean;
}

export async function quietRun(
  board: BoardName,
  cycles: number,
  { variant = "release", measure = false }: { variant?: EngineVariant; measure?: boolean } = {},
): Promise<QuietRun> {
  const events: RunEvent[] = [];
  const reporter: Reporter = { report: (event) => events.push(event), note: () => {} };
  const options = await simOptions({ board, cycles: String(cycles), seed: "1" });
  const tally = await simulate({ ...options, engine: await engineFile(variant), measure }, reporter);
  return { summary: tally.summary, events, success: tally.success };
}
