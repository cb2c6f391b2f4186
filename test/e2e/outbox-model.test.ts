import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { live } from "./outbox-lives.js";
import { OutboxModel } from "./outbox-model.js";

test("every reading is delivered, or told to be dropped or lost, wherever power fails", () => {
  for (let seed = 1; seed <= 120; seed++) {
    const { wrong, settings } = live(seed, 60);
    deepEqual(wrong, [], `life ${seed}, ${JSON.stringify(settings)}`);
  }
});

/** Boots that end when the radio comes on, what was measured being stored. @returns writes of flash */
function brownOuts(boots: number, keepsRtc: boolean): number {
  const model = new OutboxModel({ spillEvery: 16, flashBytes: 8192, drop: "oldest", rtcBytes: 4096 });
  model.wake({ up: true, quota: 4, acks: 1000 });
  const before = model.flashWrites;
  for (let i = 0; i < boots; i++) {
    model.failsAtRadio = true;
    equal(model.wake({ up: true, quota: 4, acks: 1000 }), false);
    if (!keepsRtc) model.loseRtc();
  }
  return model.flashWrites - before;
}

test("a board whose power fails at every wake writes no flash where RTC memory is lost, and else for every 16 readings", () => {
  equal(brownOuts(1000, false), 0);
  const writes = brownOuts(1000, true);
  // A segment for each 16 readings, and one deleted for each that finds no room.
  ok(writes <= 2 * Math.ceil(1000 / 16), `${writes}`);
});

test("a board whose readings are acknowledged writes flash once for 1,024 messages, and nothing else", () => {
  const model = new OutboxModel({ spillEvery: 16, flashBytes: 8192, drop: "oldest", rtcBytes: 4096 });
  // A quarter of a year, each quarter of an hour.
  const wakes = 8_760;
  for (let i = 0; i < wakes; i++) model.wake({ up: true, quota: 4, acks: 1000 });
  equal(model.flashWrites, Math.ceil(wakes / 1024));
});
