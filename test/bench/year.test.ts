/** Some days of the year that `npm run bench -- year` lives through, and an hour of the fleet's day. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fleetAtMosquitto } from "../../bench/fleet.js";
import { ReadingsLedger } from "../../bench/readings-ledger.js";
import { liveThrough } from "../../bench/year.js";
import type { RunEvent } from "../../host-sim/report/events.js";
import { mosquittoMissing } from "../e2e/mqtt-mosquitto.js";

test("days with faults in every fifth wake: no reading is unaccounted for, no message rejected, memory stays", async () => {
  const { summary, readings, memory, flashWrites, disturbed } = await liveThrough({
    for: "5d",
    seed: "7",
    board: "esp32c3",
  });
  assert.ok(summary.wakes >= 480 && disturbed > 48, `${summary.wakes} wakes, ${disturbed} disturbed`);
  assert.ok(summary.verified > 400);
  assert.equal(summary.rejected, 0);
  assert.equal(readings.unaccounted, 0);
  assert.ok(readings.delivered + readings.dropped + readings.gap >= readings.queued);
  const { early, late } = memory;
  assert.ok(late.nodeHeapKb < 1.1 * early.nodeHeapKb, JSON.stringify({ early, late }));
  assert.ok(late.engineKb <= 1.05 * early.engineKb, JSON.stringify({ early, late }));
  assert.ok(flashWrites < summary.wakes / 10, `${flashWrites} flash writes`);
});

describe("what became of readings", () => {
  const ledger = (...events: object[]) => {
    const result = new ReadingsLedger();
    for (const event of events) result.event({ at: 0, device: "d", wake: 1, ...event } as RunEvent);
    return result;
  };
  const queued = [0, 1, 2].map((sequence) => ({ event: "queued", sequence }));
  const sent = { event: "sent", counter: 5, first: 0, readings: 2 };
  const received = { event: "received", verdict: "fresh", counter: 5 };

  test("one that neither arrives nor is told of is unaccounted for", () => {
    assert.equal(ledger(...queued, sent, received).unaccounted, 1);
    assert.equal(ledger(...queued, sent).unaccounted, 3);
    assert.equal(ledger(...queued, sent, { ...received, verdict: "bad" }).unaccounted, 3);
  });

  test("one that is told as dropped or as a gap is accounted for", () => {
    assert.equal(ledger(...queued, sent, received, { event: "dropped", readings: 1 }).unaccounted, 0);
    assert.equal(ledger(...queued, sent, received, { event: "gap", readings: 16 }).unaccounted, 0);
  });

  test("a retry delivers once", () => {
    const { delivered, unaccounted } = ledger(...queued, sent, sent, received, received);
    assert.deepEqual([delivered, unaccounted], [2, 1]);
  });
});

test("a fleet at Mosquitto: as many acknowledged by the broker as by the boards, and each verified once", {
  skip: mosquittoMissing() ?? false,
}, async () => {
  const { summary, success, pubacks, errors } = await fleetAtMosquitto({
    devices: "12",
    // Not at a moment when one of them wakes: to the second they do not keep it.
    for: "119m",
    seed: "3",
    board: "esp32c3",
  });
  const { devices, wakes, published, acked, verified, rejected, resumed } = summary;
  assert.ok(success);
  assert.deepEqual(
    [devices, wakes, published, acked, verified, rejected, errors],
    [12, 96, 96, 96, 96, 0, 0],
  );
  assert.equal(pubacks, 96);
  assert.equal(resumed, 84);
});
