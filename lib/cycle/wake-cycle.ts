/**
 * The wake cycle as one explicit machine: which phase is next, until when, and when to sleep.
 * Pure: it gets events and the time, and returns effects; the shell in firmware does the work of a phase.
 * Whatever happens, every path ends in `persist` and `sleep` within the wake's budget (design: a board never
 * stays awake because an access point, a name server or a broker is down). A board with mains power goes through
 * the same phases and is idle where another sleeps; each of its rounds has the budget of a wake.
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
  /** The board stays awake, and connected, between its rounds. */
  readonly staysAwake: boolean;
  /** From one wake, or one round with a reading, to the next. */
  readonly intervalMs: number;
  /** The longest a wake or a round may last before it closes and persists. */
  readonly wakeBudgetMs: number;
  /** The longest each phase may last. */
  deadlineMs(phase: Phase): number;
}

export type CycleEvent =
  | { readonly type: "wake" }
  /**
   * The phase has done its work; `skipped` when there was nothing to do. With `persist`, on a board that stays awake
   * without a connection: `retryMs`, in how many milliseconds it is to try another, if not with the next reading.
   */
  | {
      readonly type: "done";
      readonly phase: Phase;
      readonly skipped?: boolean;
      readonly retryMs?: number | undefined;
    }
  /** In `queue`: what is queued waits for another wake, and the radio stays off. */
  | { readonly type: "held" }
  | { readonly type: "failed"; readonly phase: Phase; readonly failure: Failure }
  /** What came to nothing, or ended before its time, may fare better from this earlier phase on. */
  | { readonly type: "again"; readonly from: Phase }
  /** While idle: the broker has sent something. */
  | { readonly type: "message" }
  /** While idle: the connection is gone, or to be given up. */
  | { readonly type: "lost" }
  | { readonly type: "time" };

export type CycleEffect =
  | { readonly type: "enter"; readonly phase: Phase }
  | { readonly type: "finished"; readonly phase: Phase; readonly ms: number }
  | { readonly type: "failed"; readonly phase: Phase; readonly failure: Failure }
  /** A round is over, and the next begins in so many milliseconds, if nothing comes before. */
  | { readonly type: "idle"; readonly ms: number }
  | { readonly type: "sleep"; readonly ms: number };

interface Round {
  /** The next reading is due. */
  readonly senseAtMs: number;
  /** The MQTT session stands. */
  readonly linked: boolean;
}

export type CycleState =
  | { readonly at: "boot" }
  | (Round & {
      readonly at: "awake";
      readonly phase: Phase;
      /** The wake or the round has begun. */
      readonly wokeAtMs: number;
      readonly enteredAtMs: number;
      readonly leaveAtMs: number;
    })
  | (Round & { readonly at: "idle"; readonly leaveAtMs: number })
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
      return begin(plan, "sense", { senseAtMs: nowMs + plan.intervalMs, linked: false }, nowMs);
    case "asleep":
      return { state, effects: [] };
    case "idle":
      return idle(plan, state, event, nowMs);
    case "awake":
      return awake(plan, state, event, nowMs);
  }
}

/** When the machine next wants a `time` event, on the clock of `nowMs`. */
export function nextWakeAt(state: CycleState): number | undefined {
  return state.at === "awake" || state.at === "idle" ? state.leaveAtMs : undefined;
}

/** How long the board sleeps when the wake ends now. */
export function sleepMs(state: CycleState, nowMs: number): number {
  return state.at === "awake" ? Math.max(minSleepMs, state.senseAtMs - nowMs) : minSleepMs;
}

type Awake = Extract<CycleState, { at: "awake" }>;
type Idle = Extract<CycleState, { at: "idle" }>;

function awake(plan: CyclePlan, state: Awake, event: CycleEvent, nowMs: number): CycleStep {
  switch (event.type) {
    case "wake":
      throw new RangeError("awake already");
    case "done": {
      if (event.phase !== state.phase) return { state, effects: [] };
      const effects = event.skipped ? [] : [finished(state, nowMs)];
      return leave(plan, state, nowMs, after(plan, state), effects, event.retryMs);
    }
    case "held":
      if (state.phase !== "queue") return { state, effects: [] };
      return leave(plan, state, nowMs, "persist", [finished(state, nowMs)]);
    case "failed":
      if (event.phase !== state.phase) return { state, effects: [] };
      return fail(plan, state, event.failure, nowMs);
    case "again":
      // How often is the shell's to bound; the wake's budget bounds it too.
      if (!leadsAgain(event.from, state.phase)) return { state, effects: [] };
      return enter(plan, event.from, state, nowMs, []);
    case "time": {
      if (nowMs < state.leaveAtMs) return { state, effects: [] };
      const spent = nowMs - state.wokeAtMs >= plan.wakeBudgetMs ? "the wake's budget" : "its deadline";
      return fail(plan, state, failure("deadline", `${state.phase} did not end within ${spent}`), nowMs);
    }
    // The phases see to the connection themselves, and what they leave undone is said again when the machine is idle.
    case "message":
    case "lost":
      return { state, effects: [] };
  }
}

