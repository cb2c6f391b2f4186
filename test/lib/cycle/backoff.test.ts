import { backoffMs } from "../../../lib/cycle/backoff.js";
import { equal, ok, test, throws } from "../../device/harness.js";

const hours = { baseMs: 900_000, maxMs: 3_600_000 };

test("the longest wait doubles with each failure until it is as long as it may be", () => {
  const nearly = 1 - 2 ** -32;
  equal(
    [1, 2, 3, 4, 5, 60, 2000].map((failures) => backoffMs(hours, failures, nearly)),
    [899_999, 1_799_999, 3_599_999, 3_599_999, 3_599_999, 3_599_999, 3_599_999],
  );
});

test("the wait is any part of that: full jitter", () => {
  equal(backoffMs(hours, 3, 0), 0);
  equal(backoffMs(hours, 3, 0.25), 900_000);
  for (let i = 0; i < 100; i++) ok(backoffMs(hours, 1 + (i % 7), i / 100) < 3_600_000, `${i}`);
});

test("a wait is for a failure", () => {
  for (const failures of [0, -1, Number.NaN]) throws(() => backoffMs(hours, failures, 0), RangeError);
});
