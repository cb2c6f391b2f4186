/**
 * What is known of the time between wakes: when the clock was set, by whom, and what has cast doubt on it since.
 * Pure: each function gives a new time base.
 */
import { absoluteTimeMs } from "../senml/measurement.js";
import type { TimeBase } from "../store/rtc-counter.js";
import type { Clock } from "../tls/options.js";

const staleMs = 86_400_000;
const askAgainMs = 6 * 3_600_000;

/** What the clock is worth; `unknown` also when a certificate has cast doubt on it. */
export function clockOf(time: TimeBase | undefined): Clock {
  const source = time?.source ?? "suspect";
  if (source === "suspect") return "unknown";
  return source === "sntp" ? "sntp" : "trusted";
}

/**
 * An SNTP server set the clock just now, to `nowMs`, which jumped by `jumpMs`. A time under suspicion is confirmed when
 * it is given again, but for the drift of the clock in between.
 * @returns also whether readings that are dated are to be dated anew: they were by a time under suspicion
 */
export function timeSet(
  before: TimeBase | undefined,
  nowMs: number,
  jumpMs: number,
): { readonly time: TimeBase; readonly redate: boolean } {
  const drift = 60_000 + (nowMs - (before?.setAtMs ?? nowMs)) / 10;
  const suspect = before?.source === "suspect";
  const confirmed = suspect && Math.abs(jumpMs) <= drift;
  const time: TimeBase = { wallMs: nowMs, setAtMs: nowMs, source: confirmed ? "confirmed" : "sntp" };
  // After a reset that stopped the clock the readings are dated by an earlier one, which may have been right.
  return { time, redate: suspect && nowMs - jumpMs >= absoluteTimeMs };
}

/**
 * A known time that is to be asked for again: it was set so long ago that the clock has drifted, or set wrong by
 * somebody who has gone since. Given back as one that is not, for some hours: a silent server is not asked at every
 * wake. Undefined when it need not be asked for.
 */
export function askedAgain(time: TimeBase | undefined, nowMs: number): TimeBase | undefined {
  if (!time || (nowMs >= time.setAtMs && nowMs - time.setAtMs <= staleMs)) return undefined;
  return { ...time, setAtMs: Math.max(0, nowMs - staleMs + askAgainMs) };
}

/** What goes by the time was refused, which may be the time's fault: it is asked for at the next wake, and serves till then. */
export function doubted(time: TimeBase | undefined): TimeBase | undefined {
  return time && { ...time, setAtMs: 0 };
}

/** A certificate did not fit the time: unless that is authenticated, it is asked for again at the next wake. */
export function distrusted(time: TimeBase | undefined): TimeBase | undefined {
  return time && time.source !== "authenticated" ? { ...time, source: "suspect" } : time;
}
