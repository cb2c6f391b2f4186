/**
 * The settings that commands have put over the profile: what a wake goes by, and how a trial of new ones ends. On trial,
 * the device wakes as often as by the shorter of both intervals, so that bad settings are found out soon.
 */
import type { Alarm } from "dormouse/store/cycle-settings";
import type { Profile } from "dormouse/store/profile";
import {
  type AlarmSetting,
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
export function withSettings(profile: Profile, settings: Settings): Profile {
  const { intervalSeconds, sendEvery, alarms } = settings;
  if (intervalSeconds === null && sendEvery === null && alarms.length === 0) return profile;
  const { alarms: before = [], ...cycle } = profile.cycle;
  const all = withAlarms(before, alarms);
  return {
    ...profile,
    cycle: {
      ...cycle,
      ...(intervalSeconds !== null && { intervalSeconds }),
      ...(sendEvery !== null && { sendEvery }),
      ...(all.length > 0 && { alarms: all }),
    },
  };
}

function withAlarms(before: readonly Alarm[], alarms: readonly AlarmSetting[]): readonly Alarm[] {
  const all = before.filter(({ name }) => !alarms.some((alarm) => alarm.name === name));
  for (const { name, above, below } of alarms)
    if (above !== null || below !== null)
      all.push({ name, ...(above !== null && { above }), ...(below !== null && { below }) });
  return all;
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
