/** The power-cut campaign: a sample of it finds nothing, and what it would find if the firmware did one thing wrongly. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, type TestContext, test } from "node:test";
import { runCampaign } from "../../bench/powercut/campaign.js";
import { noFaults } from "../../bench/powercut/ledger.js";
import { type Mutant, mutants, mutated } from "../../bench/powercut/mutants.js";
import { runShard } from "../../bench/powercut/shard.js";
import { engineFile } from "../../host-sim/engine-file.js";
import { runs, seed } from "../campaign.js";

/** One life in five, or more, brings a mutant out: that none of so many does is a chance of one in 10^7. */
const mostLives = 80;
/** Lives of each mutant's kind that the firmware as it is must pass. */
const fewestSound = 3;

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

  /** And the firmware as it is passes the same lives. */
  async function noticed(context: TestContext, mutant: Mutant): Promise<void> {
    const order = { engine: await engineFile("release"), seed, first: 0, odds: mutant.odds };
    const found = await runShard(
      { ...order, runs: mostLives, replaced: mutated(mutant, folder) },
      ({ faults }) => mutant.noticed.every((name) => faults[name] === 0),
    );
    context.diagnostic(`${mutant.name}: ${found.runs} lives`);
    assert.ok(
      mutant.noticed.some((name) => found.faults[name] > 0),
      `not noticed in ${found.runs} lives, seed ${seed}`,
    );
    const sound = await runShard({ ...order, runs: Math.max(found.runs, fewestSound), replaced: new Map() });
    assert.deepEqual(sound.faults, noFaults(), sound.complaints.join("\n"));
  }

  describe("the campaign notices", { concurrency: 2 }, () => {
    for (const mutant of mutants) test(mutant.name, (context) => noticed(context, mutant));
  });
});
