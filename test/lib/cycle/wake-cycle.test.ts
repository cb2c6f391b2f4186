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
import { equal, ok, test, throws } from "../../device/harness.js";

function planOf(deadlineMs: number, wakeBudgetMs = 30_000): CyclePlan {
  return { staysAwake: false, intervalMs: 60_000, wakeBudgetMs, deadlineMs: () => deadlineMs };
}

/** Runs a script of what each phase does and takes down which phases ran and how long it slept. */
function run(plan: CyclePlan, script: Partial<Record<Phase, "fail" | "hang" | "skip">>, msPerPhase = 10) {
  let state: CycleState = { at: "boot" };
  let nowMs = 5_000;
  const ran: Phase[] = [];
  const failed: string[] = [];
  let sleptMs = -1;
  let event: CycleEvent | undefined = { type: "wake" };
  for (let steps = 0; event && steps < 100; steps++) {
    const { state: next, effects } = step(plan, state, event, nowMs);
    state = next;
    event = undefined;
    for (const effect of effects) {
      if (effect.type === "sleep") sleptMs = effect.ms;
      if (effect.type === "failed") failed.push(`${effect.phase} ${effect.failure.kind}`);
      if (effect.type !== "enter") continue;
      const { phase } = effect;
      ran.push(phase);
      const what = script[phase];
      const readyAtMs = nowMs + (what === "skip" ? 0 : msPerPhase);
      const late = what === "hang" || readyAtMs > nextWakeAt(state)!;
      nowMs = late ? nextWakeAt(state)! : readyAtMs;
      if (late) event = { type: "time" };
      else if (what === "fail") event = { type: "failed", phase, failure: failure("connection-lost", "x") };
      else event = { type: "done", phase, skipped: what === "skip" };
    }
  }
  return { ran, failed, sleptMs, state, awakeMs: nowMs - 5_000 };
}

test("a wake runs every phase in order and sleeps for the rest of the interval", () => {
  const { ran, failed, sleptMs, state } = run(planOf(1_000), {});
  equal(ran, [...phases]);
  equal(failed, []);
  equal(sleptMs, 60_000 - 120);
  equal(state, { at: "asleep" });
});

test("a failure before the session closes, persists and sleeps", () => {
  for (const phase of phases.slice(1, -2)) {
    if (phase === "clock") continue;
    const { ran, failed, state } = run(planOf(1_000), { [phase]: "fail" });
    equal(ran, [...phases.slice(0, phases.indexOf(phase) + 1), "close", "persist"], phase);
    equal(failed, [`${phase} connection-lost`]);
    equal(state, { at: "asleep" });
  }
});

test("a sensor or a time server that fails does not stop what is queued", () => {
  equal(run(planOf(1_000), { sense: "fail" }).ran, [...phases]);
  equal(run(planOf(1_000), { clock: "hang" }).ran, [...phases]);
});

test("a phase that hangs is left at its deadline", () => {
  for (const phase of phases) {
    const { failed, state, awakeMs } = run(planOf(1_000), { [phase]: "hang" });
    equal(failed, [`${phase} deadline`]);
    equal(state, { at: "asleep" });
    ok(awakeMs <= 1_000 + 10 * phases.length, `${phase} ends in time`);
  }
});

test("the budget ends a wake whose phases are each within their deadline", () => {
  const { ran, failed, awakeMs } = run(planOf(1_000, 2_500), {}, 900);
  equal(ran, ["sense", "queue", "join", "close", "persist"]);
  equal(failed, ["join deadline"]);
  ok(awakeMs <= 2_500 + 2 * 1_000, "closing takes no more than its own deadlines");
});

test("a wake that overruns its interval still sleeps a second", () => {
  const plan = { ...planOf(100_000, 200_000), intervalMs: 1_000 };
  equal(run(plan, {}, 500).sleptMs, 1_000);
});

test("a late word from a phase that was left changes nothing", () => {
  const plan = planOf(1_000);
  const { state } = step(plan, { at: "boot" }, { type: "wake" }, 0);
  equal(step(plan, state, { type: "done", phase: "drain" }, 1).effects, []);
  equal(step(plan, { at: "asleep" }, { type: "time" }, 1).effects, []);
});

test("time before the deadline changes nothing, and a wake happens once", () => {
  const plan = planOf(1_000);
  const { state } = step(plan, { at: "boot" }, { type: "wake" }, 0);
  equal(step(plan, state, { type: "time" }, 999).effects, []);
  throws(() => step(plan, state, { type: "wake" }, 1), RangeError);
  throws(() => step(plan, { at: "boot" }, { type: "time" }, 1), RangeError);
});

test("a connection that is made again has deadlines of its own, within the wake's budget", () => {
  const plan = planOf(1_000, 5_000);
  let state: CycleState = step(plan, { at: "boot" }, { type: "wake" }, 0).state;
  const go = (event: CycleEvent, atMs: number): readonly string[] => {
    const next = step(plan, state, event, atMs);
    state = next.state;
    return next.effects.map((effect) => `${effect.type} ${"phase" in effect ? effect.phase : ""}`);
  };
  const reach = (last: Phase, atMs: number): void => {
    for (const phase of phases.slice(0, phases.indexOf(last))) go({ type: "done", phase }, atMs);
  };
  go({ type: "again", from: "connect" }, 0);
  equal(state.at === "awake" && state.phase, "sense", "there is no connection yet");
  for (const [phase, atMs, leaveAtMs] of [
    ["secure", 900, 1_900],
    ["session", 1_800, 2_800],
    ["drain", 3_000, 4_000],
    ["secure", 4_500, 5_000],
  ] as const) {
    reach(phase, atMs - 100);
    equal(go({ type: "again", from: "connect" }, atMs), ["enter connect"], phase);
    equal(nextWakeAt(state), leaveAtMs, phase);
  }
  reach("commands", 4_550);
  equal(
    go({ type: "again", from: "connect" }, 4_560),
    [],
    "the readings are sent: nothing is worth another connection",
  );
  reach("close", 4_600);
  equal(go({ type: "again", from: "connect" }, 4_700), [], "the work is done, or given up");
  equal(state.at === "awake" && state.phase, "close");
});

