import { appAlarm, pinAlarm } from "../../../lib/cycle/alarms.js";
import {
  decideSending,
  freshCycle,
  type Occasion,
  type SendPlan,
  tried,
  trying,
} from "../../../lib/cycle/sending.js";
import type { CycleMemory } from "../../../lib/store/rtc-cycle.js";
import { equal, ok, test } from "../../device/harness.js";

const hourMs = 3_600_000;
const plan: SendPlan = { sendEvery: 4, firstIsFree: true, baseMs: hourMs, maxMs: 4 * hourMs };
const quiet: Occasion = { elapsedMs: hourMs, read: true, alarms: 0, wanted: false, nearlyFull: false };
const almost = () => 1 - 2 ** -32;

/** Wakes one after the other: whether each is to send. */
function sends(before: CycleMemory | undefined, ...occasions: Partial<Occasion>[]): boolean[] {
  let memory = before;
  return occasions.map((occasion) => {
    const decision = decideSending(plan, memory, { ...quiet, ...occasion });
    memory = decision.memory;
    return decision.send;
  });
}

test("every fourth reading is sent, counted from the last that was", () => {
  equal(sends(freshCycle, {}, {}, {}, {}), [false, false, false, true]);
  equal(sends(freshCycle, {}, { read: false }, {}, {}, {}), [false, false, false, false, true]);
});

test("after a loss of memory, on trial, or when the outbox is nearly full, a reading is sent at once", () => {
  equal(sends(undefined, {}), [true]);
  equal(sends(freshCycle, { wanted: true }), [true]);
  equal(sends(freshCycle, { nearlyFull: true }), [true]);
});

test("an alarm is sent when it crosses its threshold, and not again while it stays beyond", () => {
  equal(sends(freshCycle, { alarms: 1 }, { alarms: 1 }), [true, false]);
  equal(sends(freshCycle, { alarms: 1 }, { alarms: 3 }), [true, true]);
  equal(sends({ ...freshCycle, alarms: 1 }, {}, { alarms: 1 }), [false, true]);
});

test("what app.ts and the pin say is sent each time", () => {
  equal(sends(freshCycle, { alarms: appAlarm }, { alarms: appAlarm }), [true, true]);
  equal(sends(freshCycle, { alarms: pinAlarm }, {}, { alarms: pinAlarm }), [true, false, true]);
});

test("a failure is made good at the next wake, however few readings there are", () => {
  const failed = trying(plan, freshCycle, almost);
  equal([failed.failures, failed.holdMs], [1, 0]);
  equal(sends(failed, {}), [true]);
});

test("then the wait is counted down by what was slept, and the radio stays off meanwhile", () => {
  const failed = trying(plan, { ...freshCycle, failures: 2 }, almost);
  equal([failed.failures, failed.holdMs], [3, 4 * hourMs - 1]);
  const all = { wanted: true, nearlyFull: true };
  equal(sends(failed, all, all, all, all), [false, false, false, true]);
  // Who slept less, or nobody knows how long, waits longer.
  equal(sends(failed, { elapsedMs: 0 }, { elapsedMs: 0 }, {}, {}, {}), [false, false, false, false, false]);
});

test("an alarm that crosses breaks the wait, once; it may again when the wait has run out", () => {
  const failed = trying(plan, { ...freshCycle, failures: 2 }, almost);
  equal(sends(failed, { alarms: 1 }, {}, { alarms: 1 }, { alarms: 2 }), [true, false, false, true]);
  equal(sends(failed, { alarms: pinAlarm }, { alarms: pinAlarm }), [true, false]);
  const again = trying(plan, { ...failed, alarms: 1, holdMs: 0, failures: 1 }, almost);
  equal(sends(again, {}, {}, { alarms: 1 }), [false, true, true]);
});

test("the failure is there before the try, and gone after its success", () => {
  const { memory } = decideSending(plan, { ...freshCycle, wakesSinceSend: 3 }, { ...quiet, alarms: 1 });
  const before = trying(plan, memory, almost);
  equal(before, { ...freshCycle, wakesSinceSend: 4, failures: 1, alarms: 1 });
  equal(tried(plan, before, "failed", 1), before);
  equal(tried(plan, before, "sent", 1), { ...freshCycle, alarms: 1 });
  equal(tried(plan, before, "sent", 0), freshCycle);
});

test("a board that sends every reading has nothing to remember when all is well", () => {
  const eager = { ...plan, sendEvery: 1 };
  equal(tried(eager, trying(eager, freshCycle, almost), "sent", 0), undefined);
  equal(tried(eager, trying(eager, freshCycle, almost), "sent", 2), { ...freshCycle, alarms: 2 });
});

test("a broker that took some of it is there: the next wake goes on at once", () => {
  const many = trying(plan, { ...freshCycle, failures: 9, wakesSinceSend: 50 }, almost);
  const left = tried(plan, many, "some", 0)!;
  equal([left.failures, left.holdMs], [1, 0]);
  equal(sends(left, {}), [true]);
});

test("a board with mains power waits from the first failure on, for a random part of little at first", () => {
  const mains: SendPlan = { ...plan, firstIsFree: false, baseMs: 2000 };
  const waits = [0, 1, 2, 3].map((failures) => trying(mains, { ...freshCycle, failures }, () => 0.5).holdMs);
  equal(waits, [1000, 2000, 4000, 8000]);
});

test("however it is played upon, a broker that is down costs few tries", () => {
  let seed = 1;
  const random = () => {
    seed = (seed * 48_271) % 0x7fff_ffff;
    return seed / 0x7fff_ffff;
  };
  let memory: CycleMemory | undefined;
  let tries = 0;
  const wakes = 2000;
  for (let wake = 0; wake < wakes; wake++) {
    const alarms = random() < 0.5 ? 1 : 0;
    const decision = decideSending(plan, memory, { ...quiet, alarms, nearlyFull: true });
    memory = decision.memory;
    if (!decision.send) continue;
    tries++;
    memory = trying(plan, memory, random);
  }
  // Up to four intervals between two tries, and one more try for the alarm in each.
  ok(tries < 0.75 * wakes, `${tries} of ${wakes}`);
});
