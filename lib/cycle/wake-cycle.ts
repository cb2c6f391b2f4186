/**
 * The wake cycle as one explicit machine: which phase is next, until when, and when to sleep.
 * Pure: it gets events and the time, and returns effects; the shell in firmware does the work of a phase.
 * Whatever happens, every path ends in `persist` and `sleep` within the wake's budget (design: a board never
 * stays awake because an access point, a name server or a broker is down).
 */
import { type Failure, failure } from "../failure.js";

/** In the order they run. */
export const phases = [
  "sense",
  "queue",
  "join",
  "clock",
  "resolve",
  "connect",
  "secure",
  "session",
  "drain",
  "commands",
  "close",
  "persist",
] as const;

export type Phase = (typeof phases)[number];

export interface CyclePlan {
  /** From one wake to the next. */
  readonly intervalMs: number;
  /** The longest a wake may last before it closes, persists and sleeps. */
  readonly wakeBudgetMs: number;
  /** The longest each phase may last. */
  readonly deadlineMs: Readonly<Record<Phase, number>>;
}

export type CycleEvent =
  | { readonly type: "wake" }
  /** The phase has done its work; `skipped` when there was nothing to do. */
  | { readonly type: "done"; readonly phase: Phase; readonly skipped?: boolean }
  | { readonly type: "failed"; readonly phase: Phase; readonly failure: Failure }
  /** The connection came to nothing, or ended before its time, and another may fare better. */
  | { readonly type: "again" }
  | { readonly type: "time" };

export type CycleEffect =
  | { readonly type: "enter"; readonly phase: Phase }
  | { readonly type: "finished"; readonly phase: Phase; readonly ms: number }
  | { readonly type: "failed"; readonly phase: Phase; readonly failure: Failure }
  | { readonly type: "sleep"; readonly ms: number };

export type CycleState =
  | { readonly at: "boot" }
  | {
      readonly at: "awake";
      readonly phase: Phase;
      readonly wokeAtMs: number;
      readonly enteredAtMs: number;
      readonly leaveAtMs: number;
    }
  | { readonly at: "asleep" };

export interface CycleStep {
  readonly state: CycleState;
  readonly effects: readonly CycleEffect[];
}

/** The shortest sleep: a wake that overran its interval still lets the radio and the flash rest. */
const minSleepMs = 1000;

export function step(plan: CyclePlan, state: CycleState, event: CycleEvent, nowMs: number): CycleStep {
  switch (state.at) {
    case "boot":
      if (event.type !== "wake") throw new RangeError(`${event.type} before the wake`);
      return enter(plan, "sense", nowMs, nowMs, []);
    case "asleep":
      return { state, effects: [] };
    case "awake":
      return awake(plan, state, event, nowMs);
  }
}

/** When the machine next wants a `time` event, on the clock of `nowMs`. */
export function nextWakeAt(state: CycleState): number | undefined {
  return state.at === "awake" ? state.leaveAtMs : undefined;
}

/** How long the board sleeps when the wake ends now. */
export function sleepMs(plan: CyclePlan, state: CycleState, nowMs: number): number {
  if (state.at !== "awake") return plan.intervalMs;
  return Math.max(minSleepMs, plan.intervalMs - (nowMs - state.wokeAtMs));
}

type Awake = Extract<CycleState, { at: "awake" }>;

function awake(plan: CyclePlan, state: Awake, event: CycleEvent, nowMs: number): CycleStep {
  switch (event.type) {
    case "wake":
      throw new RangeError("awake already");
    case "done":
      if (event.phase !== state.phase) return { state, effects: [] };
      return leave(plan, state, nowMs, after(state.phase), event.skipped ? [] : [finished(state, nowMs)]);
    case "failed":
      if (event.phase !== state.phase) return { state, effects: [] };
      return fail(plan, state, event.failure, nowMs);
    case "again":
      // How often is the shell's to bound; the wake's budget bounds it too.
      if (!reconnects(state.phase)) return { state, effects: [] };
      return enter(plan, "connect", state.wokeAtMs, nowMs, []);
    case "time": {
      if (nowMs < state.leaveAtMs) return { state, effects: [] };
      const spent = nowMs - state.wokeAtMs >= plan.wakeBudgetMs ? "the wake's budget" : "its deadline";
      return fail(plan, state, failure("deadline", `${state.phase} did not end within ${spent}`), nowMs);
    }
  }
}

function fail(plan: CyclePlan, state: Awake, reason: Failure, nowMs: number): CycleStep {
  const effects: CycleEffect[] = [{ type: "failed", phase: state.phase, failure: reason }];
  return leave(plan, state, nowMs, afterFailure(state.phase), effects);
}

function leave(
  plan: CyclePlan,
  state: Awake,
  nowMs: number,
  next: Phase | "sleep",
  effects: CycleEffect[],
): CycleStep {
  if (next === "sleep") {
    effects.push({ type: "sleep", ms: sleepMs(plan, state, nowMs) });
    return { state: { at: "asleep" }, effects };
  }
  return enter(plan, next, state.wokeAtMs, nowMs, effects);
}

function enter(
  plan: CyclePlan,
  phase: Phase,
  wokeAtMs: number,
  nowMs: number,
  effects: CycleEffect[],
): CycleStep {
  const deadline = nowMs + plan.deadlineMs[phase];
  const budget = wokeAtMs + plan.wakeBudgetMs;
  const leaveAtMs = closing(phase) ? deadline : Math.min(deadline, budget);
  effects.push({ type: "enter", phase });
  return { state: { at: "awake", phase, wokeAtMs, enteredAtMs: nowMs, leaveAtMs }, effects };
}

function finished(state: Awake, nowMs: number): CycleEffect {
  return { type: "finished", phase: state.phase, ms: nowMs - state.enteredAtMs };
}

function reconnects(phase: Phase): boolean {
  return phase === "secure" || phase === "session" || phase === "drain";
}

/** These run after the budget is spent: they are what the budget is kept for. */
function closing(phase: Phase): boolean {
  return phase === "close" || phase === "persist";
}

function after(phase: Phase): Phase | "sleep" {
  return phases[phases.indexOf(phase) + 1] ?? "sleep";
}

function afterFailure(phase: Phase): Phase | "sleep" {
  if (closing(phase)) return after(phase);
  // A sensor that fails must not keep queued readings from going out; nor must a time server: the floor of
  // the certificate check holds without it, and SenML has relative times.
  if (phase === "sense" || phase === "clock") return after(phase);
  return "close";
}
