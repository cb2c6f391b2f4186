import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { Prng } from "../../../host-sim/world/prng.js";
import { type Admission, ReplayStore } from "../../../host-sim/world/replay-store.js";
import { runs, seed } from "../../campaign.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "dormouse-replay-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const arrival = (counter: number, tag = 1, topic = "t") => ({
  kid: Uint8Array.of(1, 2),
  topic,
  counter,
  tag: new Uint8Array(32).fill(tag),
});

test("what was seen is remembered across restarts", () => {
  const file = join(folder, "replay.db");
  const first = new ReplayStore(file);
  assert.equal(first.admit(arrival(5)), "fresh");
  first.close();
  const second = new ReplayStore(file);
  assert.equal(second.admit(arrival(5)), "duplicate");
  assert.equal(second.admit(arrival(5, 2)), "conflict");
  assert.equal(second.admit(arrival(6)), "fresh");
  second.close();
});

test("two receivers on one file admit a counter once", () => {
  const file = join(folder, "replay.db");
  const [a, b] = [new ReplayStore(file), new ReplayStore(file)];
  assert.equal(a.admit(arrival(5)), "fresh");
  assert.equal(b.admit(arrival(5)), "duplicate");
  assert.equal(b.admit(arrival(6)), "fresh");
  assert.equal(a.admit(arrival(6)), "duplicate");
  a.close();
  b.close();
});

test("streams are separate by topic", () => {
  const store = new ReplayStore(":memory:");
  assert.equal(store.admit(arrival(5)), "fresh");
  assert.equal(store.admit(arrival(5, 1, "u")), "fresh");
  store.close();
});

test("the highest counter there may be is admitted once", () => {
  const store = new ReplayStore(":memory:");
  assert.equal(store.admit(arrival(2 ** 40 - 1)), "fresh");
  assert.equal(store.admit(arrival(2 ** 40 - 1)), "duplicate");
  assert.equal(store.admit(arrival(2 ** 40 - 4096)), "fresh");
  assert.equal(store.admit(arrival(2 ** 40 - 4097)), "stale");
  store.close();
});

/** The rule in its plainest form: remember everything. */
function model(window: number): (counter: number, tag: number) => Admission {
  const seen = new Map<number, number>();
  let highest = Number.NEGATIVE_INFINITY;
  return (counter, tag) => {
    if (counter <= highest - window) return "stale";
    const known = seen.get(counter);
    if (known !== undefined) return known === tag ? "duplicate" : "conflict";
    seen.set(counter, tag);
    highest = Math.max(highest, counter);
    return "fresh";
  };
}

test("agrees with a store that remembers everything, in any order of arrivals", () => {
  const random = new Prng(seed, "replay-store");
  for (let run = 0; run < runs(200); run++) {
    const store = new ReplayStore(":memory:", 16);
    const expected = model(16);
    let middle = 0;
    for (let n = 0; n < 200; n++) {
      middle += random.whole(0, 3);
      const counter = Math.max(0, middle + random.whole(-24, 8));
      const tag = random.whole(1, 2);
      assert.equal(
        store.admit(arrival(counter, tag)),
        expected(counter, tag),
        `seed ${seed}, run ${run}, ${counter}`,
      );
    }
    store.close();
  }
});

test("a file that is something else is refused", async () => {
  const file = join(folder, "other.db");
  await writeFile(file, "not a database, but long enough to be taken for one".repeat(20));
  assert.throws(() => new ReplayStore(file), /not a database/);
});
