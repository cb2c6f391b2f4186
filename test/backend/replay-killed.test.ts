import assert from "node:assert/strict";
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { after, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { SqliteReplayStore } from "../../backend/replay/sqlite.js";
import { Prng } from "../../host-sim/world/prng.js";
import { runs, seed } from "../campaign.js";
import { arrival } from "./replay-arrival.js";

const folder = await mkdtemp(join(tmpdir(), "dormouse-replay-"));
after(() => rm(folder, { recursive: true, force: true }));

class Worker {
  readonly #process: ChildProcessByStdio<null, Readable, null>;
  readonly #ended: Promise<unknown>;
  #batches = 0;
  #onBatch = () => {};
  /** The first counter of the batch done last. */
  at: number;

  constructor(file: string, from: number, onFresh: (counter: number) => void) {
    this.at = from;
    const program = fileURLToPath(new URL("replay-worker.js", import.meta.url));
    this.#process = spawn(process.execPath, [program, file, String(from)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.#ended = once(this.#process, "close");
    createInterface(this.#process.stdout).on("line", (line) => {
      const [first, fresh = ""] = line.split(":");
      this.at = Number(first);
      for (const counter of fresh.trim().split(" ")) if (counter) onFresh(Number(counter));
      this.#batches++;
      this.#onBatch();
    });
  }

  /** Until it has done so many more batches; the test's own limit of time tells a deadlock. */
  async progress(more: number): Promise<void> {
    const goal = this.#batches + more;
    await new Promise<void>((resolve) => {
      this.#onBatch = () => this.#batches >= goal && resolve();
    });
  }

  /** Without a chance to tidy up. Resolves when all it printed has been read. */
  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#ended;
  }
}

test("a process killed at any moment loses no mark, admits nothing twice, and holds up nobody", async () => {
  const file = join(folder, "replay.db");
  const random = new Prng(seed, "replay-killed");
  const times = new Map<number, number>();
  const onFresh = (counter: number) => times.set(counter, (times.get(counter) ?? 0) + 1);
  const kills = runs(2000);
  const steady = new Worker(file, 0, onFresh);
  try {
    for (let n = 0; n < kills; n++) {
      const victim = new Worker(file, steady.at, onFresh);
      await victim.progress(1);
      await delay(random.whole(0, 20));
      await victim.kill();
      await steady.progress(2);
    }
  } finally {
    await steady.kill();
  }
  for (const [counter, count] of times)
    assert.equal(count, 1, `seed ${seed}: counter ${counter} was fresh twice`);
  // In the order they were admitted: the window's lower end must not move while we ask.
  const store = new SqliteReplayStore(file);
  let unreported = 0;
  const highest = [...times.keys()].reduce((most, counter) => Math.max(most, counter), 0);
  for (let counter = Math.max(0, highest - 4000); counter <= highest; counter++) {
    const verdict = store.admitNow(arrival(counter));
    if (times.has(counter))
      assert.equal(verdict, "duplicate", `seed ${seed}: the mark of ${counter} is lost`);
    else if (verdict === "duplicate") unreported++;
    else assert.equal(verdict, "fresh");
  }
  assert.ok(unreported <= (kills + 1) * 10, "only what the dead had no time to print");
  await store.close();
});
