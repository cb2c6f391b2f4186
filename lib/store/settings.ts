/**
 * What commands have changed of the profile's settings, in a flash entry of its own: a few numbers over the profile,
 * which stays as it was provisioned. New settings are on trial until the device has reached its broker with them;
 * those that served last are kept beside them. Keys, pins, counters and windows are no settings: nothing here rolls them back.
 *
 * dCBOR([current, previous, trial]) and the CRC-32 of that, big-endian; settings are
 * [interval in seconds or nil, sendEvery or nil, [[alarm, above or nil, below or nil] …]], nil being the profile's.
 */
import { decode } from "../cbor/decode.js";
import { encode } from "../cbor/encode.js";
import { CborError, type CborValue } from "../cbor/value.js";
import { checksummed, intactContent } from "./checksummed.js";

export interface Settings {
  readonly intervalSeconds: number | null;
  readonly sendEvery: number | null;
  /** In place of the profile's alarm of that name, or besides. */
  readonly alarms: readonly AlarmSetting[];
}

/** With neither bound there is no such alarm. */
export interface AlarmSetting {
  readonly name: string;
  readonly above: number | null;
  readonly below: number | null;
}

/** `rolled-back`: the settings on trial have not served, and nobody has been told yet. */
export type Trial = "none" | "on-trial" | "rolled-back";

export interface SettingsRecord {
  readonly current: Settings;
  /** What is gone back to; the same as `current` unless that is on trial. */
  readonly previous: Settings;
  readonly trial: Trial;
}

export const maxAlarms = 8;

const trials: readonly Trial[] = Object.freeze(["none", "on-trial", "rolled-back"]);
const limits = Object.freeze({ maxDepth: 4, maxItems: 16 + 8 * maxAlarms });

export const noSettings: Settings = Object.freeze({
  intervalSeconds: null,
  sendEvery: null,
  alarms: Object.freeze([]),
});
export const noSettingsRecord: SettingsRecord = Object.freeze({
  current: noSettings,
  previous: noSettings,
  trial: "none",
});

/** For flash. @returns new bytes */
export function encodeSettings({ current, previous, trial }: SettingsRecord): Uint8Array {
  return checksummed(encode([listOf(current), listOf(previous), trials.indexOf(trial)]));
}

/**
 * @param data what flash held; undefined when there is no such entry
 * @returns no settings but the profile's when there is no entry, or none that is intact: they can be given again
 */
export function decodeSettings(data: Uint8Array | undefined): SettingsRecord {
  const content = data && intactContent(data);
  return (content && read(content)) ?? noSettingsRecord;
}

function read(content: Uint8Array): SettingsRecord | undefined {
  try {
    const parts = decode(content, limits);
    if (!Array.isArray(parts) || parts.length !== 3) return undefined;
    const current = settingsOf(parts[0]);
    const previous = settingsOf(parts[1]);
    const trial = trials[parts[2] as number];
    return current && previous && trial && { current, previous, trial };
  } catch (error) {
    if (error instanceof CborError) return undefined;
    throw error;
  }
}

/** New settings are on trial; what has served is kept, however many come before the trial is over. */
export function tried({ current, previous, trial }: SettingsRecord, next: Settings): SettingsRecord {
  return { current: next, previous: trial === "on-trial" ? previous : current, trial: "on-trial" };
}

/** The device has reached its broker. */
export function confirmed({ current }: SettingsRecord): SettingsRecord {
  return { current, previous: current, trial: "none" };
}

/** It has not, and goes back. */
export function rolledBack({ previous }: SettingsRecord): SettingsRecord {
  return { current: previous, previous, trial: "rolled-back" };
}

/** These settings with another alarm: instead of one of the same name. */
export function withAlarm(settings: Settings, alarm: AlarmSetting): Settings {
  const alarms = settings.alarms.filter(({ name }) => name !== alarm.name);
  return { ...settings, alarms: [...alarms, alarm] };
}

function listOf({ intervalSeconds, sendEvery, alarms }: Settings): CborValue {
  return [intervalSeconds, sendEvery, alarms.map(({ name, above, below }) => [name, above, below])];
}

function settingsOf(value: CborValue): Settings | undefined {
  if (!Array.isArray(value) || value.length !== 3) return undefined;
  const [intervalSeconds, sendEvery, list] = value as readonly CborValue[];
  if (!isNumberOrNull(intervalSeconds) || !isNumberOrNull(sendEvery) || !Array.isArray(list))
    return undefined;
  const alarms: AlarmSetting[] = [];
  for (const item of list as readonly CborValue[]) {
    if (!Array.isArray(item) || item.length !== 3) return undefined;
    const [name, above, below] = item as readonly CborValue[];
    if (typeof name !== "string" || !isNumberOrNull(above) || !isNumberOrNull(below)) return undefined;
    alarms.push({ name, above, below });
  }
  return { intervalSeconds, sendEvery, alarms };
}

function isNumberOrNull(value: CborValue): value is number | null {
  return value === null || typeof value === "number";
}
