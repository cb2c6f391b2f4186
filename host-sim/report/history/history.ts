/**
 * What a run's report is drawn from, gathered from its events in constant memory: every wake of a short run, the first,
 * the last, the longest and some that failed of a long one, and sums of all.
 */
import type { Meters } from "../../device.js";
import type { Estimated, RunEvent, Summary, WakeCost } from "../events.js";
import { Columns, highest, noHeap } from "./column.js";
import { type Fates, noFates, Readings } from "./readings.js";
import { Spread } from "./spread.js";
import type { ErrorRecord, PhaseRecord, WakeRecord } from "./wake-record.js";

/** Runs up to here are shown wake by wake. */
export const mostWhole = 40;
const mostFailed = 12;
const mostLast = 3;
const mostErrorKinds = 100;
/** How a wake ends that is through. */
const wholeEndings: readonly string[] = ["sleep", "restart", "idle", "off"];

export interface PhaseTotal {
  readonly ms: Spread;
  readonly estimatedMs: Spread;
  microcoulombs: number;
  failed: number;
}

export interface ErrorTotal extends ErrorRecord {
  count: number;
  readonly first: WakeName;
  last: WakeName;
}

/** What was done to the boards. */
export interface FaultTotal {
  readonly name: string;
  /** Of the first. */
  readonly detail: string;
  count: number;
}

export interface WakeName {
  readonly device: string;
  readonly number: number;
}

export interface DeviceTotal {
  wakes: number;
  failed: number;
  microcoulombs: number;
  sleepMicrocoulombs: number;
  elapsedMs: number;
  waiting: number;
  readonly awakeMs: Spread;
}

/** Messages: the device's, and how the listener judged them. */
export interface MessageTotals {
  sent: number;
  retried: number;
  acked: number;
  received: Record<string, number>;
}

interface OpenWake {
  /** That came to their end, of a device that stays awake. */
  rounds: number;
  readonly event: Extract<RunEvent, { event: "wake" }>;
  readonly phases: PhaseRecord[];
  readonly errors: ErrorRecord[];
  sent: number;
  acked: number;
  dropped: number;
  gaps: number;
}

interface WakeEnd {
  readonly at: number;
  readonly device: string;
  readonly wake: number;
  readonly ending: string;
  readonly sleepMs: number;
  readonly cost: WakeCost;
}

interface Followed {
  readonly total: DeviceTotal;
  readonly readings: Readings;
  open: OpenWake | undefined;
}

export class History {
  readonly columns = new Columns();
  readonly phases = new Map<string, PhaseTotal>();
  readonly errors = new Map<string, ErrorTotal>();
  readonly faults = new Map<string, FaultTotal>();
  readonly messages: MessageTotals = { sent: 0, retried: 0, acked: 0, received: {} };
  readonly first: WakeRecord[] = [];
  readonly last: WakeRecord[] = [];
  readonly failures: WakeRecord[] = [];
  readonly awakeMs = new Spread();
  readonly sleepMs = new Spread();
  longest: WakeRecord | undefined;
  board = "";
  summary: Summary | undefined;
  wakes = 0;
  failed = 0;
  flashWrites = 0;
  bytesUp = 0;
  bytesDown = 0;
  heap: Meters = noHeap;
  fromMs = Number.POSITIVE_INFINITY;
  toMs = 0;
  readonly #devices = new Map<string, Followed>();

  event(event: RunEvent): void {
    if (event.event === "summary") {
      this.summary = event;
      return;
    }
    const followed = this.#follow(event.device);
    const { open } = followed;
    switch (event.event) {
      case "wake":
        this.board = event.board;
        followed.open = opened(event);
        break;
      case "idle":
        this.#round(followed, event);
        break;
      case "phase":
        open?.phases.push(phaseRecord(event.name, event.ms, event.estimated, event.detail ?? "", false));
        break;
      case "error":
        this.#error(event, followed);
        break;
      case "fault":
        this.#fault(event);
        break;
      case "sent":
        this.messages[event.retry ? "retried" : "sent"]++;
        if (open) open.sent++;
        if (event.first !== undefined && event.readings !== undefined)
          followed.readings.sent(event.counter, event.first, event.readings);
        break;
      case "queued":
        followed.readings.queued(event.sequence, event.wake);
        break;
      case "spilled":
        followed.readings.spilled(event.readings);
        break;
      case "dropped":
        followed.readings.dropped(event.readings);
        if (open) open.dropped += event.readings;
        break;
      case "gap":
        followed.readings.gap(event.readings);
        if (open) open.gaps += event.readings;
        break;
      case "acked":
        this.messages.acked++;
        if (open) open.acked++;
        followed.readings.acked(event.counter, event.wake);
        break;
      case "received":
        this.messages.received[event.verdict] = (this.messages.received[event.verdict] ?? 0) + 1;
        break;
      case "sleep":
        this.#ended(followed, event, "sleep", event.ms, event.cost);
        break;
      case "reset":
        this.#ended(followed, event, event.reason, 0, event.cost);
        break;
    }
  }

