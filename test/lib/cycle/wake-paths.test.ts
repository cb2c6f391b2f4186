/** The machine on paths that nobody has thought of: whatever phases do, and whatever is said late, early or twice. */
import {
  type CycleEvent,
  type CyclePlan,
  type CycleState,
  nextWakeAt,
  type Phase,
  phases,
  step,
} from "../../../lib/cycle/wake-cycle.js";
import { failure } from "../../../lib/failure.js";
import { equal, ok, test } from "../../device/harness.js";

const deadlineMs = 1000;
const closingMs = 2 * deadlineMs;
const wakeBudgetMs = 5000;
const plan = (staysAwake: boolean): CyclePlan => ({
  staysAwake,
  intervalMs: 60_000,
  wakeBudgetMs,
  deadlineMs: () => deadlineMs,
});

/** Numbers from 0 to 1 that a seed repeats. */
function dice(seed: number): () => number {
  let state = (seed * 48_271 + 1) % 0x7fff_ffff;
  return () => {
    state = (state * 48_271) % 0x7fff_ffff;
    return state / 0x7fff_ffff;
  };
}

function pick<T>(random: () => number, from: readonly T[]): T {
  return from[Math.floor(random() * from.length)]!;
}

/** What may be said to the machine at any moment, fitting or not. */
function anything(random: () => number, phase: Phase): CycleEvent {
  const about = random() < 0.6 ? phase : pick(random, phases);
  switch (Math.floor(random() * 8)) {
    case 0:
    case 1:
    case 2:
      return { type: "done", phase: about, skipped: random() < 0.2 };
    case 3:
      return { type: "failed", phase: about, failure: failure("connection-lost", "x") };
    case 4:
      return { type: "again", from: pick(random, ["join", "resolve", "connect"] as const) };
    case 5:
      return { type: "held" };
    case 6:
      return random() < 0.5 ? { type: "message" } : { type: "lost" };
    default:
      return { type: "time" };
  }
}

/** Until the machine rests; `time` comes when it is asked for, and not later. */
function live(
  setting: CyclePlan,
  start: CycleState,
  event: CycleEvent,
  fromMs: number,
  random: () => number,
) {
  const { senseAtMs } = start as { senseAtMs?: number };
  let nowMs = fromMs;
  let { state } = step(setting, start, event, nowMs);
  let rested = 0;
  let entered = 0;
  let steps = 0;
  for (; state.at === "awake"; steps++) {
    const dueMs = nextWakeAt(state)!;
    ok(dueMs >= nowMs, "it never asks for the past");
    const nextMs = nowMs + Math.floor(random() * random() * 2 * deadlineMs);
    const late = nextMs >= dueMs;
    nowMs = late ? dueMs : nextMs;
    const result = step(setting, state, late ? { type: "time" } : anything(random, state.phase), nowMs);
    state = result.state;
    for (const effect of result.effects) {
      if (effect.type === "enter") entered++;
      if (effect.type === "sleep" || effect.type === "idle") {
        rested++;
        ok(effect.type === "idle" || effect.ms >= 1000, "it sleeps, and not only for a moment");
      }
    }
    ok(steps < 10_000, "it comes to an end");
  }
  equal(rested, 1, "it rests once");
  ok(entered > 0 || senseAtMs !== undefined, "it has done something");
  return { state, nowMs };
}

test("every path of a wake ends asleep, within the budget and what closing takes", () => {
  for (let seed = 1; seed <= 400; seed++) {
    const { state, nowMs } = live(plan(false), { at: "boot" }, { type: "wake" }, 1000, dice(seed));
    equal(state, { at: "asleep" });
    ok(nowMs - 1000 <= wakeBudgetMs + closingMs, `seed ${seed}: ${nowMs - 1000} ms`);
  }
});

test("every round of a board that stays awake ends idle, within the same, and readings keep their pace", () => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = dice(seed);
    const setting = plan(true);
    let nowMs = 1000;
    let state: CycleState = { at: "boot" };
    let event: CycleEvent = { type: "wake" };
    let dueMs = nowMs;
    for (let round = 0; round < 20; round++) {
      const beganMs = nowMs;
      if (state.at === "idle" && event.type === "time" && nowMs >= state.senseAtMs) dueMs = state.senseAtMs;
      const next = live(setting, state, event, nowMs, random);
      ok(next.nowMs - beganMs <= wakeBudgetMs + closingMs, `seed ${seed}: ${next.nowMs - beganMs} ms`);
      state = next.state;
      nowMs = next.nowMs;
      if (state.at !== "idle") throw new Error(`${state.at} in round ${round}`);
      ok(state.senseAtMs <= dueMs + 60_000 + wakeBudgetMs + closingMs, "the next reading is not put off");
      ok(nextWakeAt(state)! <= state.senseAtMs, "and a try before it does not put it off");
      event = { type: "time" };
      if (state.linked && random() < 0.5) event = random() < 0.5 ? { type: "message" } : { type: "lost" };
      else nowMs = Math.max(nowMs, nextWakeAt(state)!);
    }
  }
});
