/**
 * Whether a wake turns the radio on, and what it leaves to the next one about that. Pure. A try is counted as failed before
 * it is made, and taken back when it succeeds: so a board that crashes or browns out with its radio on backs off like
 * one whose broker is down.
 */
import type { CycleMemory } from "../store/rtc-cycle.js";
import { appAlarm, pinAlarm } from "./alarms.js";
import { type Backoff, backoffMs } from "./backoff.js";

export interface SendPlan extends Backoff {
  /** Every so many readings all that waits is sent. */
  readonly sendEvery: number;
  /** The first failure is made good at the next wake, however soon that is. */
  readonly firstIsFree: boolean;
}

/** What a wake knows before the radio is on. */
export interface Occasion {
  /** Since the memory was left: the sleep's time, as far as it is known to have passed. */
  readonly elapsedMs: number;
  /** There is a new reading. */
  readonly read: boolean;
  /** Which alarms are beyond their thresholds, as lib/cycle/alarms has them. */
  readonly alarms: number;
  /** A connection is wanted for its own sake. */
  readonly wanted: boolean;
  /** The outbox is nearly full. */
  readonly nearlyFull: boolean;
  /** Settings are on trial: whether they serve is found out soon, and a few tries end it either way. */
  readonly onTrial?: boolean;
}

export interface Decision {
  readonly send: boolean;
  /** As it is if the wake does not send, or is cut short before it tries. */
  readonly memory: CycleMemory;
}

/** How a try ended: all that waited is acknowledged; some of it; nothing. */
export type Outcome = "sent" | "some" | "failed";

/** Everything sent, and nothing amiss. */
export const freshCycle: CycleMemory = Object.freeze({
  wakesSinceSend: 0,
  failures: 0,
  holdMs: 0,
  alarms: 0,
  trialFailures: 0,
});

/** @param kept undefined when RTC memory was lost: then the board says at once that it is there */
export function decideSending(plan: SendPlan, kept: CycleMemory | undefined, now: Occasion): Decision {
  const before = kept ?? freshCycle;
  const wakesSinceSend = before.wakesSinceSend + (now.read ? 1 : 0);
  const holdMs = Math.max(0, before.holdMs - now.elapsedMs);
  const held = holdMs > 0;
  const crossed = (now.alarms & ~before.alarms) !== 0;
  // Each alarm breaks a back-off once: a value that plays about its threshold must not drain a battery.
  const alarms = held ? now.alarms | before.alarms : now.alarms;
  const due =
    kept === undefined ||
    before.failures > 0 ||
    wakesSinceSend >= plan.sendEvery ||
    crossed ||
    (now.alarms & (appAlarm | pinAlarm)) !== 0 ||
    now.wanted ||
    now.onTrial === true ||
    now.nearlyFull;
  return {
    send: due && (!held || crossed || now.onTrial === true),
    memory: { ...before, wakesSinceSend, holdMs, alarms },
  };
}

/**
 * What is left if the try fails.
 * @param random gives a number from 0 to 1, 1 excluded
 */
export function trying(plan: SendPlan, memory: CycleMemory, random: () => number): CycleMemory {
  const failures = memory.failures + 1;
  const first = failures === 1 && plan.firstIsFree;
  return { ...memory, failures, holdMs: first ? 0 : backoffMs(plan, failures, random()) };
}

/**
 * What is left after the try.
 * @param alarms as they are now
 * @returns undefined when there is nothing to remember
 */
export function tried(
  plan: SendPlan,
  memory: CycleMemory,
  outcome: Outcome,
  alarms: number,
): CycleMemory | undefined {
  switch (outcome) {
    case "failed":
      return memory;
    case "some":
      // The broker is there: the next wake goes on, and only if that fails does it count for more.
      return { ...memory, failures: 1, holdMs: 0 };
    case "sent":
      // Undefined counts as due, as after a loss.
      return alarms === 0 && plan.sendEvery === 1 ? undefined : { ...freshCycle, alarms };
  }
}
