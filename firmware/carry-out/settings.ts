/** `interval`, `batch` and `alarm`: by the profile's own rules, and on trial from the next wake on. */
import { changedSettings } from "dormouse/commands/built-in";
import type { Argument } from "dormouse/commands/command";
import { longestAbsence } from "dormouse/store/cycle-settings";
import { profileProblem } from "dormouse/store/profile";
import { maxAlarms, type Settings, tried } from "dormouse/store/settings";
import { openSettings, storeSettings, withSettings } from "../settings.js";
import type { Answer, Bench } from "./built-in.js";

const mostText = 128;

export function changeSettings(
  name: "interval" | "batch" | "alarm",
  args: readonly Argument[],
  { profile, memory }: Bench,
): Answer {
  const record = openSettings();
  const next = changedSettings(record.current, name, args);
  if (typeof next === "string") return ["refused", next];
  const effective = withSettings(profile, next);
  const problem =
    tooMany(next) ?? unknownAlarm(name, args, profile) ?? profileProblem(effective) ?? deafness(effective);
  if (problem !== undefined) return ["refused", problem.slice(0, mostText)];
  if (!storeSettings(tried(record, next))) return ["failed", "flash does not keep it"];
  // Which bit is which alarm's is another matter now.
  if (memory.cycle) memory.cycle = { ...memory.cycle, alarms: 0, trialFailures: 0 };
  return ["done", null];
}

function tooMany({ alarms }: Settings): string | undefined {
  return alarms.length > maxAlarms ? `commands have changed ${maxAlarms} alarms already` : undefined;
}

function unknownAlarm(name: string, [alarm, off]: readonly Argument[], { cycle }: Bench["profile"]) {
  const known = name !== "alarm" || off !== "off" || cycle.alarms?.some((one) => one.name === alarm);
  return known ? undefined : "it has no such alarm";
}

/** A device whose session ends while it sleeps would not hear the command that takes this back. */
function deafness({ mqtt, cycle }: Bench["profile"]): string | undefined {
  return longestAbsence(cycle) < mqtt.sessionExpirySeconds
    ? undefined
    : "the broker would forget its commands: mqtt.sessionExpirySeconds is shorter";
}
