/**
 * What is known of the time between wakes: how long the board has really slept, by how much its clock drifts meanwhile,
 * when a time server is to be asked again, and what has cast doubt on the time since. Pure: each function gives a new
 * time base.
 *
 * The drift is known as an interval, driftPpm ± driftErrorPpm. What an SNTP server says gives another, and the truth lies
 * where both meet. A server is asked when the clock may be wrong by more than `boundMs`: soon at first, and the more
 * seldom the better the drift is known.
 */
import { absoluteTimeMs } from "../senml/measurement.js";
import { maxDriftPpm, type TimeBase, unknownDriftPpm } from "../store/rtc-time.js";
import type { Clock } from "../tls/options.js";

/** As far as the clock may be wrong before a server is asked. */
export const boundMs = 10_000;
/** As far as it may be wrong when a server has just been asked: that tells whole seconds, and late. */
const answerErrorMs = 750;
/** By so much the drift itself may change from one asking to the next, with the temperature. */
const wanderPpm = 50;
/** A server that was asked in vain is asked again when what may be wrong has doubled, at the latest after this. */
const askAgainMs = 6 * 3_600_000;
/** A clock that runs on in deep sleep has then counted what it was told to sleep, give or take this and a twentieth. */
const bootMs = 60_000;
const million = 1e6;

/** What a board knows of the time before anybody has told it. */
export function unsetTime(clockMs: number): TimeBase {
  return {
    wallMs: clockMs,
    setAtMs: 0,
    source: "unset",
    driftPpm: 0,
    driftErrorPpm: unknownDriftPpm,
    askAtMs: 0,
    sleepMs: 0,
  };
}

/** What the clock is worth; `unknown` also when a certificate has cast doubt on it. */
export function clockOf({ source }: TimeBase): Clock {
  if (source === "suspect" || source === "unset") return "unknown";
  return source === "sntp" ? "sntp" : "trusted";
}

/** For how long by the board's own clock it has to sleep, to sleep for `ms`. */
export function byBoard({ driftPpm }: TimeBase, ms: number): number {
  return Math.round(ms * (1 + driftPpm / million));
}

/** The board goes to sleep for so long by its own clock, which shows `nowMs`. */
export function asleep(time: TimeBase, nowMs: number, sleepMs: number): TimeBase {
  return { ...time, wallMs: nowMs, sleepMs: Math.round(sleepMs) };
}

export interface Boot {
  /** The board's clock. */
  readonly clockMs: number;
  /** How long it has been awake. */
  readonly awakeMs: number;
  /** How much of the sleep that it was told it has slept, for all it knows. */
  readonly slept: "all" | "part" | "unknown";
}

/**
 * The board is awake again. In `wallMs` is what the clock is to be set to: the board's own but for its drift; or, where the
 * clock has not run on (an ESP8266's never does), the time when it fell asleep and what it slept.
 */
export function awake(time: TimeBase, { clockMs, awakeMs, slept }: Boot): TimeBase {
  const passed = clockMs - time.wallMs;
  const most = time.sleepMs * 1.05 + awakeMs + bootMs;
  const least = slept === "all" ? time.sleepMs * 0.95 : 0;
  const ran = passed >= least && (time.sleepMs === 0 || passed <= most);
  // A crash before the sleep is no sleep; without a clock nobody knows how long that lasted.
  const lost = !ran && (slept !== "all" || time.sleepMs === 0);
  // What waits goes by a clock that nobody had set. It goes on from there, be it late: also when the clock was set since, and
  // nothing kept that says by how much.
  if (time.source === "unset" && (lost || (time.sleepMs === 0 && clockMs >= absoluteTimeMs)))
    return { ...time, wallMs: time.wallMs + awakeMs, sleepMs: 0 };
  if (lost) return { ...unsetTime(awakeMs), driftPpm: time.driftPpm, driftErrorPpm: time.driftErrorPpm };
  const sleptMs = ran ? (time.sleepMs === 0 ? 0 : Math.max(0, passed - awakeMs)) : time.sleepMs;
  const gainedMs = (sleptMs * time.driftPpm) / (million + time.driftPpm);
  const wallMs = Math.round(time.wallMs + (ran ? passed : sleptMs + awakeMs) - gainedMs);
  return { ...time, wallMs, sleepMs: 0 };
}