test("what is held goes straight from the queue to sleep: the radio is not used", () => {
  const plan = planOf(1_000);
  let { state } = step(plan, { at: "boot" }, { type: "wake" }, 0);
  equal(step(plan, state, { type: "held" }, 1).effects, [], "nothing is queued yet");
  state = step(plan, state, { type: "done", phase: "sense" }, 1).state;
  const held = step(plan, state, { type: "held" }, 3);
  equal(held.effects, [
    { type: "finished", phase: "queue", ms: 2 },
    { type: "enter", phase: "persist" },
  ]);
  const { effects } = step(plan, held.state, { type: "done", phase: "persist" }, 4);
  equal(effects.at(-1), { type: "sleep", ms: 60_000 - 4 });
});

/** A board that stays awake, connected at `nowMs`, after its first round. */
function connectedAt(plan: CyclePlan, nowMs: number): CycleState {
  let { state } = step(plan, { at: "boot" }, { type: "wake" }, nowMs);
  for (const phase of phases)
    if (phase !== "close") state = step(plan, state, { type: "done", phase }, nowMs).state;
  return state;
}

/** Which phases run from here on, each done at once. */
function rounds(plan: CyclePlan, from: CycleState, event: CycleEvent, nowMs: number, retryMs?: number) {
  const ran: Phase[] = [];
  let { state, effects } = step(plan, from, event, nowMs);
  while (state.at === "awake") {
    ran.push(state.phase);
    const { phase } = state;
    ({ state, effects } = step(plan, state, { type: "done", phase, retryMs }, nowMs));
  }
  return { ran, state, rest: effects.at(-1) };
}

test("a board that stays awake keeps its connection, and measures at its pace", () => {
  const plan = { ...planOf(1_000), staysAwake: true };
  const idle = connectedAt(plan, 500);
  equal(idle, { at: "idle", senseAtMs: 60_500, linked: true, leaveAtMs: 60_500 });
  equal(step(plan, idle, { type: "time" }, 60_499).effects, []);
  const { ran, state } = rounds(plan, idle, { type: "time" }, 60_510);
  equal(ran, ["sense", "queue", "clock", "drain", "commands", "persist"]);
  equal(state, { at: "idle", senseAtMs: 120_500, linked: true, leaveAtMs: 120_500 });
});

test("what the broker sends meanwhile is heard at once, and puts no reading off", () => {
  const plan = { ...planOf(1_000), staysAwake: true };
  const { ran, state } = rounds(plan, connectedAt(plan, 0), { type: "message" }, 7_000);
  equal(ran, ["commands", "persist"]);
  equal(state, { at: "idle", senseAtMs: 60_000, linked: true, leaveAtMs: 60_000 });
});

test("a connection that is gone is closed, and made again when it is time for that, or for a reading", () => {
  const plan = { ...planOf(1_000), staysAwake: true };
  const lost = rounds(plan, connectedAt(plan, 0), { type: "lost" }, 7_000, 2_500);
  equal(lost.ran, ["close", "persist"]);
  equal(lost.state, { at: "idle", senseAtMs: 60_000, linked: false, leaveAtMs: 9_500 });
  equal(step(plan, lost.state, { type: "message" }, 8_000).effects, [], "from nobody");
  const again = rounds(plan, lost.state, { type: "time" }, 9_500);
  equal(again.ran, [...phases.slice(1, -2), "persist"], "all but the reading");
  equal(again.state, { at: "idle", senseAtMs: 60_000, linked: true, leaveAtMs: 60_000 });
  const soon = rounds(plan, connectedAt(plan, 0), { type: "lost" }, 7_000, 0);
  equal(nextWakeAt(soon.state), 8_000, "at least a second passes");
  const late = rounds(plan, connectedAt(plan, 0), { type: "lost" }, 7_000, 3_600_000);
  equal(nextWakeAt(late.state), 60_000, "and the reading is in time");
  const unsaid = rounds(plan, connectedAt(plan, 0), { type: "lost" }, 7_000);
  equal(nextWakeAt(unsaid.state), 60_000);
});

test("a phase that fails over a standing connection ends it", () => {
  const plan = { ...planOf(1_000), staysAwake: true };
  let { state } = step(plan, connectedAt(plan, 0), { type: "message" }, 100);
  state = step(plan, state, { type: "time" }, 1_100).state;
  equal(state.at === "awake" && [state.phase, state.linked], ["close", false]);
});

test("the way to the broker may begin anew from any part of it, never further on nor before the radio", () => {
  const plan = planOf(1_000, 60_000);
  const from = (at: Phase, back: Phase) => {
    let { state } = step(plan, { at: "boot" }, { type: "wake" }, 0);
    for (const phase of phases.slice(0, phases.indexOf(at)))
      state = step(plan, state, { type: "done", phase }, 1).state;
    return step(plan, state, { type: "again", from: back }, 2).effects.length === 1;
  };
  const way: readonly Phase[] = ["join", "clock", "resolve", "connect", "secure", "session", "drain"];
  for (const at of phases)
    for (const back of phases) {
      const expected = way.includes(at) && way.includes(back) && way.indexOf(back) < way.indexOf(at);
      equal(from(at, back), expected, `from ${at} back to ${back}`);
    }
});
