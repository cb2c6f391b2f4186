/** What is said of messages that go no further does not grow with their number. */
import { deepEqual } from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { Notices } from "../../cli/receive/told.js";

beforeEach(() => mock.timers.enable({ apis: ["setInterval"] }));
afterEach(() => mock.timers.reset());

function recorded() {
  const said: string[] = [];
  const notices = new Notices(async (text) => void said.push(text));
  const many = async (kind: string, count: number) => {
    for (let i = 0; i < count; i++) await notices.tell(kind, `${kind} ${i}`);
  };
  /** What was said since. */
  const taken = async () => {
    await new Promise((resolve) => setImmediate(resolve));
    return said.splice(0);
  };
  return { notices, many, taken };
}

test("the first 20 of a kind are told, the others counted each minute and at the end", async () => {
  const { notices, many, taken } = recorded();
  await many("bad: malformed", 1000);
  await many("stale", 1);
  deepEqual(await taken(), [
    ...Array.from({ length: 20 }, (_, i) => `dormouse: bad: malformed ${i}\n`),
    "dormouse: stale 0\n",
  ]);
  for (const count of [980, 500]) {
    mock.timers.tick(60_000);
    deepEqual(await taken(), [`dormouse: … and ${count} more: bad: malformed\n`]);
    await many("bad: malformed", 500);
    deepEqual(await taken(), []);
  }
  await notices.end();
  deepEqual(await taken(), ["dormouse: … and 500 more: bad: malformed\n"]);
  mock.timers.tick(600_000);
  deepEqual(await taken(), []);
});

test("after a quiet minute each is told again", async () => {
  const { many, taken } = recorded();
  await many("stale", 21);
  mock.timers.tick(60_000);
  mock.timers.tick(60_000);
  await taken();
  await many("stale", 1);
  deepEqual(await taken(), ["dormouse: stale 0\n"]);
});

test("an alarm always has its line", async () => {
  const { notices, taken } = recorded();
  for (let i = 0; i < 30; i++) await notices.always("ALARM");
  deepEqual((await taken()).length, 30);
});
