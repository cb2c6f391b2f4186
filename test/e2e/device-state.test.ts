/** What the device says of itself in its messages: once each, with the readings, and in the least memory too. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { type SimFlags, simOptions } from "../../cli/sim.js";
import { type BoardName, boardNames } from "../../host-sim/board.js";
import type { BootCause } from "../../host-sim/device.js";
import type { Disturbance } from "../../host-sim/disturbance.js";
import { eager, only, run } from "./run.js";

const all = ["battery", "rssi", "dropped", "reset"] as const;

/** @returns the names and values of each message, without the device's own name */
async function messages(
  flags: SimFlags,
  state: readonly (typeof all)[number][],
  disturbance: Disturbance,
  format: "cbor" | "json" = "cbor",
  onWake: () => void = () => {},
) {
  const options = await simOptions({ cycles: "4", ...flags });
  const profile = eager(options.profile);
  const result = await run({}, ({ event }) => event === "wake" && onWake(), {
    ...options,
    disturbance,
    profile: {
      ...profile,
      topics: { ...profile.topics, state, format },
      // Tried at each wake, and what does not fit RTC memory is dropped.
      cycle: { ...profile.cycle, backoffMaxSeconds: profile.cycle.intervalSeconds },
      outbox: { flashBytes: 0 },
    },
  });
  const readings = only(result.events, "received").map(({ wake, reading }) => ({
    wake,
    values: reading!.map(({ name, value, unit }) => [name.slice(name.indexOf(":") + 1), value, unit ?? null]),
  }));
  return { ...result, readings };
}

type Readings = Awaited<ReturnType<typeof messages>>["readings"];
const found = (readings: Readings, wanted: string) =>
  readings.flatMap(({ wake, values }) =>
    values.filter(([name]) => name === wanted).map(([, value, unit]) => [wake, value, unit]),
  );

const happens = (cause: BootCause): Disturbance => ({ cause: (wake, usual) => (wake === 2 ? cause : usual) });

for (const [cause, wake] of [
  ["brown-out", 2],
  ["software", 2],
  // A board that has crashed tidies up and sleeps.
  ["watchdog", 3],
  ["abort", 3],
] as const)
  test(`a reset by ${cause} is told once, in the next message`, async () => {
    const { readings, events } = await messages({ board: "esp32c3" }, ["reset"], happens(cause));
    deepEqual(found(readings, "state.reset"), [[wake, cause, null]]);
    deepEqual(only(events, "error"), []);
  });

test("power-on and sleep are no resets, and who does not ask hears of none", async () => {
  for (const cause of ["power-on", "deep-sleep"] as const)
    deepEqual(found((await messages({}, ["reset"], happens(cause))).readings, "state.reset"), []);
  const { readings } = await messages({}, ["battery"], happens("brown-out"));
  deepEqual(
    readings.map(({ values }) => values.map(([name]) => name)),
    new Array(4).fill(["temperature", "humidity", "state.battery"]),
  );
});

test("the signal's strength is in dBW: what the access point's is in dBm, less 30", async () => {
  const { readings } = await messages({}, ["rssi", "battery"], {});
  for (const [, given, unit] of found(readings, "state.rssi")) {
    equal(unit, "dBW");
    const value = given as number;
    // The simulated access point has -58 dBm, give or take 4.
    ok(value >= -58 - 4 - 30 && value <= -58 + 4 - 30, `${value}`);
  }
  for (const [, given, unit] of found(readings, "state.battery")) {
    equal(unit, "V");
    const value = given as number;
    ok(value >= 3.3 && value <= 4.2, `${value}`);
  }
});

for (const board of boardNames as readonly BoardName[])
  for (const format of ["cbor", "json"] as const)
    test(`${board}, ${format}: a full outbox and all there is to say fit, sealed, and what was dropped is told`, async () => {
      const cycles = board === "esp8266" ? 9 : 12;
      let wake = 0;
      const { events, readings } = await messages(
        { board, cycles: `${cycles}`, protection: "seal", algorithm: "aes-ccm-16-64-128" },
        all,
        { network: (world) => (wake < cycles ? { ...world, accessPoints: [] } : world) },
        format,
        () => wake++,
      );
      deepEqual(
        only(events, "error").filter(({ kind }) => kind !== "network-unavailable"),
        [],
      );
      const dropped = found(readings, "state.dropped").map(([, value]) => value as number);
      const delivered = found(readings, "temperature").length;
      equal(delivered + Math.max(...dropped), cycles, "delivered, or dropped and told");
      equal(board === "esp8266", dropped[0]! > 0);
    });
