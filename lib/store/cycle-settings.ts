/** When a device measures, when it sends, and what wakes it: the part of the profile that lib/cycle carries out. */
import { type Phase, phases } from "../cycle/wake-cycle.js";
import { type Field, group, may, must, name, oneOf, type Rule, range } from "./rules.js";

export interface CycleSettings {
  /** `awake`: the board has mains power and stays connected between its readings. */
  readonly mode: "sleep" | "awake";
  readonly intervalSeconds: number;
  readonly wakeBudgetSeconds: number;
  /** Phases not named here have the firmware's own deadlines. */
  readonly deadlineSeconds?: { readonly [phase in Phase]?: number };
  /** Every so many readings they are sent. */
  readonly sendEvery: number;
  /** The longest pause between two tries to reach a broker that is down. */
  readonly backoffMaxSeconds: number;
  /** What is sent at once. */
  readonly alarms?: readonly Alarm[];
  /** A pin that ends the sleep. */
  readonly wakeOn?: WakePin;
}

/** At least one of the two. */
export interface Alarm {
  /** Of what is measured. */
  readonly name: string;
  readonly above?: number;
  readonly below?: number;
}

export interface WakePin {
  /** As the board's maker numbers them. */
  readonly pin: number;
  /** Of the pin that wakes the board. */
  readonly level: 0 | 1;
}

export const mostAlarms = 8;
export const maxSendEvery = 1000;
/** 30 days. */
export const maxIntervalSeconds = 2_592_000;

const deadlines: { [phase: string]: Field } = {};
for (const phase of phases) deadlines[phase] = may(range(0.1, 600, false));

const threshold = range(-1e9, 1e9, false);
const alarmGroup = group({ name: must(name(64)), above: may(threshold), below: may(threshold) });

/** @returns what is wrong with an alarm */
export const alarmRule: Rule = (value) => {
  const problem = alarmGroup(value);
  if (problem !== undefined) return problem;
  const { above, below } = value as Alarm;
  if (above === undefined && below === undefined) return " must have above or below";
  return above !== undefined && below !== undefined && below >= above
    ? ".below must be smaller than above"
    : undefined;
};

const alarms: Rule = (value) => {
  if (!Array.isArray(value) || value.length === 0 || value.length > mostAlarms)
    return ` must be a list of 1 to ${mostAlarms} alarms`;
  for (let i = 0; i < value.length; i++) {
    const problem = alarmRule(value[i]);
    if (problem !== undefined) return `.${i}${problem}`;
    for (let j = 0; j < i; j++) if (value[j].name === value[i].name) return `.${i}.name is there twice`;
  }
  return undefined;
};

export const cycleRule: Rule = group({
  mode: must(oneOf("sleep", "awake")),
  intervalSeconds: must(range(1, maxIntervalSeconds, false)),
  wakeBudgetSeconds: must(range(1, 600, false)),
  deadlineSeconds: may(group(deadlines)),
  sendEvery: must(range(1, maxSendEvery, true)),
  backoffMaxSeconds: must(range(1, maxIntervalSeconds, false)),
  alarms: may(alarms),
  wakeOn: may(group({ pin: must(range(0, 48, true)), level: must(oneOf(0, 1)) })),
});

/** Settings that each are right and together are not. */
export function cycleConflict({ mode, wakeOn }: CycleSettings): string | undefined {
  return mode === "awake" && wakeOn ? 'cycle.wakeOn must not be there when cycle.mode is "awake"' : undefined;
}

/** The longest time, in seconds, that a device which is well stays away from its broker. */
export function longestAbsence({
  mode,
  intervalSeconds,
  wakeBudgetSeconds,
  sendEvery,
}: CycleSettings): number {
  return mode === "awake" ? 0 : intervalSeconds * sendEvery + wakeBudgetSeconds;
}
