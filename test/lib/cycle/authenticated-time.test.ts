import {
  authenticatedBy,
  challengePublished,
  challengeRenewed,
  clockMoved,
  isAuthenticated,
  type KnownTime,
  maxChallengeAgeMs,
  unknownTime,
} from "../../../lib/cycle/authenticated-time.js";
import { equal, ok, test } from "../../device/harness.js";

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const now = 1_800_000_000_000;
const published = challengePublished(unknownTime, now);

function at(afterMs: number, issuedAtMs: number, time: KnownTime = published): boolean {
  return authenticatedBy(time, issuedAtMs, now + afterMs) !== undefined;
}

test("a command that answers the challenge within the hour, and says a time between then and now, settles the time", () => {
  ok(at(0, now), "at once");
  ok(at(30 * minute, now), "made when the challenge was new");
  ok(at(30 * minute, now + 30 * minute), "made just now");
  const time = authenticatedBy(published, now, now + minute)!;
  ok(isAuthenticated(time, now + minute), "then");
  equal(isAuthenticated(published, now + minute), false, "not before");
});

test("a challenge that is over an hour old, or was never published, settles nothing", () => {
  ok(at(maxChallengeAgeMs, now), "an hour");
  equal(at(maxChallengeAgeMs + 1, now), false);
  equal(at(maxChallengeAgeMs + 1, now + maxChallengeAgeMs + 1), false, "however new the command is");
  equal(at(0, now, unknownTime), false);
  equal(at(0, now, challengeRenewed(published)), false, "the next challenge is none yet");
});

test("a command whose time is not between challenge and now, give or take five minutes, settles nothing", () => {
  for (const [afterMs, issuedAtMs, settles] of [
    [minute, now + 6 * minute, true],
    [minute, now + 6 * minute + 1, false],
    [minute, now - 5 * minute, true],
    [minute, now - 5 * minute - 1, false],
    [minute, now - day, false],
    [minute, now + day, false],
  ] as const)
    equal(at(afterMs, issuedAtMs), settles, `${issuedAtMs - now}`);
});

test("a challenge is as old as its first publication", () => {
  equal(challengePublished(published, now + 2 * hour), published);
});

test("a clock that begins anew, and one that nobody has confirmed for a week, is not authenticated", () => {
  const time = authenticatedBy(published, now, now)!;
  ok(isAuthenticated(time, now + 7 * day), "a week");
  equal(isAuthenticated(time, now + 7 * day + 1), false);
  equal(isAuthenticated(time, now - 1), false);
  equal(isAuthenticated(time, 0), false);
});

test("SNTP may move an authenticated clock by ten minutes in all, in however many steps", () => {
  const time = authenticatedBy(published, now, now)!;
  ok(isAuthenticated(clockMoved(time, 10 * minute), now + 10 * minute), "ten minutes");
  equal(isAuthenticated(clockMoved(time, 10 * minute + 1), now + 10 * minute + 1), false);
  equal(isAuthenticated(clockMoved(time, -day), now - day), false);
  let steps: KnownTime = time;
  for (let step = 0; step < 5; step++) steps = clockMoved(clockMoved(steps, minute), -minute);
  ok(isAuthenticated(steps, now), "forth and back, ten times a minute");
  equal(isAuthenticated(clockMoved(steps, 1), now + 1), false, "and one millisecond more");
});

test("no lie of an SNTP server makes a challenge or the clock's own confirmation younger", () => {
  const late = now + 2 * hour;
  equal(at(2 * hour, late), false, "too old");
  const back = clockMoved(published, -2 * hour);
  equal(authenticatedBy(back, now, now), undefined, "when the clock is set back by as much, too");
  const time = authenticatedBy(published, now, now)!;
  const set = clockMoved(time, -5 * minute);
  ok(isAuthenticated(set, now + 7 * day - 5 * minute), "a week");
  equal(isAuthenticated(set, now + 7 * day - 5 * minute + 1), false);
});
