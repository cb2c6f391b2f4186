import {
  askedAgain,
  asleep,
  awake,
  boundMs,
  byBoard,
  clockOf,
  distrusted,
  doubted,
  timeSet,
  unsetTime,
} from "../../../lib/cycle/time-base.js";
import { decodeTimeSection, encodeTimeSection, type TimeBase } from "../../../lib/store/rtc-time.js";
import { equal, ok, test } from "../../device/harness.js";

const start = 1_790_000_000_000;
const quarter = 900_000;
const hour = 3_600_000;
const day = 24 * hour;

/**
 * A board and the world around it: sleeps by a clock that is too fast by `ppm`, wakes for two seconds, asks when it is
 * time to.
 */
class Board {
  world = start;
  /** Its own clock. */
  clock = 0;
  time: TimeBase = unsetTime(0);
  asked = 0;
  private slept = 0;
  /** The worst that its clock was wrong by when it woke, from the time on when it had learned. */
  worstMs = 0;
  drift: number;
  readonly forgets: boolean;

  constructor(ppm: number, forgets = false) {
    this.drift = 1 + ppm / 1e6;
    this.forgets = forgets;
  }

  /** An answer of SNTP: whole seconds, some time on the way. */
  ask(errorMs = 0): ReturnType<typeof timeSet> {
    this.asked++;
    this.awake(60);
    const told = Math.floor((this.world + errorMs) / 1000) * 1000 + 500;
    const set = timeSet(this.time, told, told - this.clock);
    this.time = set.time;
    this.clock = told;
    return set;
  }

  awake(ms: number): void {
    this.world += ms;
    this.clock += ms;
  }

  sleep(intervalMs = quarter): void {
    this.awake(2000);
    const sleepMs = byBoard(this.time, intervalMs - 2000);
    const left = asleep(this.time, this.clock, sleepMs);
    // Now and then: it takes the most time of all this.
    const kept = this.slept++ % 16 === 0 ? decodeTimeSection(encodeTimeSection(left))! : left;
    this.world += sleepMs / this.drift;
    this.clock = this.forgets ? 0 : this.clock + sleepMs;
    this.awake(50);
    this.time = awake(kept, { clockMs: this.clock, awakeMs: 50, slept: "all" });
    this.clock = this.time.wallMs;
  }

  get wrongByMs(): number {
    return Math.abs(this.clock - this.world);
  }

  /** Wakes until `days` have passed, asking when it is time to. */
  live(days: number, intervalMs = quarter): void {
    const until = this.world + days * day;
    while (this.world < until) {
      this.sleep(intervalMs);
      this.worstMs = Math.max(this.worstMs, this.wrongByMs);
      if (askedAgain(this.time, this.clock)) this.ask();
    }
  }
}

test("a drift of up to 5 % is learned in a few askings, on boards that keep the time in sleep and that do not", () => {
  for (const forgets of [false, true])
    for (const ppm of [-50_000, -12_345, 0, 300, 50_000]) {
      const board = new Board(ppm, forgets);
      board.ask();
      board.sleep();
      ok(board.wrongByMs >= (Math.abs(ppm) * 850) / 1000 - 1000, "the first sleep is as wrong as the clock");
      ok(askedAgain(board.time, board.clock), "so it asks again");
      board.ask();
      for (let more = 0; more < 2; more++) {
        while (!askedAgain(board.time, board.clock)) board.sleep();
        ok(board.wrongByMs <= boundMs, `${ppm}: ${board.wrongByMs} ms wrong when it asks`);
        board.ask();
      }
      const off = Math.abs(board.time.driftPpm - ppm);
      ok(off <= board.time.driftErrorPpm, `${ppm}: ${off} ppm off, which it does not think possible`);
      ok(off <= 120, `${ppm} learned as ${board.time.driftPpm} after ${board.asked} askings`);
    }
});

