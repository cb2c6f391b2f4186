/** What waits while nobody answers: it survives in RTC memory and flash, goes out oldest first, and what does not is told. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { type SimFlags, simOptions } from "../../cli/sim.js";
import type { BoardName } from "../../host-sim/board.js";
import type { Disturbance } from "../../host-sim/disturbance.js";
import type { OutboxSettings } from "../../lib/store/profile.js";
import { only, run } from "./run.js";

interface Outage {
  readonly board: BoardName;
  /** Wakes without a network, and with one after them. */
  readonly down: number;
  readonly up: number;
  readonly outbox?: OutboxSettings;
  readonly disturbance?: Disturbance;
}

async function outage({ board, down, up, outbox, disturbance }: Outage) {
  const flags: SimFlags = { board, cycles: `${down + up}` };
  const options = await simOptions(flags);
  const { profile } = options;
  let wake = 0;
  const result = await run({}, ({ event }) => event === "wake" && wake++, {
    ...options,
    disturbance: {
      network: (world) => (wake <= down ? { ...world, accessPoints: [] } : world),
      ...disturbance,
    },
    profile: {
      ...profile,
      cycle: { ...profile.cycle, backoffMaxSeconds: profile.cycle.intervalSeconds },
      ...(outbox && { outbox }),
    },
  });
  const { events } = result;
  const received = only(events, "received").flatMap(({ reading }) => reading ?? []);
  const of = (name: string) => received.filter((one) => one.name.endsWith(`:${name}`));
  const writes = only(events, "sleep").map(({ cost }) => cost.flashWrites);
  const dropped = only(events, "dropped").reduce((sum, { readings }) => sum + readings, 0);
  const gap = only(events, "gap").reduce((sum, { readings }) => sum + readings, 0);
  return { ...result, of, writes, dropped, gap, times: of("temperature").map(({ time }) => time!) };
}

const failures = ["network-unavailable"];
const kinds = (events: Awaited<ReturnType<typeof outage>>["events"]) => [
  ...new Set(only(events, "error").map(({ kind }) => kind)),
];

for (const [board, down] of [
  ["esp32", 70],
  ["esp8266", 14],
] as const)
  test(`${board}: after ${down} wakes without a network every reading comes, in order, with its own time`, async () => {
    const { events, times, writes, summary } = await outage({ board, down, up: 3 });
    deepEqual(kinds(events), failures);
    equal(times.length, down + 3);
    for (const [i, time] of times.entries())
      if (i > 0) {
        const apart = time - times[i - 1]!;
        ok(apart > 890 && apart < 910, `${apart} s from reading ${i - 1} to the next`);
      }
    deepEqual([summary.rejected, summary.published], [0, summary.verified]);
    const every = board === "esp8266" ? 3 : 16;
    const spilled = only(events, "spilled");
    // The reading of the wake that reaches the broker counts too.
    equal(spilled.length, Math.floor((down + 1) / every));
    // One for each segment, one when the clock is set that was unknown till then, one when it goes; and the counter's.
    equal(
      writes.reduce((sum, count) => sum + count, 0),
      3 * spilled.length + 1,
    );
  });

for (const [drop, kept] of [
  ["oldest", (numbers: number[]) => numbers.every((one, i) => one === 40 - numbers.length + i)],
  ["newest", (numbers: number[]) => numbers[0] === 0 && numbers.at(-1) === 39],
  ["thin", (numbers: number[]) => numbers.some((one, i) => i > 0 && one - numbers[i - 1]! === 2)],
] as const)
  test(`flash is full and "${drop}" goes: what came and what was dropped is all there was, and it is told`, async () => {
    const outbox: OutboxSettings = { spillEvery: 4, flashBytes: 1024, drop };
    const { events, of, dropped, times } = await outage({ board: "esp32c3", down: 37, up: 3, outbox });
    deepEqual(kinds(events), failures);
    equal(times.length + dropped, 40);
    ok(dropped > 10, `${dropped}`);
    deepEqual(of("state.gap"), []);
    equal(of("state.dropped").at(-1)?.value, dropped);
    const first = only(events, "sent").filter(({ first }) => first !== undefined);
    const start = times[0]!;
    const numbers = times.map((time) => Math.round((time - times.at(-1)!) / 900) + 39);
    ok(start > 0 && first.length > 0 && kept(numbers), numbers.join());
  });

test("RTC memory lost in an outage: what was in flash comes, what was not is told as a gap", async () => {
  for (const board of ["esp32c3", "esp8266"] as const) {
    const every = board === "esp8266" ? 3 : 16;
    const lost = 2 * every + 3;
    const { events, of, times, gap } = await outage({
      board,
      down: lost + 3,
      up: 2,
      disturbance: { cause: (wake, usual) => (wake === lost ? "power-on" : usual) },
    });
    deepEqual(kinds(events), failures);
    // Two segments, and what was measured after: the readings of two wakes are gone.
    equal(times.length, lost + 5 - 2);
    equal(gap, every);
    deepEqual(
      of("state.gap").map(({ value }) => value),
      [every],
    );
  }
});

test("a board whose readings are acknowledged writes flash once: the counter's reservation", async () => {
  const { writes, events } = await outage({ board: "esp32c3", down: 0, up: 40 });
  deepEqual(only(events, "error"), []);
  deepEqual([writes[0], writes.slice(1).reduce((sum, count) => sum + count, 0)], [1, 0]);
});

test("flash that takes nothing: what fits RTC memory waits there, and no reading is taken that would go untold", async () => {
  const { events, times, dropped, of } = await outage({
    board: "esp32c3",
    down: 25,
    up: 2,
    disturbance: { memory: (wake) => (wake > 1 && wake <= 25 ? "flash-full" : "none") },
  });
  const taken = only(events, "queued").length;
  equal(times.length + dropped, taken);
  ok(dropped === 1 && taken >= 16 && taken < 27, `${taken} taken, ${dropped} dropped`);
  ok(kinds(events).includes("storage-failed"));
  equal(of("state.dropped").at(-1)?.value, dropped);
});
