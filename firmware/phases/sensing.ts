/**
 * The phases before the radio: what app.ts measures, that it is in the outbox, and whether it is sent now; and what the next
 * wake is to know of that.
 */
import { appAlarm, pinAlarm, thresholdBits } from "dormouse/cycle/alarms";
import { decideSending, type Outcome, tried, trying } from "dormouse/cycle/sending";
import { type Failure, failure } from "dormouse/failure";
import { random } from "dormouse/native/crypto";
import { wakeCause } from "dormouse/native/power";
import { encodeReading, type Measurement } from "dormouse/senml/measurement";
import type { Profile } from "dormouse/store/profile";
import Time from "time";
import * as app from "../app.js";
import { readClock } from "../clock.js";
import { resetState, settingsState } from "../device-state.js";
import type { Memory } from "../memory.js";
import type { Plan } from "../plan.js";
import { describeError } from "../report.js";
import { settingsAreTold } from "../settings.js";
import type { Cycle } from "./cycle.js";

/** What app.ts may have besides `sense`. */
interface Application {
  readonly alarm?: (measurements: readonly Measurement[]) => boolean;
}

export class Sensing {
  private readonly profile: Profile;
  private readonly memory: Memory;
  private readonly cycle: Cycle;
  private readonly plan: Plan;
  /** Settings are on trial, which only a connection can end well. */
  private readonly onTrial: boolean;
  /** What was measured, until it is queued. */
  private content: Uint8Array | undefined;
  /** Which are beyond their thresholds now. */
  private alarms: number;
  /** When it was last decided whether to send, in ticks. */
  private decidedAt: number | undefined;
  /** This wake, or round, tries to send. */
  private sends = false;

  constructor(profile: Profile, memory: Memory, plan: Plan, onTrial: boolean, cycle: Cycle) {
    this.profile = profile;
    this.memory = memory;
    this.cycle = cycle;
    this.plan = plan;
    this.onTrial = onTrial;
    this.alarms = memory.cycle?.alarms ?? 0;
  }

  sense(): void {
    this.cycle.settle("sense", this.measure());
  }

  private measure(): Failure | undefined {
    const unready = this.memory.sensing();
    if (unready) return unready;
    try {
      const measured = app.sense();
      const measurements = [...measured, ...resetState(this.profile), ...settingsState()];
      if (measurements.length > 0) this.content = encodeReading({ timeMs: readClock(), measurements });
      const beyond = thresholdBits(this.profile.cycle.alarms ?? [], measured, this.alarms);
      this.alarms = (app as Application).alarm?.(measured) ? beyond | appAlarm : beyond;
      return undefined;
    } catch (error) {
      return failure("sensor-failed", describeError(error));
    }
  }

  /** @param linked the MQTT session stands from before */
  queue(linked: boolean): void {
    const { content, memory, plan } = this;
    this.content = undefined;
    const woken = this.decidedAt === undefined && wakeCause() === "gpio" ? pinAlarm : 0;
    const { send, memory: left } = decideSending(plan, memory.cycle, {
      elapsedMs: this.elapsedMs(),
      read: content !== undefined,
      alarms: this.alarms | woken,
      wanted: plan.staysAwake && !linked,
      onTrial: this.onTrial && !plan.staysAwake,
      nearlyFull: memory.isNearlyFull,
    });
    this.sends = send;
    memory.cycle = send ? trying(plan, left, random01) : left;
    const trouble = content && memory.queue(content);
    if (trouble) return this.cycle.settle("queue", trouble);
    if (content) settingsAreTold();
    if (send) this.cycle.done("queue", content === undefined);
    else this.cycle.held();
  }

  /** Since the last decision: of a board that slept its time, an interval; of one that a pin woke, what it slept. */
  private elapsedMs(): number {
    const before = this.decidedAt;
    this.decidedAt = Time.ticks;
    if (before !== undefined) return this.decidedAt - before;
    const cause = wakeCause();
    if (cause === "gpio") return this.memory.sleptMs;
    return cause === "deep-sleep" ? this.plan.intervalMs : 0;
  }

  /** At the end of a wake or a round. @returns whether that was to send */
  ended(outcome: Outcome): boolean {
    const { memory, sends } = this;
    if (sends && memory.cycle) memory.cycle = tried(this.plan, memory.cycle, outcome, this.alarms);
    this.sends = false;
    return sends;
  }

  /** A connection that should have stayed is gone. */
  lost(): void {
    const { plan, memory } = this;
    const { memory: before } = decideSending(plan, memory.cycle, {
      elapsedMs: 0,
      read: false,
      alarms: this.alarms,
      wanted: false,
      nearlyFull: false,
    });
    memory.cycle = trying(plan, before, random01);
  }

  /** In how many milliseconds another connection is to be tried; undefined: with the next reading. */
  get retryMs(): number | undefined {
    const { cycle } = this.memory;
    return cycle && cycle.failures > 0 ? cycle.holdMs : undefined;
  }
}

function random01(): number {
  return new DataView(random(4)).getUint32(0) / 2 ** 32;
}
