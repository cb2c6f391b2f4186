/** Boots, sleeps and resets; what survives; how each way to run out of something ends one boot and only that. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { engineFile } from "../../../host-sim/engine-file.js";
import { Board, c3, esp32, fixture, start } from "./board.js";

/** Where the fixture says `text`, as the engine shows it. */
function at(text: string): string {
  const lines = readFileSync(fixture("scenario.js"), "utf8").split("\n");
  return `test/host-sim/engine/fixtures/scenario.js:${lines.findIndex((line) => line.includes(text)) + 1}`;
}

for (const variant of ["release", "sanitize"] as const) {
  let executable: string;
  const boards: Board[] = [];
  const board = (...args: [string, ...unknown[]]): Board => {
    const made = new Board(executable, ...(args as [string]));
    boards.push(made);
    return made;
  };

  before(async () => {
    executable = await engineFile(variant);
  });
  after(async () => {
    for (const made of boards) {
      assert.equal(await made.stop(), 0, made.stderr);
      assert.doesNotMatch(made.stderr, /Sanitizer|runtime error/);
    }
  });

  const scenario = (limits: Record<string, number> = c3): Board =>
    board("scenario", {
      limits,
      modules: [{ specifier: "frozen", path: fixture("frozen.js"), preload: true }],
    });

  test(`RTC memory and the clock go on through deep sleep and are lost with power (${variant})`, async () => {
    const device = board("sleeper");
    const first = await device.boot("power-on", start);
    /** What a boot told at its beginning; on a busy machine that may be some milliseconds in. */
    const told = (trace: string, startedAt: number) => {
      const { now, ticks, ...rest } = JSON.parse(trace) as { now: number; ticks: number };
      for (const since of [now - startedAt, ticks]) assert.ok(since >= 0 && since < 500, trace);
      return { ...rest };
    };
    assert.deepEqual(told(first.traces[0]!, 0), { cause: "power-on", count: 1, bytes: 4096 });
    assert.equal(first.traces.length, 1, "no JavaScript runs after deepSleep, finally included");
    assert.equal(first.end.reason, "sleep");
    assert.equal(first.end.sleepMs, 60000);
    const [second] = (await device.boot("deep-sleep", start + 60000)).traces;
    assert.deepEqual(told(second!, 60000), { cause: "deep-sleep", count: 2, bytes: 4096 });
    const third = JSON.parse((await device.boot("deep-sleep", start + 120000)).traces[0]!);
    assert.ok(Math.abs(third.now - start - 60000) < 500, "Time.set holds through deep sleep");
    const [fourth] = (await device.boot("power-on", start + 180000)).traces;
    assert.deepEqual(told(fourth!, 0), { cause: "power-on", count: 1, bytes: 4096 });
  });

  test(`what comes together with a boot is obeyed in it (${variant})`, async () => {
    const device = board("waiting");
    device.send(`boot power-on ${start}\noff`);
    let line = await device.next();
    while (line && line.type !== "end") line = await device.next();
    assert.equal(line?.type === "end" && line.reason, "off");
  });

  test(`while it sleeps a board's clock runs as its oscillator does, and so long it sleeps (${variant})`, async () => {
    const device = board("sleeper");
    device.send("drift 50000");
    const first = await device.boot("power-on", start);
    assert.ok(Math.abs(first.end.wakesAt - first.end.at - 60_000 / 1.05) <= 1, "awake again too early");
    const second = await device.boot("deep-sleep", first.end.wakesAt);
    const told = JSON.parse(second.traces[0]!) as { now: number };
    const expected = first.end.at - start + 60_000;
    assert.ok(told.now - expected >= -2 && told.now - expected < 500, `${told.now}, not ${expected}`);
    device.send("drift -100000");
    const third = await device.boot("deep-sleep", second.end.wakesAt);
    const later = JSON.parse(third.traces[0]!) as { now: number };
    const gone = later.now - 1_767_225_600_000;
    assert.ok(gone >= 60_000 - 1 && gone < 60_500, `${gone} ms: a sleep drifts as it began`);
    const fourth = JSON.parse((await device.boot("deep-sleep", third.end.at + 90_000)).traces[0]!);
    const sleeps = fourth.now - 1_767_225_600_000 - gone;
    assert.ok(sleeps >= 81_000 - 1 && sleeps < 81_500, `${sleeps} ms: woken by something else`);
  });

  test(`an ESP8266's clock starts again at every boot (${variant})`, async () => {
    const device = board("sleeper", { clock: "forgets" });
    for (const cause of ["power-on", "deep-sleep", "deep-sleep", "software"]) {
      const { now } = JSON.parse((await device.boot(cause, start)).traces[0]!) as { now: number };
      assert.ok(now >= 0 && now < 500, `${now} ms after ${cause}`);
    }
  });

  test(`a clock can be lost in a sleep, or go wrong; RTC memory and the next sleep know nothing of it (${variant})`, async () => {
    const device = board("sleeper");
    const boot = async (n: number) => {
      const { now, count } = JSON.parse(
        (await device.boot(n ? "deep-sleep" : "power-on", start + n * 60000)).traces[0]!,
      ) as { now: number; count: number };
      return [Math.round(now / 10_000), count];
    };
    const set = 1767225600_000 / 10_000;
    assert.deepEqual(await boot(0), [0, 1]);
    device.send("fault clock 3600000");
    assert.deepEqual(await boot(1), [366, 2]);
    assert.deepEqual(await boot(2), [set + 6, 3]);
    device.send("fault clock -30000");
    assert.deepEqual(await boot(3), [set + 9, 4]);
    device.send("fault clock lost");
    assert.deepEqual(await boot(4), [0, 5]);
    assert.deepEqual(await boot(5), [6, 6]);
  });

  for (const [name, limits] of Object.entries({ c3, esp32 })) {
    test(`each limit of ${name} ends its boot, and the next boot works (${variant})`, async () => {
      const device = scenario(limits);
      const results: string[] = [];
      for (let i = 0; i < 12; i++) {
        const { end } = await device.boot(i === 0 ? "power-on" : "abort", start + i * 1000);
        results.push(`${end.reason}: ${end.detail}`);
      }
      assert.deepEqual(results, [
        "abort: chunk memory",
        "abort: slot memory",
        "abort: stack",
        "abort: chunk memory",
        "deadlock: nothing can happen any more",
        "restart: ",
        `exception: TypeError: cannot coerce undefined to object (${at("undefined.property")})`,
        `exception: RangeError: nobody cares (${at("nobody cares")})`,
        "exception: just text",
        "deadlock: nothing can happen any more",
        "deadlock: nothing can happen any more",
        "sleep: ",
      ]);
    });
  }

  test(`what was preloaded is read-only, the rest is a boot's own (${variant})`, async () => {
    const device = scenario();
    for (let i = 0; i < 4; i++) await device.boot(i === 0 ? "power-on" : "abort");
    const { traces } = await device.boot("abort");
    assert.deepEqual(traces, [
      "frozen",
      "table TypeError",
      "buffer TypeError",
      "map TypeError",
      "prototype TypeError",
      "class TypeError",
      "builtIn TypeError",
      "constructor TypeError",
      "global writable",
      "plain 2 1",
    ]);
  });

  test(`a trace may hold any text (${variant})`, async () => {
    const device = scenario();
    for (let i = 0; i < 10; i++) await device.boot(i === 0 ? "power-on" : "abort");
    const { traces } = await device.boot("abort");
    assert.equal(traces[1], '\u0000 \u0007 \u{1f600} \ud800 "\\\u2028\u007f é');
  });

  test(`a thousand boots leave nothing behind (${variant})`, { timeout: 120_000 }, async () => {
    const device = board("sleeper");
    const boots = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++)
        assert.equal((await device.boot("deep-sleep", start + i)).end.reason, "sleep");
    };
    await device.boot();
    await boots(100);
    const before = process.platform === "linux" ? device.residentKb() : 0;
    await boots(1000);
    const after = process.platform === "linux" ? device.residentKb() : 0;
    assert.ok(
      after - before < (variant === "release" ? 256 : 8192),
      `${after - before} KiB more after 1,000 boots`,
    );
  });
}

test("an image that cannot be used is refused in one line", async () => {
  const executable = await engineFile("release");
  const device = new Board(executable, "/nonexistent/main.js");
  const line = await device.next();
  assert.equal(line?.type, "failed");
  assert.match((line as { detail: string }).detail, /\/nonexistent\/main\.js/);
  assert.equal(await device.next(), undefined);
  assert.equal(await device.stop(), 1);
});
