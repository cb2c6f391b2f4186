/** `interval`, `batch` and `alarm`: by the profile's own rules, and on trial from the next wake on. */
import { changedSettings } from "dormouse/commands/built-in";
import type { Argument } from "dormouse/commands/command";
import { profileProblem } from "dormouse/store/profile";
import { tried } from "dormouse/store/settings";
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
  const problem = profileProblem(effective) ?? deafness(effective);
  if (problem !== undefined) return ["refused", problem.slice(0, mostText)];
  if (!storeSettings(tried(record, next))) return ["failed", "flash does not keep it"];
  // Which bit is which alarm's is another matter now.
  if (memory.cycle) memory.cycle = { ...memory.cycle, alarms: 0, trialFailures: 0 };
  return ["done", null];
}

/** A device whose session ends while it sleeps would not hear the command that takes this back. */
function deafness({ mqtt, cycle }: Bench["profile"]): string | undefined {
  return cycle.intervalSeconds < mqtt.sessionExpirySeconds
    ? undefined
    : "the broker would forget its commands: mqtt.sessionExpirySeconds is shorter";
}
