/**
 * What the device says of itself in its messages, as far as the profile's `topics.state` asks for it: names beginning
 * with "state.", units of RFC 8428 §12.1.
 */
import { untold } from "dormouse/cycle/outbox";
import { type Failure, failure } from "dormouse/failure";
import { wakeCause } from "dormouse/native/power";
import type { Measurement } from "dormouse/senml/measurement";
import type { Profile } from "dormouse/store/profile";
import type { DeviceState } from "dormouse/store/protection";
import type { Losses } from "dormouse/store/rtc-outbox";
import * as app from "./app.js";
import { describeError, report } from "./report.js";
import { openSettings } from "./settings.js";

/** What app.ts may have besides `sense`. */
interface Application {
  /** In volts. */
  readonly battery?: () => number;
}

/** What is known elsewhere. */
export interface Known {
  /** Readings that nobody will get. */
  readonly losses: Losses;
  /** Messages on the command topic that were not acted on. */
  readonly refused: number;
  /** Of the access point, in dBm; undefined when that is not known. */
  readonly rssi: number | undefined;
}

/** SenML has a unit for power over 1 W only (RFC 8428 §12.1); dBm needs a version that few read (RFC 8798, RFC 9100). */
const dbmOverDbw = 30;

/** As it is now, for the message that is frozen. */
export function deviceState(wanted: readonly DeviceState[], { losses, refused, rssi }: Known): Measurement[] {
  const state: Measurement[] = [];
  const volts = wanted.includes("battery") ? battery() : undefined;
  if (volts !== undefined) state.push({ name: "state.battery", unit: "V", value: volts });
  if (wanted.includes("rssi") && rssi !== undefined)
    state.push({ name: "state.rssi", unit: "dBW", value: rssi - dbmOverDbw });
  // Whoever does not get a reading hears of it, wanted or not.
  const news = untold(losses);
  const { dropped, gap } = losses;
  if (wanted.includes("dropped") || news.dropped)
    state.push({ name: "state.dropped", unit: "count", value: dropped });
  if (news.gap) state.push({ name: "state.gap", unit: "count", value: gap });
  if (wanted.includes("refused")) state.push({ name: "state.refused", unit: "count", value: refused });
  return state;
}

function battery(): number | undefined {
  try {
    const volts = (app as Application).battery?.();
    if (volts === undefined || Number.isFinite(volts)) return volts;
    throw new RangeError("battery() is no number");
  } catch (error) {
    const reason: Failure = failure("sensor-failed", describeError(error));
    report("error", { ...reason });
    return undefined;
  }
}

/**
 * Why the board booted, when that was neither power-on nor the end of its sleep: it waits with the readings, because a
 * board that has crashed does nothing else before it sleeps.
 */
export function resetState({ topics }: Profile): Measurement[] {
  const cause = wakeCause();
  if (!topics.state.includes("reset") || cause === "power-on" || cause === "deep-sleep" || cause === "gpio")
    return [];
  return [{ name: "state.reset", value: cause }];
}

/** That settings have not served and those before are back: it waits with the readings, until it is stored among them. */
export function settingsState(): Measurement[] {
  return openSettings().trial === "rolled-back" ? [{ name: "state.settings", value: "rolled-back" }] : [];
}
