/**
 * The shell of the wake cycle: the machine says what is next, until when, and when to sleep; the work is done in
 * phases/, and tells the machine how it went.
 */
import { freshCycle } from "dormouse/cycle/sending";
import {
  type CycleEvent,
  type CycleState,
  nextWakeAt,
  type Phase,
  sleepMs,
  step,
} from "dormouse/cycle/wake-cycle";
import type { Failure } from "dormouse/failure";
import { deepSleep, readRtc, restart } from "dormouse/native/power";
import type { Device } from "dormouse/store/device-record";
import type { Profile } from "dormouse/store/profile";
import Time from "time";
import Timer from "timer";
import { Memory } from "./memory.js";
import { Connection } from "./phases/connection.js";
import type { Cycle } from "./phases/cycle.js";
import { Joining } from "./phases/joining.js";
import { Sensing } from "./phases/sensing.js";
import { Plan } from "./plan.js";
import type { Rest, Window } from "./provisioning/attending.js";
import { report } from "./report.js";
import { trialEnds } from "./settings.js";

/** Of the phase's time for the handshake: when that is over TLS says so, which tells more than the phase's deadline. */
const handshakeShare = 0.99;

export class Wake implements Cycle {
  private readonly plan: Plan;
  private readonly memory: Memory;
  private readonly sensing: Sensing;
  private readonly joining: Joining;
  private readonly connection: Connection;
  private state: CycleState = { at: "boot" };
  private timer: Timer | undefined;
  private readonly events: CycleEvent[] = [];
  /** Settings are on trial, and it is not known yet whether they serve. */
  private onTrial: boolean;
  private readonly window: Window | undefined;

  /** @param window after power-on: until its end the board does not sleep */
  constructor(profile: Profile, device: Device, onTrial: boolean, window: Window | undefined) {
    this.onTrial = onTrial;
    this.window = window;
    this.plan = new Plan(profile);
    this.memory = new Memory(device, readRtc(), profile.outbox);
    this.sensing = new Sensing(profile, this.memory, this.plan, onTrial, this);
    this.joining = new Joining(profile, this.memory, this);
    const handshakeMs = Math.floor(this.plan.deadlineMs("secure") * handshakeShare);
    this.connection = new Connection(profile, device, this.memory, this.joining, handshakeMs, this);
  }

  run(): void {
    this.memory.begin();
    this.dispatch({ type: "wake" });
  }

  get idle(): boolean {
    return this.state.at === "idle";
  }

  get phase(): Phase {
    return this.state.at === "awake" ? this.state.phase : "persist";
  }

  done(phase: Phase, skipped = false): void {
    this.dispatch({ type: "done", phase, skipped });
  }

  held(): void {
    this.dispatch({ type: "held" });
  }

  settle(phase: Phase, reason: Failure | undefined): void {
    if (reason) this.dispatch({ type: "failed", phase, failure: reason });
    else this.done(phase);
  }

  again(from: Phase): void {
    this.dispatch({ type: "again", from });
  }

  message(): void {
    this.dispatch({ type: "message" });
  }

  lost(): void {
    if (this.state.at !== "idle" || !this.state.linked) return;
    this.sensing.lost();
    this.dispatch({ type: "lost" });
  }

  /** By a timer: a promise would keep half a kilobyte of a small board's memory while the work is done. */
  later(work: () => void): void {
    Timer.set(work, 0);
  }

  /**
   * Handles the event in a job of its own: a callback comes through TCP, TLS and MQTT, and what a phase does
   * would not fit the rest of a small board's stack.
   */
  private dispatch(event: CycleEvent): void {
    this.events.push(event);
    if (this.events.length === 1) this.later(() => this.work());
  }

  private work(): void {
    for (let event = this.events[0]; event; event = this.events[0]) {
      this.handle(event);
      this.events.shift();
    }
    this.setTimer();
  }

  private handle(event: CycleEvent): void {
    const { state, effects } = step(this.plan, this.state, event, Time.ticks);
    this.state = state;
    for (const effect of effects) {
      switch (effect.type) {
        case "finished":
          report("phase", { name: effect.phase, ms: effect.ms, ...this.told(effect.phase) });
          break;
        case "failed":
          if (effect.phase === "clock") this.joining.stopClock();
          report("error", { ...effect.failure, phase: effect.phase });
          break;
        case "enter":
          this.enter(effect.phase);
          break;
        case "idle":
          report("idle", { ms: effect.ms });
          if (this.connection.restarts && !this.connection.linked) restart();
          this.connection.rest();
          this.window?.attendBeside();
          break;
        case "sleep":
          if (this.connection.restarts) restart();
          this.sleep(effect.ms);
      }
    }
  }

  private sleep(plannedMs: number): void {
    const { wakeOn } = this.plan;
    const ms = this.fromNow(plannedMs);
    const boardMs = this.memory.byBoard(ms);
    if (!this.window) deepSleep(boardMs, wakeOn);
    attendLater(this.window, { ms, boardMs, wakeOn });
  }

  /** To the next wake. */
  private fromNow(sleepMs: number): number {
    return Math.max(sleepMs, this.window?.leastMs ?? 0);
  }

  private setTimer(): void {
    if (this.timer) Timer.clear(this.timer);
    const at = nextWakeAt(this.state);
    this.timer =
      at === undefined
        ? undefined
        : Timer.set(() => this.dispatch({ type: "time" }), Math.max(0, at - Time.ticks));
  }

  /** What the report of a phase says besides its time. */
  private told(phase: Phase): { readonly detail?: string; readonly resumed?: boolean } {
    const detail = phase === "join" ? this.joining.told : undefined;
    return detail === undefined ? this.connection.told(phase) : { detail };
  }

  private enter(phase: Phase): void {
    switch (phase) {
      case "sense":
        return this.sensing.sense();
      case "queue":
        return this.sensing.queue(this.connection.linked);
      case "join":
        return this.joining.join();
      case "clock":
        return this.joining.clock();
      case "resolve":
        return this.joining.resolve();
      case "connect":
        return this.connection.connect();
      case "secure":
        return this.connection.secure();
      case "session":
        return this.connection.session();
      case "drain":
        return this.connection.drain();
      case "commands":
        // Before a command can set others.
        this.endTrial();
        return this.connection.commands();
      case "close":
        return this.connection.close();
      case "persist":
        return this.persist();
    }
  }

  private persist(): void {
    this.connection.keep();
    const tried = this.sensing.ended(this.connection.outcome);
    if (tried) this.endTrial();
    if (!this.plan.staysAwake)
      this.memory.sleepMs = this.memory.byBoard(this.fromNow(sleepMs(this.state, Time.ticks)));
    const reason = this.memory.saveAll();
    if (reason) this.settle("persist", reason);
    else this.dispatch({ type: "done", phase: "persist", retryMs: this.sensing.retryMs });
  }

  /** Whether the settings on trial serve is known when the wake has tried to send. */
  private endTrial(): void {
    if (!this.onTrial) return;
    this.onTrial = false;
    const before = this.memory.cycle ?? freshCycle;
    const trialFailures = trialEnds(this.connection.reached, before.trialFailures);
    this.memory.cycle = { ...before, trialFailures };
  }
}

/** When nothing refers to the wake any more: a small board needs its memory. */
function attendLater(window: Window, rest: Rest): void {
  Timer.set(() => window.attend(rest), 0);
}
