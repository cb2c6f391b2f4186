/** When a board sends, and when its radio stays off: batches, alarms, a broker that is down for hours, a pin that wakes it. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { simOptions } from "../../cli/sim.js";
import { readClimate } from "../../firmware/sensors/simulated-climate.js";
import { parseFaults } from "../../host-sim/faults/fault.js";
import { root } from "../../host-sim/paths.js";
import type { RunEvent } from "../../host-sim/report/events.js";
import type { World } from "../../host-sim/world/network.js";
import { only, run } from "./run.js";

const folder = mkdtempSync(join(tmpdir(), "dormouse-cycle-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const noAccessPoint = (quiet: World): World => ({ ...quiet, accessPoints: [] });

/** A profile for the embedded broker with these settings of the cycle. */
function profileWith(name: string, cycle: object): string {
  const path = join(folder, `${name}.json`);
  const profile = {
    schema: 1,
    device: { id: "dormouse-1" },
    wifi: { ssid: "burrow" },
    broker: { host: "broker.dormouse.test" },
    mqtt: { version: "3.1.1" },
    cycle,
  };
  writeFileSync(path, JSON.stringify(profile));
  return path;
}

/** The wakes in which an event of this kind fell, each once. */
function wakesOf(events: readonly RunEvent[]): number[] {
  return [...new Set(events.map(({ wake }) => wake))];
}

/** The radio was on in these. */
function radioOn(events: readonly RunEvent[]): number[] {
  return wakesOf(
    events.filter(
      (event) =>
        (event.event === "phase" && event.name === "join") ||
        (event.event === "error" && event.phase === "join"),
    ),
  );
}

function temperatures(events: readonly RunEvent[]): { wake: number; celsius: number[] }[] {
  return only(events, "received").map(({ wake, reading = [] }) => ({
    wake,
    celsius: reading.filter(({ name }) => name.endsWith("temperature")).map(({ value }) => Number(value)),
  }));
}

test("the example profiles", async () => {
  for (const [name, published, wakes] of [
    ["batched", 2, 5],
    ["mains-powered", 5, 1],
  ] as const) {
    const { summary, tally } = await run({ cycles: "5", profile: join(root, `profiles/${name}.json`) });
    assert.deepEqual([summary.published, summary.wakes, tally.success], [published, wakes, true], name);
  }
});

describe("a batch", () => {
  test("every fourth reading sends all that wait, and in between the radio stays off", async () => {
    const profile = profileWith("batch", { sendEvery: 4 });
    const { events, summary, tally } = await run({ board: "esp32c3", cycles: "9", profile });
    assert.deepEqual(radioOn(events), [1, 5, 9]);
    assert.deepEqual(
      temperatures(events).map(({ wake, celsius }) => [wake, celsius.length]),
      [
        [1, 1],
        [5, 4],
        [9, 4],
      ],
    );
    assert.deepEqual([summary.published, summary.verified, tally.success], [3, 3, true]);
    const quiet = only(events, "sleep").filter(({ wake }) => wake % 4 !== 1);
    for (const { wake, awakeMs } of quiet) assert.ok(awakeMs < 500, `wake ${wake}: ${awakeMs} ms`);
  });

  test("a board that loses its RTC memory says at once that it is there", async () => {
    const profile = profileWith("cold", { sendEvery: 10 });
    const cause = (wake: number) => (wake === 1 || wake === 3 ? "power-on" : "deep-sleep");
    const { events } = await run({ board: "esp32c3", cycles: "4", profile }, undefined, {
      disturbance: { cause },
    });
    assert.deepEqual(radioOn(events), [1, 3]);
  });
});

