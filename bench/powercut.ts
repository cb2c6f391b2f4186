/** What is left of a board's word when its power fails at random, thousands of times: everything, or this tells. */
import { engineFile } from "../host-sim/engine-file.js";
import type { Benchmark, Flags, Row } from "./benchmark.js";
import { runCampaign } from "./powercut/campaign.js";

const most = 1_000_000;

export const powercut: Benchmark = {
  about:
    "lives of boards whose power fails at random: what was lost, repeated or unreadable, as an independent ledger counts",
  flags: { runs: "200", seed: "1" },
  async run(flags) {
    const runs = whole(flags, "runs", 1, most);
    const seed = whole(flags, "seed", 0, 0xffff_ffff);
    const { complaints, ...outcome } = await runCampaign({
      ...{ engine: await engineFile("release"), seed, runs, replaced: new Map() },
      onProgress: (done) => {
        if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${runs} lives `);
      },
    });
    const json: Row = { runs: outcome.runs, cuts: outcome.cuts, ...outcome.faults };
    return {
      title: `${outcome.runs} lives, ${outcome.boots} boots, ${outcome.cuts} of them cut short (seed ${seed})`,
      rows: Object.entries(outcome.faults).map(([what, count]) => ({ what, count })),
      notes: complaints,
      json,
    };
  },
};

function whole(flags: Flags, name: string, from: number, to: number): number {
  const value = Number(flags[name]);
  if (!Number.isInteger(value) || value < from || value > to)
    throw new RangeError(`--${name}: a whole number from ${from} to ${to} is needed`);
  return value;
}