  get devices(): ReadonlyMap<string, DeviceTotal> {
    return new Map(
      [...this.#devices].map(([name, { total, readings }]) => {
        total.waiting = readings.waiting;
        return [name, total];
      }),
    );
  }

  /** Of all devices; undefined when the firmware says nothing of its readings. */
  get fates(): (Fates & { readonly waiting: number }) | undefined {
    const sum = noFates();
    let waiting = 0;
    for (const { readings } of this.#devices.values()) {
      const { late, ...counts } = readings.fates;
      for (const [name, count] of Object.entries(counts)) sum[name as keyof typeof counts] += count;
      for (const [index, count] of late.entries()) sum.late[index]! += count;
      waiting += readings.waiting;
    }
    return sum.taken + sum.gaps === 0 ? undefined : { ...sum, waiting };
  }

  #follow(device: string): Followed {
    let followed = this.#devices.get(device);
    if (!followed) {
      const total = {
        wakes: 0,
        failed: 0,
        microcoulombs: 0,
        sleepMicrocoulombs: 0,
        elapsedMs: 0,
        waiting: 0,
        awakeMs: new Spread(),
      };
      followed = { total, readings: new Readings(), open: undefined };
      this.#devices.set(device, followed);
    }
    return followed;
  }

  #error(event: Extract<RunEvent, { event: "error" }>, followed: Followed): void {
    const { kind, detail, phase = "", estimated, cost } = event;
    const error = { kind, detail, phase };
    followed.open?.errors.push(error);
    if (estimated && phase)
      followed.open?.phases.push(phaseRecord(phase, estimated.ms, estimated, `${kind}: ${detail}`, true));
    const name = { device: event.device, number: event.wake };
    const key = JSON.stringify([kind, phase]);
    const total = this.errors.get(key);
    if (total) {
      total.count++;
      total.last = name;
    } else if (this.errors.size < mostErrorKinds)
      this.errors.set(key, { ...error, count: 1, first: name, last: name });
    if (cost) this.#ended(followed, event, kind, 0, cost);
  }

  #fault({ name, detail }: Extract<RunEvent, { event: "fault" }>): void {
    const total = this.faults.get(name);
    if (total) total.count++;
    else if (this.faults.size < mostErrorKinds) this.faults.set(name, { name, detail, count: 1 });
  }

  /** Each round of a device that stays awake is shown like a wake. What it idles between them is in its total alone. */
  #round(followed: Followed, { estimated, at, wake, device }: Extract<RunEvent, { event: "idle" }>): void {
    const { open } = followed;
    if (!open) return;
    const { idleMicrocoulombs, ...busy } = estimated;
    const rest = { ms: 0, microcoulombs: 0 };
    const nothing = { bytesUp: 0, bytesDown: 0, flashWrites: 0, heap: noHeap };
    const cost = { ...nothing, estimated: { ...busy, sleepMicrocoulombs: 0, rest } };
    followed.open = { ...opened({ ...open.event, at, cause: "" }), rounds: open.rounds + 1 };
    followed.total.microcoulombs += idleMicrocoulombs;
    this.#record(followed, open, { at, device, wake, ending: "idle", sleepMs: 0, cost });
  }

  #ended(
    followed: Followed,
    { at, device, wake }: RunEvent,
    ending: string,
    sleepMs: number,
    cost: WakeCost,
  ): void {
    const { open } = followed;
    if (!open) return;
    followed.open = undefined;
    if (open.rounds === 0) return this.#record(followed, open, { at, device, wake, ending, sleepMs, cost });
    // What the rounds were charged with already is not charged again.
    const { ms, microcoulombs } = sumOf(open.phases);
    const rest = { ms: 0, microcoulombs: 0 };
    const last = { ...cost, estimated: { ms, microcoulombs, sleepMicrocoulombs: 0, rest } };
    if (open.phases.length > 0)
      return this.#record(followed, open, { at, device, wake, ending, sleepMs, cost: last });
    this.#keepCost(cost);
    this.toMs = Math.max(this.toMs, at);
  }

  #record(followed: Followed, open: OpenWake, end: WakeEnd): void {
    const { at, device, wake: boot, ending, sleepMs, cost } = end;
    const { readings, total } = followed;
    const { event, phases, errors, rounds, ...counts } = open;
    const { ms: estimatedMs, microcoulombs, sleepMicrocoulombs } = cost.estimated;
    const { bytesUp, bytesDown, flashWrites, heap } = cost;
    const broken = !wholeEndings.includes(ending);
    const wake: WakeRecord = {
      device,
      number: boot + rounds,
      cause: event.cause,
      at: event.at,
      endedAt: at,
      ending,
      sleepMs,
      phases: allPhases(phases, cost.estimated, broken),
      errors,
      failed: errors.length > 0 || broken,
      estimatedMs,
      microcoulombs,
      sleepMicrocoulombs,
      bytesUp,
      bytesDown,
      flashWrites,
      heap,
      waiting: readings.waiting,
      ...counts,
    };
    this.#keep(wake, total);
    this.#keepCost(cost);
  }

  #keepCost({ flashWrites, bytesUp, bytesDown, heap }: WakeCost): void {
    this.flashWrites += flashWrites;
    this.bytesUp += bytesUp;
    this.bytesDown += bytesDown;
    this.heap = highest(this.heap, heap);
  }

  #keep(wake: WakeRecord, total: DeviceTotal): void {
    this.columns.add(wake);
    this.wakes++;
    if (wake.failed) this.failed++;
    this.awakeMs.add(wake.estimatedMs);
    if (wake.sleepMs > 0) this.sleepMs.add(wake.sleepMs);
    this.fromMs = Math.min(this.fromMs, wake.at);
    this.toMs = Math.max(this.toMs, wake.endedAt + wake.sleepMs);
    for (const phase of wake.phases) this.#keepPhase(phase);
    total.wakes++;
    if (wake.failed) total.failed++;
    total.microcoulombs += wake.microcoulombs;
    total.sleepMicrocoulombs += wake.sleepMicrocoulombs;
    total.elapsedMs += wake.endedAt - wake.at + wake.sleepMs;
    total.awakeMs.add(wake.estimatedMs);
    if (this.first.length < mostWhole) this.first.push(wake);
    if (!this.longest || wake.estimatedMs > this.longest.estimatedMs) this.longest = wake;
    if (wake.failed && this.failures.length < mostFailed) this.failures.push(wake);
    this.last.push(wake);
    if (this.last.length > mostLast) this.last.shift();
  }

  #keepPhase({ name, ms, estimatedMs, microcoulombs, failed }: PhaseRecord): void {
    let total = this.phases.get(name);
    if (!total) {
      total = { ms: new Spread(), estimatedMs: new Spread(), microcoulombs: 0, failed: 0 };
      this.phases.set(name, total);
    }
    total.ms.add(ms);
    total.estimatedMs.add(estimatedMs);
    total.microcoulombs += microcoulombs;
    if (failed) total.failed++;
  }
}