describe("an alarm", () => {
  test("a value that crosses its threshold is sent at once, with all that waits; one that stays beyond waits for its batch", async () => {
    // The simulated sensor, a function of the time: from its first two readings a threshold that the later ones cross.
    const quiet = await run({
      board: "esp32c3",
      cycles: "24",
      profile: profileWith("every", {}),
      interval: "1h",
    });
    const day = temperatures(quiet.events).map(({ celsius }) => celsius[0] ?? Number.NaN);
    const above = (Math.max(...day) + Math.min(...day)) / 2;
    const profile = profileWith("alarm", { sendEvery: 1000, alarms: [{ name: "temperature", above }] });
    const { events } = await run({ board: "esp32c3", cycles: "24", profile, interval: "1h" });
    const [first, ...sent] = temperatures(events);
    assert.equal(first?.wake, 1);
    assert.ok(sent.length >= 1 && sent.length <= 2, "a day has one or two crossings");
    for (const { celsius } of sent) {
      const last = celsius.pop()!;
      assert.ok(last > above, `${last} is beyond ${above}`);
      assert.ok((celsius.pop() ?? 0) <= above, "and the one before was not");
    }
    assert.deepEqual(
      radioOn(events),
      [first, ...sent].map(({ wake }) => wake),
    );
  });
});

describe("a broker that is down", () => {
  test("for ten hours: the radio is on in few of the wakes, and all is sent within the longest pause of its return", async () => {
    const profile = profileWith("backoff", { intervalSeconds: 300, backoffMaxSeconds: 3600 });
    const down = { from: 2, to: 120 };
    let wake = 0;
    const { events, summary } = await run(
      { cycles: `${down.to + 13}`, profile },
      (event) => {
        if (event.event === "wake") wake = event.wake;
      },
      {
        disturbance: {
          network: (quiet) => (wake >= down.from && wake <= down.to ? noAccessPoint(quiet) : quiet),
        },
      },
    );
    const tries = radioOn(events).filter((at) => at >= down.from && at <= down.to);
    // Up to an hour lies between two, half an hour on average: every sixth or seventh wake.
    assert.ok(tries.length >= 10 && tries.length <= 35, `${tries.length} of 119 wakes`);
    assert.ok(tries.includes(2) && tries.includes(3), "the first failure is made good at the next wake");
    const back = only(events, "acked").find(({ wake: at }) => at > 1)?.wake ?? 0;
    assert.ok(back > down.to && back <= down.to + 13, `back in wake ${back}`);
    assert.equal(summary.rejected, 0);
  });

  test("its return finds boards that come one by one: two runs do not try in the same wakes", async () => {
    const profile = profileWith("jitter", { intervalSeconds: 300 });
    const tries = async () => {
      const { events } = await run({ cycles: "40", profile }, undefined, {
        disturbance: { network: noAccessPoint },
      });
      return radioOn(events).join();
    };
    assert.notEqual(await tries(), await tries());
  });

  test("a power failure with the radio on counts as a failure too", async () => {
    const { events } = await run({ cycles: "12", profile: profileWith("sag", {}) }, undefined, {
      disturbance: { power: () => ({ brownOutOn: '"name":"join"' }) },
    });
    assert.equal(only(events, "reset").length, 12 - only(events, "sleep").length);
    assert.ok(only(events, "sleep").length >= 4, "it sleeps in between, with its radio off");
  });

  test("an alarm is tried at once, though the back-off has not run out", async () => {
    const intervalSeconds = 3600;
    const above = 21;
    const alarms = [{ name: "temperature", above }];
    const profile = profileWith("urgent", { intervalSeconds, backoffMaxSeconds: 2_592_000, alarms });
    // Without a network there is no time: the sensor's is that since power-on.
    const celsius = (wake: number) => Number(readClimate(1000 * intervalSeconds * (wake - 1))[0]!.value);
    let crossing = 2;
    while (!(celsius(crossing) > above && celsius(crossing - 1) <= above)) crossing++;
    const { events } = await run({ cycles: `${crossing + 12}`, profile }, undefined, {
      disturbance: { network: noAccessPoint },
    });
    const tries = radioOn(events);
    assert.ok(tries.includes(crossing), `in wake ${crossing} of ${tries}`);
    assert.ok(tries.length < crossing, `${tries.length} of ${crossing + 12} wakes`);
  });
});

