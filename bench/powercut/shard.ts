/** Some lives of the campaign, one after the other in this process, on boards that it starts and stops. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BoardName } from "../../host-sim/board.js";
import { Prng } from "../../host-sim/world/prng.js";
import { Board, type Replaced } from "./board.js";
import { CampaignBroker } from "./broker.js";
import { type Faults, noFaults } from "./ledger.js";
import { CampaignLife } from "./life.js";
import { boardOf, campaignOdds, type Odds, profileOf } from "./plan.js";

export interface Order {
  readonly engine: string;
  readonly seed: number;
  /** The first life's number, and how many there are. */
  readonly first: number;
  readonly runs: number;
  readonly replaced: Replaced;
  /** Where its lives are not like the campaign's. */
  readonly odds?: Partial<Odds>;
}

export interface Outcome {
  readonly runs: number;
  readonly boots: number;
  readonly cuts: number;
  readonly faults: Faults;
  /** With the number of the life, the first few. */
  readonly complaints: readonly string[];
}

const mostComplaints = 20;

/** @param onRun after each life; `false` ends the shard */
export async function runShard(
  order: Order,
  onRun: (outcome: Outcome) => boolean = () => true,
): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), "dormouse-powercut-"));
  const odds = { ...campaignOdds, ...order.odds };
  const boards = new Map<BoardName, Board>();
  let life: CampaignLife | undefined;
  const broker = new CampaignBroker((published) => life?.ledger.published(published));
  await broker.start();
  let outcome: Outcome = { runs: 0, boots: 0, cuts: 0, faults: noFaults(), complaints: [] };
  try {
    for (let run = order.first; run < order.first + order.runs; run++) {
      const random = new Prng(order.seed, `powercut ${run}`);
      const name = boardOf(random, odds);
      const board = boards.get(name) ?? (await start(name));
      boards.set(name, board);
      life = new CampaignLife(random, odds, board, broker, profileOf(random, odds, name, broker.port));
      const lived = await life.live();
      const told = lived.complaints.map((what) => `life ${run} (${name}): ${what}`);
      outcome = {
        runs: outcome.runs + 1,
        boots: outcome.boots + lived.boots,
        cuts: outcome.cuts + lived.cuts,
        faults: sumOf(outcome.faults, lived.faults),
        complaints: [...outcome.complaints, ...told].slice(0, mostComplaints),
      };
      if (!onRun(outcome)) break;
    }
    return outcome;
  } finally {
    for (const board of boards.values()) await board.stop();
    await broker.stop();
    rmSync(folder, { recursive: true, force: true });
  }

  function start(name: BoardName): Promise<Board> {
    const own = join(folder, name);
    mkdirSync(own, { mode: 0o700 });
    return Board.start(name, { engine: order.engine, folder: own, replaced: order.replaced });
  }
}

export function sumOf(a: Faults, b: Faults): Faults {
  const sum = noFaults();
  for (const name of Object.keys(sum) as (keyof Faults)[]) sum[name] = a[name] + b[name];
  return sum;
}
