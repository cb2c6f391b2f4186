/**
 * What the device's clock is worth. An ESP32 counts from 1970 after power-on, an ESP8266 from 1995 at every
 * boot: a time before this firmware was made is none.
 */
import { awake, unsetTime } from "dormouse/cycle/time-base";
import { setClock, type WakeCause, wakeCause } from "dormouse/native/power";
import { absoluteTimeMs } from "dormouse/senml/measurement";
import type { TimeBase } from "dormouse/store/rtc-time";
import Time from "time";
import { builtAtSeconds } from "./release.js";

/** SNTP's and X.509's seconds end with 32 bits on a board. */
const maxSeconds = 2 ** 32;

/** Whether a time server may say so. @param floorSeconds it is certainly this late */
export function plausible(seconds: number, floorSeconds = builtAtSeconds): boolean {
  return Number.isInteger(seconds) && seconds >= floorSeconds && seconds < maxSeconds;
}

/** Milliseconds since 1970 if the clock may be right, else since power-on or boot, which is below 2^28 s. */
export function readClock(): number {
  const now = Date.now();
  return now < absoluteTimeMs || plausible(Math.floor(now / 1000)) ? now : Time.ticks;
}

/**
 * Sets the clock to what it is by the time base that RTC memory kept: its drift in sleep taken off, and where it does not
 * run on in sleep, what was slept put on.
 * @returns the time base of this wake
 */
export function wakeClock(kept: TimeBase | undefined): TimeBase {
  const clockMs = Date.now();
  const awakeMs = Time.ticks;
  const slept = sleptAfter(wakeCause());
  const running = plausible(Math.floor(clockMs / 1000)) ? clockMs : awakeMs;
  const time = kept ? awake(kept, { clockMs, awakeMs, slept }) : unsetTime(running);
  if (time.wallMs !== clockMs) setClock(time.wallMs);
  return time;
}

function sleptAfter(cause: WakeCause): "all" | "part" | "unknown" {
  if (cause === "gpio") return "part";
  return cause === "deep-sleep" ? "all" : "unknown";
}
