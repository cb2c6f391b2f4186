/** The power-cut campaign: a sample of it finds nothing, and what it would find if the firmware did one thing wrongly. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { runCampaign } from "../../bench/powercut/campaign.js";
import { noFaults } from "../../bench/powercut/ledger.js";
import { type Mutant, mutants, mutated } from "../../bench/powercut/mutants.js";
import { runShard } from "../../bench/powercut/shard.js";
import { engineFile } from "../../host-sim/engine-file.js";
import { runs, seed } from "../campaign.js";

/** Most are noticed in a few lives. */
const mostLives = 200;

describe("boards whose power fails", () => {
  const folder = mkdtempSync(join(tmpdir(), "dormouse-mutants-"));
  after(() => rmSync(folder, { recursive: true, force: true }));

  test(`nothing is lost untold, repeated or unreadable, seed ${seed}`, async (context) => {
    const engine = await engineFile("release");
    const outcome = await runCampaign({ engine, seed, runs: runs(8000), replaced: new Map() });
    context.diagnostic(`${outcome.runs} lives, ${outcome.boots} boots, ${outcome.cuts} cuts, seed ${seed}`);
    assert.deepEqual(outcome.faults, noFaults(), outcome.complaints.join("\n"));
    assert.ok(outcome.cuts > outcome.runs, "power does fail");
  });

  async function noticed(mutant: Mutant): Promise<void> {
    const engine = await engineFile("release");
    const order = {
      engine,
      seed: 1,
      first: mutant.first ?? 0,
      runs: mostLives,
      replaced: mutated(mutant, folder),
    };
    const found = await runShard(order, ({ faults }) => mutant.noticed.every((name) => faults[name] === 0));
    assert.ok(
      mutant.noticed.some((name) => found.faults[name] > 0),
      `not noticed in ${found.runs} lives`,
    );
  }

  describe("the campaign notices", { concurrency: 2 }, () => {
    for (const mutant of mutants) test(mutant.name, () => noticed(mutant));
  });
});
