import { equal, test } from "../../device/harness.js";
import { live } from "./outbox-lives.js";

test("every reading is delivered, or told to be dropped or lost, wherever power fails", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const { wrong, settings } = live(seed, 60);
    equal(wrong, [], `life ${seed}, ${JSON.stringify(settings)}`);
  }
});