function phaseRecord(
  name: string,
  ms: number,
  estimated: Estimated,
  detail: string,
  failed: boolean,
): PhaseRecord {
  return { name, ms, estimatedMs: estimated.ms, microcoulombs: estimated.microcoulombs, detail, failed };
}

function opened(event: OpenWake["event"]): OpenWake {
  return { rounds: 0, event, phases: [], errors: [], sent: 0, acked: 0, dropped: 0, gaps: 0 };
}

function sumOf(phases: readonly PhaseRecord[]): Estimated {
  const ms = phases.reduce((sum, phase) => sum + phase.estimatedMs, 0);
  return { ms, microcoulombs: phases.reduce((sum, phase) => sum + phase.microcoulombs, 0) };
}

/**
 * With what comes before the first phase, the board's start, and, of a wake that broke off, what it was doing then; a
 * wake that sleeps has had its last phase.
 */
function allPhases(
  phases: readonly PhaseRecord[],
  { ms, microcoulombs, rest }: WakeCost["estimated"],
  broken: boolean,
): PhaseRecord[] {
  const inPhases = sumOf(phases);
  const start = {
    ms: Math.max(0, ms - inPhases.ms - rest.ms),
    microcoulombs: Math.max(0, microcoulombs - inPhases.microcoulombs - rest.microcoulombs),
  };
  // What rounding leaves is no start.
  const all = start.ms < 10 ? [...phases] : [phaseRecord("start", 0, start, "", false), ...phases];
  return broken && rest.ms >= 1 ? [...all, phaseRecord("rest", rest.ms, rest, "", false)] : all;
}
