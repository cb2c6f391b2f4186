/** What a report keeps of a run: little, however long the run, and its sums are right. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { RunEvent, WakeCost } from "../../../host-sim/report/events.js";
import { fewestColumns } from "../../../host-sim/report/history/column.js";
import { History, mostWhole } from "../../../host-sim/report/history/history.js";
import { Readings } from "../../../host-sim/report/history/readings.js";
import { Spread } from "../../../host-sim/report/history/spread.js";

const heap = { slotBytesPeak: 1, chunkBytesPeak: 2, stackBytesPeak: 3, tlsBytesPeak: 4 };
const cost: WakeCost = {
  bytesUp: 10,
  bytesDown: 20,
  flashWrites: 1,
  heap,
  estimated: { ms: 100, microcoulombs: 900, sleepMicrocoulombs: 50, rest: { ms: 0, microcoulombs: 0 } },
};
const estimated = { ms: 30, microcoulombs: 400 };

function wakes(history: History, count: number, more: (wake: number) => object[] = () => []): void {
  for (let wake = 1; wake <= count; wake++) {
    const common = { at: wake * 1000, device: "d", wake };
    const events = [
      { event: "wake", cause: "deep-sleep", board: "esp32" },
      { event: "phase", name: "join", ms: 20, bytecodes: 1, estimated },
      ...more(wake),
      { event: "sleep", ms: 900, awakeMs: 100, bytecodes: 1, cost },
    ];
    for (const event of events) history.event({ ...common, ...event } as RunEvent);
  }
}

describe("a history", () => {
  for (const [count, wakesEach] of [
    [1, 1],
    [255, 1],
    [256, 2],
    [35_040, 256],
  ] as const)
    test(`of ${count} wakes: at most ${2 * fewestColumns} columns, and no wake is missing in them`, () => {
      const history = new History();
      wakes(history, count);
      const { all, wakesEach: each } = history.columns;
      assert.equal(each, wakesEach);
      assert.ok(all.length <= 2 * fewestColumns);
      const sum = (value: (column: (typeof all)[number]) => number) =>
        all.reduce((total, column) => total + value(column), 0);
      assert.equal(
        sum((column) => column.wakes),
        count,
      );
      assert.equal(
        sum(({ awakeMs }) => awakeMs),
        100 * count,
      );
      assert.deepEqual(
        [history.bytesUp, history.bytesDown, history.flashWrites],
        [10 * count, 20 * count, count],
      );
      assert.ok(history.first.length <= mostWhole);
    });

  test("what is in no phase is the board's start; what came after the last is told apart", () => {
    const history = new History();
    wakes(history, 1);
    assert.deepEqual(
      history.first[0]!.phases.map(({ name, estimatedMs, microcoulombs }) => [
        name,
        estimatedMs,
        microcoulombs,
      ]),
      [
        ["start", 70, 500],
        ["join", 30, 400],
      ],
    );
    const broken = new History();
    const rest = { ms: 40, microcoulombs: 300 };
    const common = { at: 0, device: "d", wake: 1 };
    broken.event({ ...common, event: "wake", cause: "power-on", board: "esp32" });
    broken.event({ ...common, event: "phase", name: "join", ms: 20, bytecodes: 1, estimated });
    const ended = { ...cost, estimated: { ...cost.estimated, rest } };
    broken.event({ ...common, event: "reset", reason: "power-cut", awakeMs: 100, effects: 0, cost: ended });
    assert.deepEqual(
      broken.first[0]!.phases.map(({ name, estimatedMs }) => [name, estimatedMs]),
      [
        ["start", 30],
        ["join", 30],
        ["rest", 40],
      ],
    );
    assert.deepEqual([broken.failed, broken.first[0]!.ending], [1, "power-cut"]);
  });

  test("the rounds of a device that stays awake are shown like wakes, and idling is in the device's total alone", () => {
    const history = new History();
    const common = { device: "d", wake: 1 };
    history.event({ ...common, at: 0, event: "wake", cause: "power-on", board: "esp32" });
    const round = { ms: 30, microcoulombs: 400, idleMicrocoulombs: 40_000 };
    for (let n = 1; n <= 3; n++) {
      history.event({
        ...common,
        at: n * 1000,
        event: "phase",
        name: "drain",
        ms: 20,
        bytecodes: 1,
        estimated,
      });
      history.event({ ...common, at: n * 1000, event: "idle", ms: 970, estimated: round });
    }
    const off = { ...cost, estimated: { ...cost.estimated, ms: 3000, microcoulombs: 121_200 } };
    history.event({
      ...common,
      at: 3000,
      event: "reset",
      reason: "off",
      awakeMs: 3000,
      effects: 0,
      cost: off,
    });
    assert.deepEqual(
      history.first.map(({ number, ending, estimatedMs, failed }) => [number, ending, estimatedMs, failed]),
      [1, 2, 3].map((number) => [number, "idle", 30, false]),
    );
    const { microcoulombs, elapsedMs } = history.devices.get("d")!;
    assert.deepEqual([microcoulombs, elapsedMs, history.bytesUp, history.heap], [121_200, 3000, 10, heap]);
  });

  test("errors are counted by kind and phase, with the first and the last wake", () => {
    const history = new History();
    const error = { event: "error", kind: "connect-failed", code: 111, detail: "refused", phase: "connect" };
    wakes(history, 10, (wake) => (wake >= 3 && wake <= 5 ? [error] : []));
    const [total, ...others] = [...history.errors.values()];
    assert.equal(others.length, 0);
    assert.deepEqual([total!.count, total!.first.number, total!.last.number], [3, 3, 5]);
    assert.equal(history.failed, 3);
    assert.equal(history.failures.length, 3);
  });

  test("kinds without end, and devices that say anything, do not fill the memory", () => {
    const history = new History();
    wakes(history, 500, (wake) => [{ event: "error", kind: `k${wake}`, code: 0, detail: "", phase: "join" }]);
    assert.equal(history.errors.size, 100);
    assert.equal(history.failures.length, 12);
  });
});

describe("readings", () => {
  test("each has one fate", () => {
    const readings = new Readings();
    const take = (sequence: number, wake: number) => readings.queued(sequence, wake);
    take(1, 1);
    readings.sent(1, 1, 1);
    readings.acked(1, 1);
    take(2, 2);
    take(3, 3);
    readings.sent(2, 2, 2);
    readings.acked(2, 6);
    take(4, 7);
    readings.spilled(1);
    take(5, 8);
    readings.sent(3, 4, 2);
    readings.acked(3, 200);
    take(6, 201);
    readings.dropped(1);
    take(7, 202);
    const { late, ...fates } = readings.fates;
    assert.deepEqual(fates, {
      taken: 7,
      atOnce: 1,
      later: 3,
      fromFlash: 1,
      dropped: 1,
      lost: 0,
      gaps: 0,
      spilled: 1,
    });
    assert.deepEqual(late, [0, 2, 0, 0, 2]);
    assert.equal(readings.waiting, 1);
  });

  test("what RTC memory alone held when it was lost is lost, but what was in flash or comes after all is not", () => {
    const readings = new Readings();
    readings.queued(1, 1);
    readings.spilled(1);
    readings.queued(2, 2);
    readings.queued(3, 3);
    readings.gap(16);
    readings.queued(4, 4);
    assert.deepEqual([readings.fates.lost, readings.fates.gaps, readings.waiting], [2, 16, 2]);
    readings.sent(9, 3, 1);
    readings.acked(9, 5);
    assert.deepEqual([readings.fates.lost, readings.fates.later, readings.waiting], [1, 1, 2]);
    readings.gap(16);
    assert.deepEqual([readings.fates.lost, readings.fates.gaps, readings.waiting], [2, 32, 1]);
  });

  test("an acknowledgement twice, or of a message never seen, counts nothing", () => {
    const readings = new Readings();
    readings.queued(1, 1);
    readings.sent(9, 1, 1);
    readings.acked(9, 1);
    readings.acked(9, 1);
    readings.acked(10, 1);
    assert.equal(readings.fates.atOnce, 1);
    assert.equal(readings.waiting, 0);
  });
});

describe("a spread", () => {
  test("its quantiles are right within 4 %, its extremes exactly", () => {
    const spread = new Spread();
    for (let value = 1; value <= 10_000; value++) spread.add(value);
    for (const share of [0.1, 0.5, 0.95])
      assert.ok(Math.abs(spread.quantile(share) / (10_000 * share) - 1) < 0.04, `${spread.quantile(share)}`);
    assert.deepEqual([spread.max, spread.count, spread.quantile(1)], [10_000, 10_000, 10_000]);
  });

  test("one value is itself, none is 0, and what is too large has a place", () => {
    const spread = new Spread();
    assert.equal(spread.quantile(0.5), 0);
    spread.add(70);
    assert.equal(spread.quantile(0.5), 70);
    spread.add(1e12);
    assert.equal(spread.max, 1e12);
    assert.ok(spread.quantile(1) <= 1e12);
  });
});
