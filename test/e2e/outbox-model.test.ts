import { deepEqual } from "node:assert/strict";
import { test } from "node:test";
import { live } from "./outbox-lives.js";

test("every reading is delivered, or told to be dropped or lost, wherever power fails", () => {
  for (let seed = 1; seed <= 300; seed++) {
    const { wrong, settings } = live(seed, 60);
    deepEqual(wrong, [], `life ${seed}, ${JSON.stringify(settings)}`);
  }
});
