import assert from "node:assert/strict";
import { test } from "node:test";
import { SqliteReplayStore } from "../../../backend/replay/sqlite.js";
import { Judge } from "../../../host-sim/world/verdict.js";
import { sender, senml, stamp, topic } from "./stamping.js";

function withJudge(use: (judge: Judge) => void): void {
  const store = new SqliteReplayStore(":memory:");
  try {
    use(new Judge([sender], store));
  } finally {
    store.close();
  }
}

test("fresh, with the reading in it; the same again is a duplicate", () =>
  withJudge((judge) => {
    const message = stamp({ counter: 0, payload: senml(21.5) });
    const reading = [{ name: "urn:dev:ops:dormouse-1/temperature", unit: "Cel", value: 21.5 }];
    assert.deepEqual(judge.judge(topic, message), {
      verdict: "fresh",
      topic,
      sender: "dormouse-1",
      counter: 0,
      reading,
      reason: null,
    });
    assert.equal(judge.judge(topic, message).verdict, "duplicate");
  }));

test("the same counter with another reading that verifies is a conflict, the next counter is fresh", () =>
  withJudge((judge) => {
    judge.judge(topic, stamp({ counter: 7, payload: senml(21.5) }));
    assert.equal(judge.judge(topic, stamp({ counter: 7, payload: senml(21.25) })).verdict, "conflict");
    assert.equal(judge.judge(topic, stamp({ counter: 8, payload: senml(21.25) })).verdict, "fresh");
  }));

test("4,096 counters back is stale, 4,095 is fresh", () =>
  withJudge((judge) => {
    judge.judge(topic, stamp({ counter: 10_000, payload: senml(1) }));
    assert.equal(judge.judge(topic, stamp({ counter: 10_000 - 4096, payload: senml(1) })).verdict, "stale");
    assert.equal(judge.judge(topic, stamp({ counter: 10_000 - 4095, payload: senml(1) })).verdict, "fresh");
  }));

test("one bit off is bad, and leaves its counter free", () =>
  withJudge((judge) => {
    const message = stamp({ counter: 3, payload: senml(21.5) });
    const damaged = Buffer.from(message);
    damaged[damaged.length - 1]! ^= 1;
    const judged = judge.judge(topic, damaged);
    assert.equal(judged.verdict, "bad");
    assert.equal(judged.reading, null);
    assert.equal(judge.judge(topic, message).verdict, "fresh");
  }));

test("a message moved to another topic is bad; another topic's own message is fresh", () =>
  withJudge((judge) => {
    const will = "sensors/dormouse-1/will";
    assert.equal(judge.judge(will, stamp({ counter: 3, payload: senml(1) })).verdict, "bad");
    assert.equal(judge.judge(will, stamp({ to: will, counter: 3, payload: senml(1) })).verdict, "fresh");
    assert.equal(judge.judge(topic, stamp({ counter: 3, payload: senml(1) })).verdict, "fresh");
  }));

test("an unknown sender is bad", () =>
  withJudge((judge) => {
    const by = { ...sender, id: "dormouse-2" };
    assert.equal(judge.judge(topic, stamp({ by, counter: 0, payload: senml(1) })).verdict, "bad");
  }));

test("a payload that verifies but is no SenML is bad, and leaves its counter free", () =>
  withJudge((judge) => {
    const judged = judge.judge(topic, stamp({ counter: 0, payload: Buffer.from("80", "hex") }));
    assert.equal(judged.verdict, "bad");
    assert.match(judged.reason!, /verifies, but/);
    assert.equal(judge.judge(topic, stamp({ counter: 0, payload: senml(1) })).verdict, "fresh");
  }));