describe("a board whose power a timer cuts after each wake", () => {
  const faults = parseFaults("power-cut:all,no-ap:2-4");

  test("measures at every wake, with and without its access point, and tells what it lost", async () => {
    const { events } = await run({ cycles: "8" }, undefined, { faults });
    assert.deepEqual(wakesOf(only(events, "queued")), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert.deepEqual(wakesOf(only(events, "received")), [1, 5, 6, 7, 8]);
  });

  test("loses nothing where each reading goes to flash at once", async () => {
    const options = await simOptions({ cycles: "8" });
    const outbox = { ...options.profile.outbox, spillEvery: 1 };
    const { events } = await run({ cycles: "8" }, undefined, {
      faults,
      profile: { ...options.profile, outbox },
    });
    const sequences = only(events, "queued").map(({ sequence }) => sequence);
    assert.equal(sequences.length, 8);
    const sent = only(events, "sent").flatMap(({ first, readings = 0 }) =>
      Array.from({ length: readings }, (_, i) => first! + i),
    );
    assert.deepEqual([...new Set(sent)], sequences);
  });
});

test("a message whose times count from now is frozen when the broker has taken the session, any other before", async () => {
  const { events } = await run({ cycles: "2" }, undefined, { faults: parseFaults("sntp-fail:1") });
  const order = events.flatMap((event) => {
    if (event.event === "sent") return `sent in ${event.wake}`;
    return event.event === "phase" && event.name === "session" ? `session in ${event.wake}` : [];
  });
  assert.deepEqual(order, ["session in 1", "sent in 1", "sent in 2", "session in 2"]);
});

describe("a pin that wakes the board", () => {
  const cycle = { intervalSeconds: 3600, sendEvery: 10, wakeOn: { pin: 4, level: 1 } };

  test("it measures and sends at once, and sleeps for a whole interval", async () => {
    const profile = profileWith("pin", cycle);
    const pin = (wake: number) => (wake === 2 ? 600_000 : undefined);
    const { events } = await run({ board: "esp32c3", cycles: "4", profile }, undefined, {
      disturbance: { pin },
    });
    const [, , woken, next] = only(events, "wake");
    const slept = only(events, "sleep");
    assert.deepEqual([woken?.cause, next?.cause], ["gpio", "deep-sleep"]);
    assert.ok(Math.abs(woken!.at - slept[1]!.at - 600_000) < 1000);
    assert.deepEqual(radioOn(events), [1, 3]);
    assert.equal(temperatures(events).at(-1)?.celsius.length, 2, "with what waited");
  });

  test("a pin that the profile does not name wakes nobody", async () => {
    const { wakeOn: _, ...deaf } = cycle;
    const { events } = await run({ cycles: "3", profile: profileWith("deaf", deaf) }, undefined, {
      disturbance: { pin: () => 600_000 },
    });
    assert.deepEqual(
      only(events, "wake").map(({ cause }) => cause),
      ["power-on", "deep-sleep", "deep-sleep"],
    );
  });

  test("a pin that does not rest breaks a back-off once", async () => {
    const profile = profileWith("chatter", { ...cycle, backoffMaxSeconds: 360_000 });
    const { events } = await run({ cycles: "30", profile }, undefined, {
      disturbance: { pin: () => 1000, network: noAccessPoint },
    });
    const tries = radioOn(events);
    assert.ok(tries.length <= 8, `${tries.length} of 30 wakes`);
  });

  test("a back-off runs out though the pin leaves the board no whole sleep", async () => {
    const profile = profileWith("busy", { ...cycle, backoffMaxSeconds: 3600 });
    let wake = 0;
    const { events } = await run(
      { cycles: "20", profile },
      (event) => {
        if (event.event === "wake") wake = event.wake;
      },
      {
        disturbance: {
          pin: () => 600_000,
          network: (quiet) => (wake <= 8 ? noAccessPoint(quiet) : quiet),
        },
      },
    );
    const tries = radioOn(events);
    const heard = tries.find((wake) => wake > 8);
    assert.ok(heard !== undefined && heard <= 8 + 7, `tries in wakes ${tries}`);
  });

  test("an ESP8266 has none, other chips have few, and a profile that names another is told so", async () => {
    await assert.rejects(
      run({ board: "esp8266", profile: profileWith("small", cycle) }),
      /cycle\.wakeOn: only its reset pin wakes an ESP8266/,
    );
    const wakeOn = { pin: 21, level: 1 };
    for (const board of ["esp32", "esp32c3"])
      await assert.rejects(
        run({ board, profile: profileWith("other", { ...cycle, wakeOn }) }),
        /cycle\.wakeOn: pin 21 does not wake this chip/,
      );
  });
});