export interface TimeSet {
  readonly time: TimeBase;
  /** What a time that this clock gave before is now known to have been. */
  date(timeMs: number): number;
}

/**
 * An SNTP server set the clock just now, to `nowMs`, which jumped by `jumpMs`. What the drift explains teaches the drift. A
 * time under suspicion is confirmed when it is given again, but for the drift of the clock in between.
 */
export function timeSet(before: TimeBase, nowMs: number, jumpMs: number): TimeSet {
  const wasMs = nowMs - jumpMs;
  const elapsedMs = nowMs - before.setAtMs;
  const known = clockOf(before) !== "unknown" && elapsedMs > 0;
  const found = known ? narrowed(before, elapsedMs, -jumpMs) : undefined;
  const suspect = before.source === "suspect";
  const confirmed = suspect && Math.abs(jumpMs) <= 60_000 + elapsedMs / 10;
  const driftPpm = found?.driftPpm ?? before.driftPpm;
  // A jump that no drift explains: this server is wrong, or the one before was. It is asked again soon.
  const driftErrorPpm = found?.driftErrorPpm ?? Math.max(before.driftErrorPpm, unknownDriftPpm);
  const time: TimeBase = {
    wallMs: nowMs,
    setAtMs: nowMs,
    source: confirmed ? "confirmed" : "sntp",
    driftPpm,
    driftErrorPpm,
    askAtMs: nowMs + Math.floor(((boundMs - answerErrorMs) * million) / driftErrorPpm),
    sleepMs: 0,
  };
  return {
    time,
    date(timeMs) {
      // After a reset that stopped the clock the readings are dated by an earlier one, which may have been right.
      if (timeMs < absoluteTimeMs || (suspect && wasMs >= absoluteTimeMs)) return timeMs + jumpMs;
      if (!found || timeMs <= before.setAtMs || timeMs > wasMs) return timeMs;
      return Math.round(timeMs + (jumpMs * (timeMs - before.setAtMs)) / (wasMs - before.setAtMs));
    },
  };
}

/**
 * The drift, now that the clock is found to be ahead by so much of what was believed of it.
 * @returns undefined when no drift explains it
 */
function narrowed(
  { driftPpm, driftErrorPpm }: TimeBase,
  elapsedMs: number,
  aheadMs: number,
): { readonly driftPpm: number; readonly driftErrorPpm: number } | undefined {
  const found = (million + driftPpm) * (1 + aheadMs / elapsedMs) - million;
  const error = (2 * answerErrorMs * million) / elapsedMs;
  if (Math.abs(found) > maxDriftPpm + error) return undefined;
  const low = Math.max(driftPpm - driftErrorPpm, found - error);
  const high = Math.min(driftPpm + driftErrorPpm, found + error);
  // Where they do not meet the drift is another than it was, and may change again.
  const drift = low <= high ? (low + high) / 2 : found;
  const width = low <= high ? (high - low) / 2 : error + Math.abs(found - driftPpm) / 4;
  return {
    driftPpm: Math.max(-maxDriftPpm, Math.min(maxDriftPpm, Math.round(drift))),
    driftErrorPpm: Math.min(unknownDriftPpm, Math.ceil(width) + wanderPpm),
  };
}

/**
 * A known time that is to be asked for again: the clock may have drifted too far. Given back as one that is not, for as long
 * as has passed since it was set or six hours: a silent server is not asked at every wake. Undefined when it need not be
 * asked for.
 */
export function askedAgain(time: TimeBase, nowMs: number): TimeBase | undefined {
  if (nowMs >= time.setAtMs && nowMs < time.askAtMs) return undefined;
  return { ...time, askAtMs: nowMs + Math.min(askAgainMs, Math.max(0, nowMs - time.setAtMs)) };
}

/** What goes by the time was refused, which may be the time's fault: it is asked for at the next wake, and serves till then. */
export function doubted(time: TimeBase): TimeBase {
  return { ...time, askAtMs: 0 };
}

/** A certificate did not fit the time: it is asked for again at the next wake. */
export function distrusted(time: TimeBase): TimeBase {
  return time.source === "unset" ? time : { ...time, source: "suspect" };
}
