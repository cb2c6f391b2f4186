/** What every replay store must do, as tests; each store's own test file runs them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Admission, hostWindow, type ReplayStore } from "../../backend/replay/replay-store.js";
import { Prng } from "../../host-sim/world/prng.js";
import { runs, seed } from "../campaign.js";
import { arrival } from "./replay-arrival.js";

/** A place of its own, at which several may meet. */
export interface Place {
  /** Each call as another process would. */
  open(window?: number): Promise<ReplayStore>;
}

const top = 2 ** 40 - 1;

/** The rule in its plainest form: remember everything. */
function model(window: number): (counter: number, mark: number) => Admission {
  const seen = new Map<number, number>();
  let highest = Number.NEGATIVE_INFINITY;
  return (counter, mark) => {
    if (counter <= highest - window) return "stale";
    const known = seen.get(counter);
    if (known !== undefined) return known === mark ? "duplicate" : "conflict";
    seen.set(counter, mark);
    highest = Math.max(highest, counter);
    return "fresh";
  };
}

/** @param campaign how many random histories the store is compared over */
export function replayContract(name: string, place: () => Promise<Place>, campaign: number): void {
  const contract = (rule: string, check: (at: Place, store: ReplayStore) => Promise<void>) =>
    test(`${name}: ${rule}`, async () => {
      const at = await place();
      const store = await at.open();
      try {
        await check(at, store);
      } finally {
        await store.close();
      }
    });

  contract("a counter is fresh once; with other bytes it is a conflict", async (_, store) => {
    assert.equal(await store.admit(arrival(0)), "fresh");
    assert.equal(await store.admit(arrival(0)), "duplicate");
    assert.equal(await store.admit(arrival(0, 2)), "conflict");
    assert.equal(await store.admit(arrival(0)), "duplicate", "a conflict changes nothing");
    assert.equal(await store.admit(arrival(1, 2)), "fresh");
  });

  contract("4,095 counters back is fresh, 4,096 is stale", async (_, store) => {
    assert.equal(await store.admit(arrival(10_000)), "fresh");
    assert.equal(await store.admit(arrival(10_000 - hostWindow)), "stale");
    assert.equal(await store.admit(arrival(10_000 - hostWindow + 1)), "fresh");
    assert.equal(await store.admit(arrival(10_001)), "fresh");
    assert.equal(await store.admit(arrival(10_001 - hostWindow)), "stale", "was fresh, is below by now");
  });

  contract("the highest counter there may be is admitted once, one beyond is refused", async (_, store) => {
    assert.equal(await store.admit(arrival(top)), "fresh");
    assert.equal(await store.admit(arrival(top)), "duplicate");
    assert.equal(await store.admit(arrival(top - hostWindow + 1)), "fresh");
    assert.equal(await store.admit(arrival(top - hostWindow)), "stale");
    await assert.rejects(store.admit(arrival(top + 1)), RangeError);
    await assert.rejects(store.admit(arrival(-1)), RangeError);
    await assert.rejects(store.admit(arrival(1.5)), RangeError);
  });

  contract("streams are apart by sender, epoch, direction and topic", async (_, store) => {
    assert.equal(await store.admit(arrival(5)), "fresh");
    for (const more of [
      { sender: "dormouse-2" },
      { epoch: 1 },
      { direction: "down" },
      { topic: "u" },
    ] as const) {
      assert.equal(await store.admit(arrival(5, 1, more)), "fresh", JSON.stringify(more));
      assert.equal(await store.admit(arrival(5, 1, more)), "duplicate", JSON.stringify(more));
    }
    assert.equal(await store.admit(arrival(5, 1, { epoch: 0xffff_ffff })), "fresh");
    assert.equal(await store.admit(arrival(5, 1, { topic: "t\u{1f42d}'; --" })), "fresh");
  });

  contract("an identity counts by its first 16 bytes, and has at least 8", async (_, store) => {
    const identity = (length: number, last: number) => new Uint8Array(length).fill(last, length - 1);
    assert.equal(await store.admit(arrival(1, 1, { identity: identity(8, 1) })), "fresh");
    assert.equal(await store.admit(arrival(1, 1, { identity: identity(8, 1) })), "duplicate");
    assert.equal(await store.admit(arrival(1, 1, { identity: identity(8, 2) })), "conflict");
    assert.equal(await store.admit(arrival(2, 1, { identity: identity(16, 1) })), "fresh");
    assert.equal(await store.admit(arrival(2, 1, { identity: identity(16, 2) })), "conflict");
    assert.equal(await store.admit(arrival(3, 1, { identity: identity(17, 1) })), "fresh");
    assert.equal(await store.admit(arrival(3, 1, { identity: identity(17, 2) })), "duplicate");
    await assert.rejects(store.admit(arrival(4, 1, { identity: new Uint8Array(7) })), RangeError);
  });

  contract("what was seen is remembered when the store is opened anew", async (at, store) => {
    assert.equal(await store.admit(arrival(5)), "fresh");
    await store.close();
    await store.close();
    const second = await at.open();
    assert.equal(await second.admit(arrival(5)), "duplicate");
    assert.equal(await second.admit(arrival(5, 2)), "conflict");
    assert.equal(await second.admit(arrival(6)), "fresh");
    await second.close();
  });

  contract("several receivers at once admit each of 500 messages exactly once", async (at, store) => {
    const stores = [store, await at.open(), await at.open(), await at.open()];
    const counters = Array.from({ length: 500 }, (_, n) => n);
    const verdicts = await Promise.all(
      stores.flatMap((one, n) => {
        const random = new Prng(seed, `order-${n}`);
        const order = counters.map((counter) => ({ counter, at: random.whole(0, 1e6) }));
        order.sort((a, b) => a.at - b.at);
        return order.map(async ({ counter }) => ({ counter, verdict: await one.admit(arrival(counter)) }));
      }),
    );
    for (const counter of counters) {
      const of = verdicts.filter((item) => item.counter === counter).map(({ verdict }) => verdict);
      assert.deepEqual(of.sort(), ["duplicate", "duplicate", "duplicate", "fresh"], `counter ${counter}`);
    }
    for (const other of stores.slice(1)) await other.close();
  });

  test(`${name}: agrees with a store that remembers everything, in any order of arrivals`, async () => {
    const at = await place();
    const random = new Prng(seed, "replay-store");
    for (let run = 0; run < runs(campaign); run++) {
      const store = await at.open(16);
      const expected = model(16);
      let middle = 0;
      for (let n = 0; n < 200; n++) {
        middle += random.whole(0, 3);
        const counter = Math.max(0, middle + random.whole(-24, 8));
        const mark = random.whole(1, 2);
        const got = await store.admit(arrival(counter, mark, { epoch: run }));
        assert.equal(got, expected(counter, mark), `seed ${seed}, run ${run}, ${counter}`);
      }
      await store.close();
    }
  });
}