test("in a month the clock is never wrong by more than the bound, once learned, and few servers are asked", () => {
  for (const [ppm, intervalMs, forgets] of [
    [50_000, quarter, true],
    [-50_000, 3 * hour, false],
    [0, 6 * hour, true],
    [50_000, 6 * hour, false],
  ] as const) {
    const board = new Board(ppm, forgets);
    board.ask();
    board.sleep(intervalMs);
    board.ask();
    board.live(30, intervalMs);
    ok(board.worstMs <= boundMs, `${ppm} ppm each ${intervalMs} ms: wrong by ${board.worstMs} ms`);
    ok(board.asked <= 25, `${ppm} ppm each ${intervalMs} ms: asked ${board.asked} times`);
  }
});

test("a drift that changes with the temperature is found out, and then asked about more often", () => {
  const board = new Board(2000);
  board.ask();
  board.live(10, 2 * hour);
  const before = board.asked;
  board.drift = 1 + 5000 / 1e6;
  board.live(3, 2 * hour);
  ok(board.asked - before >= 4, `asked ${board.asked - before} times in three days`);
  board.worstMs = 0;
  board.live(10, 2 * hour);
  ok(board.worstMs <= boundMs, `wrong by ${board.worstMs} ms`);
  ok(Math.abs(board.time.driftPpm - 5000) <= 200, `${board.time.driftPpm}`);
});

test("a board learns to wake on time", () => {
  const board = new Board(40_000);
  board.ask();
  board.live(2);
  const from = board.world;
  for (let wakes = 0; wakes < 4; wakes++) board.sleep();
  const each = (board.world - from) / 4;
  ok(Math.abs(each - quarter) < 1000, `from wake to wake ${each} ms`);
});

test("readings that wait are dated by what has been learned since; those from before are left alone", () => {
  const board = new Board(50_000);
  board.ask();
  const taken: { by: number; world: number }[] = [{ by: board.clock - 1, world: board.world - 1 }];
  for (let wakes = 0; wakes < 5; wakes++) {
    board.sleep();
    taken.push({ by: board.clock, world: board.world });
  }
  ok(board.wrongByMs > 200_000, "five sleeps at 5 %");
  const { date } = board.ask();
  for (const { by, world } of taken) ok(Math.abs(date(by) - world) <= 2000, `${date(by) - world} ms wrong`);
  equal(date(4_000) - 4_000, date(0), "what was taken without a clock keeps its distance from power-on");
});

test("a jump that no drift explains teaches no drift, and is asked about again soon", () => {
  const board = new Board(1000);
  board.ask();
  board.live(20, 6 * hour);
  const { driftPpm } = board.time;
  for (const lieMs of [hour * 24 * 365, -20 * day, 6 * day]) {
    board.sleep();
    const { date } = board.ask(lieMs);
    equal(board.time.driftPpm, driftPpm, `a lie of ${lieMs} ms`);
    equal(date(board.world - 1000), board.world - 1000, "and dates nothing anew");
    board.sleep();
    ok(askedAgain(board.time, board.clock), "asked again");
    board.ask();
    equal(board.time.driftPpm, driftPpm);
  }
});

test("nobody can make a device believe in a drift of more than 10 %", () => {
  for (const sign of [1, -1]) {
    let time = timeSet(unsetTime(0), start, start).time;
    for (let lies = 0; lies < 20; lies++) {
      const nowMs = time.setAtMs + day;
      time = timeSet(time, nowMs, sign * 0.09 * day).time;
      ok(Math.abs(time.driftPpm) <= 100_000, `${time.driftPpm}`);
    }
  }
});

test("a clock that shows another time than it can is set by how long the board slept", () => {
  const kept = asleep(timeSet(unsetTime(0), start, start).time, start + 2000, quarter);
  const by = (clockMs: number) => awake(kept, { clockMs, awakeMs: 30, slept: "all" }).wallMs;
  const right = start + 2000 + quarter + 30;
  equal(by(right), right);
  for (const wrong of [0, 30, start, right - hour, right + hour, right + 365 * day]) equal(by(wrong), right);
});

