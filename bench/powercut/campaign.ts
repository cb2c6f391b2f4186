/** The campaign over several processes: each takes a part of the lives, whose numbers say what happens in them. */
import { type ChildProcess, spawn } from "node:child_process";
import { availableParallelism } from "node:os";
import { createInterface } from "node:readline";
import { compiledPath, root } from "../../host-sim/paths.js";
import { noFaults } from "./ledger.js";
import { type Order, type Outcome, sumOf } from "./shard.js";

export interface CampaignOptions extends Omit<Order, "first" | "odds"> {
  /** How many processes; twice the processors, since boards wait for brokers. */
  readonly processes?: number;
  readonly onProgress?: (done: number) => void;
}

/** @throws {Error} when a shard could not be run to its end */
export async function runCampaign(options: CampaignOptions): Promise<Outcome> {
  const { runs, onProgress = () => {} } = options;
  const processes = Math.max(
    1,
    Math.min(options.processes ?? 2 * availableParallelism(), Math.ceil(runs / 10)),
  );
  const share = Math.ceil(runs / processes);
  let done = 0;
  const parts = Array.from({ length: processes }, (_, i) => {
    const first = i * share;
    const order = { ...options, first, runs: Math.max(0, Math.min(share, runs - first)) };
    return shardProcess(order, (more) => {
      done += more;
      onProgress(done);
    });
  });
  const outcomes = await Promise.all(parts);
  return outcomes.reduce(
    (sum, one) => ({
      runs: sum.runs + one.runs,
      boots: sum.boots + one.boots,
      cuts: sum.cuts + one.cuts,
      faults: sumOf(sum.faults, one.faults),
      complaints: [...sum.complaints, ...one.complaints],
    }),
    { runs: 0, boots: 0, cuts: 0, faults: noFaults(), complaints: [] },
  );
}

function shardProcess(
  { engine, seed, first, runs, replaced }: Order,
  onDone: (runs: number) => void,
): Promise<Outcome> {
  const child: ChildProcess = spawn(process.execPath, [compiledPath(`${root}bench/powercut/worker.ts`)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stdout! }).on("line", (line) => {
      const told = JSON.parse(line) as { readonly done?: number; readonly outcome?: Outcome };
      if (told.done) onDone(told.done);
      if (told.outcome) resolve(told.outcome);
    });
    child.on("error", reject);
    child.on("close", (code) => reject(new Error(`a part of the campaign ended by exit ${code}`)));
    child.stdin!.end(JSON.stringify({ engine, seed, first, runs, replaced: [...replaced] }));
  });
}
