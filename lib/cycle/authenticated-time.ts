/**
 * Time that nobody could have forged, out of a command: it answers a challenge, so it was made after the device
 * published that, and says when it was made. If that fits the clock, the clock is right as far as the challenge was
 * old: then commands need no challenge until the clock is lost, an SNTP server has moved it too far, or a week has passed.
 * What a broker that delays and an SNTP server that lies can do together is bounded by the limits below. Pure.
 */

export interface KnownTime {
  /** By the device's clock, ms since 1970: when the present challenge was published first; null when it was not yet. */
  readonly publishedAtMs: number | null;
  /** When the clock was last found right; null when it was not. */
  readonly authenticatedAtMs: number | null;
  /** How far SNTP servers have moved the clock since, forth and back alike. */
  readonly movedMs: number;
}

export const unknownTime: KnownTime = Object.freeze({
  publishedAtMs: null,
  authenticatedAtMs: null,
  movedMs: 0,
});

/** A challenge that is older settles that a command is new, but not what time it is. */
export const maxChallengeAgeMs = 3_600_000;
/** How far the clocks of device and controller may differ. */
const toleranceMs = 300_000;
const lifetimeMs = 7 * 86_400_000;
/** As far as SNTP may correct what the device's oscillator did, or a liar push it, before a command is wanted again. */
const maxMovedMs = 600_000;

/** Whether the clock, which shows `nowMs`, is as good as a command's own time. */
export function isAuthenticated({ authenticatedAtMs }: KnownTime, nowMs: number): boolean {
  if (authenticatedAtMs === null) return false;
  const age = nowMs - authenticatedAtMs;
  // A clock that begins anew shows an earlier time.
  return age >= 0 && age <= lifetimeMs;
}

/** The present challenge goes out with an answer; what counts is the first time. */
export function challengePublished<Time extends KnownTime>(time: Time, nowMs: number): Time {
  return time.publishedAtMs === null ? { ...time, publishedAtMs: nowMs } : time;
}

/** There is another challenge, which nobody has heard of yet. */
export function challengeRenewed<Time extends KnownTime>(time: Time): Time {
  return { ...time, publishedAtMs: null };
}

/**
 * A command has answered the present challenge.
 * @param issuedAtMs what it says of itself
 * @returns undefined when that does not settle the time
 */
export function authenticatedBy<Time extends KnownTime>(
  time: Time,
  issuedAtMs: number,
  nowMs: number,
): Time | undefined {
  const { publishedAtMs } = time;
  if (publishedAtMs === null) return undefined;
  const age = nowMs - publishedAtMs;
  if (age < 0 || age > maxChallengeAgeMs) return undefined;
  const late = nowMs - issuedAtMs;
  if (late < -toleranceMs || late > age + toleranceMs) return undefined;
  return { ...time, authenticatedAtMs: nowMs, movedMs: 0 };
}

/** An SNTP server has moved the clock: what was timed by it moves too, so that no lie makes it younger. */
export function clockMoved<Time extends KnownTime>(time: Time, jumpMs: number): Time {
  const { publishedAtMs, authenticatedAtMs } = time;
  if (publishedAtMs === null && authenticatedAtMs === null) return time;
  const moved = {
    ...time,
    publishedAtMs: publishedAtMs === null ? null : Math.max(0, publishedAtMs + jumpMs),
  };
  const movedMs = time.movedMs + Math.abs(jumpMs);
  if (authenticatedAtMs === null || movedMs > maxMovedMs)
    return { ...moved, authenticatedAtMs: null, movedMs: 0 };
  return { ...moved, authenticatedAtMs: authenticatedAtMs + jumpMs, movedMs };
}
