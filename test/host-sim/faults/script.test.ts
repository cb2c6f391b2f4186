/** Scripts of faults: by wake, by time since the run began, and what is no script. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Schedule } from "../../../host-sim/faults/schedule.js";
import { parseScript } from "../../../host-sim/faults/script.js";

const script = (...faults: unknown[]) => parseScript(JSON.stringify({ faults }));

test("wakes as text or number, or as in a flag; times; a moment", () => {
  assert.deepEqual(
    script(
      { fault: "no-ap", wakes: "2-5" },
      { fault: "dns-fail", wakes: 7 },
      { fault: "refuse:3" },
      { fault: "loss=5%", from: "6h", to: "12h" },
      { fault: "delay=1s", from: "1d" },
      { fault: "gpio", at: "7.5h" },
    ).map(({ when }) => when),
    [
      { fromWake: 2, toWake: 5 },
      { fromWake: 7, toWake: 7 },
      { fromWake: 3, toWake: 3 },
      { fromMs: 21_600_000, toMs: 43_200_000 },
      { fromMs: 86_400_000, toMs: Number.POSITIVE_INFINITY },
      { atMs: 27_000_000 },
    ],
  );
});

const refused: [text: string, words: RegExp][] = [
  ["", /^no JSON: /],
  ["[]", /a script is \{ "faults"/],
  ['{"faults":{}}', /a script is/],
  ['{"faults":[],"more":1}', /a script is/],
  ['{"faults":["no-ap"]}', /^fault 1: write \{ "fault"/],
  ['{"faults":[{"fault":"no-ap","wake":2}]}', /^fault 1: write/],
  ['{"faults":[{"fault":"no-ap"},{"fault":"nope"}]}', /^fault 2: "nope" is no fault/],
  ['{"faults":[{"fault":"no-ap:2","wakes":"3"}]}', /says twice when/],
  ['{"faults":[{"fault":"no-ap","wakes":"3","at":"1h"}]}', /one says when/],
  ['{"faults":[{"fault":"no-ap","from":"2h","to":"1h"}]}', /"to" comes after "from"/],
  ['{"faults":[{"fault":"no-ap","at":60}]}', /"at": write the time since/],
];
for (const [text, words] of refused)
  test(`refused: ${text}`, () => {
    assert.throws(
      () => parseScript(text),
      (error: Error) => error instanceof RangeError && words.test(error.message),
    );
  });

const struck = (schedule: Schedule, wakes: number, apartMs = 900_000) =>
  Array.from({ length: wakes }, (_, n) =>
    schedule.at({ wake: n + 1, ms: n * apartMs }).map(({ fault }) => fault.text),
  );

test("faults hold in their wakes and in the wakes that begin in their time, a moment's once", () => {
  const schedule = new Schedule(
    script(
      { fault: "no-ap", wakes: "2-3" },
      { fault: "refuse", from: "15m", to: "30m" },
      { fault: "dns-fail", at: "20m" },
    ),
    1,
    "d",
  );
  assert.deepEqual(struck(schedule, 5), [[], ["no-ap", "refuse"], ["no-ap", "dns-fail"], [], []]);
});

test("chance: as often as it says, the same for a seed and a device, another for another", () => {
  const faults = script({ fault: "no-ap", wakes: "20%" });
  const run = (seed: number, name: string) =>
    struck(new Schedule(faults, seed, name), 2000).map((wake) => wake.length);
  const one = run(7, "d-1");
  const sum = one.reduce((all, struck) => all + struck);
  assert.ok(sum > 320 && sum < 480, `${sum} of 2000`);
  assert.deepEqual(run(7, "d-1"), one);
  assert.notDeepEqual(run(8, "d-1"), one);
  assert.notDeepEqual(run(7, "d-2"), one);
});