function idle(plan: CyclePlan, state: Idle, event: CycleEvent, nowMs: number): CycleStep {
  switch (event.type) {
    case "wake":
      throw new RangeError("awake already");
    case "message":
      if (!state.linked) break;
      return begin(plan, "commands", state, nowMs);
    case "lost":
      if (!state.linked) break;
      return begin(plan, "close", state, nowMs);
    case "time":
      if (nowMs < state.leaveAtMs) break;
      // Another try to connect begins with what waits, and with the question whether it is to be sent.
      if (nowMs < state.senseAtMs) return begin(plan, "queue", state, nowMs);
      return begin(plan, "sense", { ...state, senseAtMs: nextReading(plan, state, nowMs) }, nowMs);
  }
  return { state, effects: [] };
}

/** At the plan's pace, unless the board has fallen behind it. */
function nextReading({ intervalMs }: CyclePlan, { senseAtMs }: Round, nowMs: number): number {
  return Math.max(senseAtMs + intervalMs, nowMs + Math.min(intervalMs, minSleepMs));
}

function fail(plan: CyclePlan, state: Awake, reason: Failure, nowMs: number): CycleStep {
  const effects: CycleEffect[] = [{ type: "failed", phase: state.phase, failure: reason }];
  return leave(plan, state, nowMs, afterFailure(plan, state), effects);
}

function leave(
  plan: CyclePlan,
  state: Awake,
  nowMs: number,
  next: Phase | "rest",
  effects: CycleEffect[],
  retryMs?: number,
): CycleStep {
  if (next !== "rest") return enter(plan, next, state, nowMs, effects);
  const { senseAtMs, linked } = state;
  if (!plan.staysAwake) {
    effects.push({ type: "sleep", ms: sleepMs(state, nowMs) });
    return { state: { at: "asleep" }, effects };
  }
  const retryAtMs =
    linked || retryMs === undefined ? senseAtMs : Math.min(senseAtMs, nowMs + Math.max(minSleepMs, retryMs));
  effects.push({ type: "idle", ms: Math.max(0, retryAtMs - nowMs) });
  return { state: { at: "idle", senseAtMs, linked, leaveAtMs: retryAtMs }, effects };
}

/** Of a wake or a round. */
function begin(plan: CyclePlan, phase: Phase, { senseAtMs, linked }: Round, nowMs: number): CycleStep {
  return enter(plan, phase, { senseAtMs, linked, wokeAtMs: nowMs }, nowMs, []);
}

function enter(
  plan: CyclePlan,
  phase: Phase,
  { senseAtMs, linked, wokeAtMs }: Round & Pick<Awake, "wokeAtMs">,
  nowMs: number,
  effects: CycleEffect[],
): CycleStep {
  const deadline = nowMs + plan.deadlineMs(phase);
  const budget = wokeAtMs + plan.wakeBudgetMs;
  const leaveAtMs = closing(phase) ? deadline : Math.min(deadline, budget);
  effects.push({ type: "enter", phase });
  const stands = phase === "drain" || (linked && phase !== "close" && phase !== "connect");
  return {
    state: { at: "awake", phase, senseAtMs, linked: stands, wokeAtMs, enteredAtMs: nowMs, leaveAtMs },
    effects,
  };
}

function finished(state: Awake, nowMs: number): CycleEffect {
  return { type: "finished", phase: state.phase, ms: nowMs - state.enteredAtMs };
}

/** From the way to the broker back to an earlier part of it. */
function leadsAgain(from: Phase, phase: Phase): boolean {
  const [first, at, last] = [phases.indexOf(from), phases.indexOf(phase), phases.indexOf("drain")];
  return first >= phases.indexOf("join") && first < at && at <= last;
}

/** These run after the budget is spent: they are what the budget is kept for. */
function closing(phase: Phase): boolean {
  return phase === "close" || phase === "persist";
}

function after({ staysAwake }: CyclePlan, { phase, linked }: Awake): Phase | "rest" {
  if (phase === "queue" && linked) return "clock";
  if (phase === "clock" && linked) return "drain";
  if (phase === "commands" && staysAwake) return "persist";
  return phases[phases.indexOf(phase) + 1] ?? "rest";
}

function afterFailure(plan: CyclePlan, state: Awake): Phase | "rest" {
  const { phase } = state;
  // A sensor that fails must not keep queued readings from going out; nor must a time server: the floor of
  // the certificate check holds without it, and SenML has relative times.
  return closing(phase) || phase === "sense" || phase === "clock" ? after(plan, state) : "close";
}
