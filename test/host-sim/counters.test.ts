/** A set of counters is one whatever their order, and a year of counters in a row takes one run. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Counters } from "../../host-sim/report/counters.js";
import { Prng } from "../../host-sim/world/prng.js";

test("the same counter twice is one, of another device another", () => {
  const counters = new Counters();
  for (const [device, counter] of [
    ["a", 4],
    ["a", 4],
    ["b", 4],
    ["a", 5],
    ["a", 4],
  ] as const)
    counters.add(device, counter);
  assert.equal(counters.size, 3);
});

test("as a Set has it, in any order, with gaps that close", () => {
  const random = new Prng(11, "counters");
  for (let round = 0; round < 50; round++) {
    const counters = new Counters();
    const known = new Set<number>();
    for (let i = 0; i < 200; i++) {
      const counter = random.whole(0, 60);
      counters.add("d", counter);
      known.add(counter);
      assert.equal(counters.size, known.size);
    }
  }
});
