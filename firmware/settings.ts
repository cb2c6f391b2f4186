/**
 * The settings that commands have put over the profile: what a wake goes by, and how a trial of new ones ends. On trial,
 * the device wakes as often as by the shorter of both intervals, so that bad settings are found out soon.
 */
import type { Profile } from "dormouse/store/profile";
import {
  confirmed,
  decodeSettings,
  encodeSettings,
  rolledBack,
  type Settings,
  type SettingsRecord,
} from "dormouse/store/settings";
import { readEntry, writeEntry } from "./provisioned.js";
import { report } from "./report.js";

/** After so many wakes in a row that could not reach the broker the settings before come back. */
const maxTrialFailures = 3;

export function openSettings(): SettingsRecord {
  return decodeSettings(readEntry("settings"));
}

/** @returns whether flash has them */
export function storeSettings(record: SettingsRecord): boolean {
  return writeEntry("settings", encodeSettings(record));
}

/** The profile with these settings in it; the profile itself when there are none. */
export function withSettings(profile: Profile, { intervalSeconds }: Settings): Profile {
  if (intervalSeconds === null) return profile;
  return { ...profile, cycle: { ...profile.cycle, intervalSeconds } };
}

/** What a wake goes by. */
export function effectiveProfile(profile: Profile, { current, previous, trial }: SettingsRecord): Profile {
  const effective = withSettings(profile, current);
  if (trial !== "on-trial") return effective;
  const before = withSettings(profile, previous).cycle.intervalSeconds;
  return before < effective.cycle.intervalSeconds
    ? withSettings(effective, { ...current, intervalSeconds: before })
    : effective;
}

/**
 * The end of a wake that was on trial and tried to send.
 * @param failures how many before it could not
 * @returns how many there are now; 0 when the trial is over
 */
export function trialEnds(reached: boolean, failures: number): number {
  if (reached) {
    storeSettings(confirmed(openSettings()));
    report("settings", { status: "confirmed" });
    return 0;
  }
  if (failures + 1 < maxTrialFailures) return failures + 1;
  rollBack();
  return 0;
}

/** Also when the board has crashed. */
export function rollBack(): void {
  storeSettings(rolledBack(openSettings()));
  report("settings", { status: "rolled-back" });
}

/** That they were rolled back is in a reading, and that is stored. */
export function settingsAreTold(): void {
  const record = openSettings();
  if (record.trial === "rolled-back") storeSettings(confirmed(record));
}
