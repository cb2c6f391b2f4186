import { attendsUntilMs, countsFrom, servesUntilMs } from "../../../lib/provisioning/window.js";
import { equal, test } from "../../device/harness.js";

const nobody = { heardAtMs: undefined, helloAtMs: undefined };
const wholeDay = 86_400_000;

test("a button counts when it can be held for 5 s before 10 s are over", () => {
  equal([0, 4999, 5000, 6000].map(countsFrom), [true, true, false, false]);
});

test("a board that nobody greets attends for 10 s, whatever else it hears", () => {
  equal(attendsUntilMs(nobody, wholeDay), 10_000);
  equal(attendsUntilMs({ ...nobody, heardAtMs: 9000 }, wholeDay), 10_000);
});

test("after a hello it attends until it has heard nothing for a minute", () => {
  equal(attendsUntilMs({ helloAtMs: 2000, heardAtMs: 2000 }, wholeDay), 62_000);
  equal(attendsUntilMs({ helloAtMs: 2000, heardAtMs: 30_000 }, wholeDay), 90_000);
});

test("a host holds it up for 10 minutes at most, and never beyond its next wake", () => {
  equal(attendsUntilMs({ helloAtMs: 2000, heardAtMs: 570_000 }, wholeDay), 600_000);
  equal(attendsUntilMs({ helloAtMs: 2000, heardAtMs: 2000 }, 30_000), 30_000);
  equal(attendsUntilMs({ helloAtMs: 2000, heardAtMs: 2000 }, 4000), 10_000);
});

test("an unprovisioned board serves until it has heard nothing for 10 minutes, a minute once it is provisioned", () => {
  equal(servesUntilMs(nobody, undefined), 600_000);
  equal(servesUntilMs({ ...nobody, heardAtMs: 100_000 }, undefined), 700_000);
  equal(servesUntilMs({ ...nobody, heardAtMs: wholeDay }, undefined), wholeDay + 600_000);
  equal(servesUntilMs({ ...nobody, heardAtMs: 100_000 }, 99_000), 160_000);
});

test("whoever goes on asking a board that has just been provisioned keeps it from its work for 10 minutes", () => {
  equal(servesUntilMs({ ...nobody, heardAtMs: 639_000 }, 100_000), 699_000);
  equal(servesUntilMs({ ...nobody, heardAtMs: 641_000 }, 100_000), 700_000);
  equal(servesUntilMs({ ...nobody, heardAtMs: wholeDay }, 100_000), 700_000);
});