test("a board that was woken early goes by its clock; without one, and after a reset, the time is unknown", () => {
  const kept = asleep(timeSet(unsetTime(0), start, start).time, start + 2000, quarter);
  const early = start + 2000 + 60_000;
  const boot = { clockMs: early, awakeMs: 10, slept: "part" } as const;
  equal(awake(kept, boot).wallMs, early);
  equal(awake({ ...kept, driftPpm: 50_000 }, boot).wallMs, early - Math.round((59_990 * 0.05) / 1.05));
  for (const slept of ["part", "unknown"] as const) {
    const lost = awake({ ...kept, driftPpm: 77, driftErrorPpm: 88 }, { clockMs: 10, awakeMs: 10, slept });
    equal([lost.wallMs, clockOf(lost)], [10, "unknown"]);
    equal([lost.driftPpm, lost.driftErrorPpm], [77, 88], "the oscillator is the same");
  }
});

test("what a crash interrupts was no sleep: the clock that ran on is right as it is", () => {
  const time = { ...timeSet(unsetTime(0), start, start).time, wallMs: start + 500, driftPpm: 50_000 };
  const crashed = awake(time, { clockMs: start + 900, awakeMs: 10, slept: "unknown" });
  equal([crashed.wallMs, crashed.source], [start + 900, "sntp"]);
});

test("before anybody has told the time the clock runs on from power-on all the same", () => {
  for (const forgets of [false, true]) {
    const board = new Board(0, forgets);
    board.world = 0;
    for (let wakes = 0; wakes < 3; wakes++) board.sleep();
    ok(board.wrongByMs < 10, `${board.clock} of ${board.world}`);
    equal(clockOf(board.time), "unknown");
  }
});

test("a reset before anything was kept of the time that was just set leaves what waits where it was", () => {
  // An ESP32's clock runs on through a reset, an ESP8266's begins anew.
  const kept = decodeTimeSection(encodeTimeSection(asleep(unsetTime(0), 5000, 0)))!;
  for (const clockMs of [start, 60]) {
    const reset = awake(kept, { clockMs, awakeMs: 60, slept: "unknown" });
    equal([reset.wallMs, clockOf(reset)], [5060, "unknown"]);
    const set = timeSet(reset, start + 100, start + 100 - reset.wallMs);
    equal(set.date(4000), start + 100 - 1060, "a reading of a second before it was kept");
  }
});

test("a server that was asked in vain is asked again when the error may have doubled, or after six hours", () => {
  const { time } = timeSet(unsetTime(0), start, start);
  equal(askedAgain(time, start + 1000), undefined);
  const due = time.askAtMs;
  ok(due > start + 60_000 && due < start + quarter, `first asked again after ${due - start} ms`);
  const asked = askedAgain(time, start + quarter)!;
  equal(askedAgain(asked, start + 2 * quarter - 1), undefined);
  const late = askedAgain(asked, start + 2 * quarter);
  equal(late?.askAtMs, start + 4 * quarter);
  equal(askedAgain(time, start + day)?.askAtMs, start + day + 6 * hour);
});

test("a time in doubt, and a clock that went back, are asked about at once", () => {
  const { time } = timeSet(unsetTime(0), start, start);
  equal(askedAgain(time, start + 1), undefined);
  ok(askedAgain(doubted(time), start + 1), "in doubt");
  ok(askedAgain(time, start - 1), "a clock that went back");
});

test("a suspect time is confirmed when it is given again, but for the drift", () => {
  const { time } = timeSet(unsetTime(0), start, start);
  equal(clockOf(time), "sntp");
  const suspect = distrusted(time);
  equal(clockOf(suspect), "unknown");
  equal(clockOf(timeSet(suspect, start + day, 8_640_000).time), "trusted");
  const other = timeSet(suspect, start + day, 9_000_000);
  equal(clockOf(other.time), "sntp");
  equal(other.date(start), start + 9_000_000, "and what was dated by it is dated anew");
  equal(timeSet(time, start + day, 9_000_000).date(start), start, "not by one that nobody suspected");
});
