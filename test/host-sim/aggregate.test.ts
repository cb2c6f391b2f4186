/** The picture of a long run: few rows, in which nothing is missing and nothing counts twice. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { aggregateReporter } from "../../host-sim/report/aggregate.js";
import type { RunEvent } from "../../host-sim/report/events.js";
import { Tally } from "../../host-sim/report/summary.js";

const hour = 3_600_000;
const start = Date.UTC(2026, 0, 1, 9, 30);

function shown(lengthMs: number, events: readonly object[]): string[] {
  let text = "";
  const out = { write: (more: string) => (text += more) };
  const reporter = aggregateReporter({ lengthMs, lateMs: 60_000 }, out as unknown as NodeJS.WriteStream);
  for (const event of events) reporter.report({ device: "d-1", wake: 1, ...event } as RunEvent);
  return text.split("\n");
}

const rows = (lines: readonly string[]) =>
  lines.filter((line) => /^ {2}\d{4}-/.test(line)).map((line) => line.trim().split(/ {2,}/));

const wake = (at: number) => ({ event: "wake", at });
const summary = { event: "summary", at: start, ...new Tally().summary };

test("one row a span, each event in the row of its time, a retry and a duplicate in none", () => {
  const of = (at: number, ...more: object[]) => [wake(at), ...more.map((fields) => ({ at, ...fields }))];
  const lines = shown(12 * hour, [
    ...of(start, { event: "sent" }, { event: "acked" }, { event: "received", verdict: "fresh" }),
    ...of(start + hour, { event: "sent" }, { event: "error", kind: "deadline" }),
    ...of(start + hour, { event: "sent", retry: true }, { event: "received", verdict: "duplicate" }),
    ...of(start + hour, { event: "received", verdict: "bad" }, { event: "error", kind: "deadline" }),
    summary,
  ]);
  assert.deepEqual(rows(lines), [
    ["2026-01-01 09:00", "1", "1", "1", "1", "0", "0"],
    ["2026-01-01 10:00", "3", "1", "0", "0", "1", "2"],
  ]);
  assert.match(lines.join("\n"), /errors +2 deadline/);
});

test("what another device was late with is in the row of its time, what is later still in the next", () => {
  const lines = shown(12 * hour, [
    wake(start),
    wake(start + 30 * 60_000 + 30_000),
    { event: "acked", at: start + 30 * 60_000 - 1000 },
    wake(start + 45 * 60_000),
    { event: "acked", at: start + 30 * 60_000 - 1000 },
    summary,
  ]);
  assert.deepEqual(rows(lines), [
    ["2026-01-01 09:00", "1", "0", "1", "0", "0", "0"],
    ["2026-01-01 10:00", "2", "0", "1", "0", "0", "0"],
  ]);
});

for (const [what, length] of [
  ["an hour", hour],
  ["a day", 24 * hour],
  ["a year", 365 * 24 * hour],
  ["a century", 100 * 365 * 24 * hour],
] as const)
  test(`${what} has 32 rows or fewer`, () => {
    const wakes = Array.from({ length: 400 }, (_, n) => wake(start + (n * length) / 400));
    const lines = shown(length, [...wakes, summary]);
    const counted = rows(lines);
    assert.ok(
      counted.length > 1 && counted.length <= (length > 31 * 365 * 24 * hour ? 101 : 32),
      `${counted.length}`,
    );
    assert.equal(
      counted.reduce((sum, row) => sum + Number(row[1]), 0),
      400,
    );
  });
