/** Commands to a device at Mosquitto: sent while it sleeps, answered at its wake, and acted on once. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { CommandScene } from "./commands-scene.js";
import { Broker } from "./mqtt-broker.js";
import { mosquittoMissing } from "./mqtt-mosquitto.js";

const skip = mosquittoMissing() ?? false;

describe("commands", { skip, timeout: 120_000 }, () => {
  const broker = new Broker();
  before(() => broker.start());
  after(() => broker.stop());

  for (const board of ["esp32c3", "esp8266"] as const)
    test(`${board}: what was sent while it slept is answered at its next wake, with the challenge it asked for`, async (t) => {
      const scene = await CommandScene.open(broker, `d-dance-${board}`);
      t.after(() => scene.close());
      const { commands, errors, summary, notes } = await scene.wakes({
        board,
        cycles: 4,
        disturbance: scene.pauses(
          () => scene.send({ counter: 0, challenge: null }),
          () => scene.send({ counter: 1 }),
          () => scene.send({ counter: 2, name: "read", args: ["temperature"] }),
        ),
      });
      deepEqual(errors, []);
      deepEqual(commands, ["2 ops 0  challenge", "3 ops 1 identify done", "4 ops 2 read done"]);
      equal(scene.statuses().length, 3);
      deepEqual(scene.statuses().slice(0, 2), ["ops 0 challenge null", "ops 1 done true"]);
      ok(typeof scene.results[2]?.value === "number");
      ok(notes.includes("Here I am!"));
      deepEqual([summary.published, summary.acked, summary.verified, summary.rejected], [7, 7, 7, 0]);
    });
});
