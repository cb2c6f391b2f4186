/** Commands to a device at Mosquitto: sent while it sleeps, answered at its wake, and acted on once. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { CommandSettings } from "../../lib/store/protection.js";
import { CommandScene, stamped } from "./commands-scene.js";
import { Broker } from "./mqtt-broker.js";
import { mosquittoMissing } from "./mqtt-mosquitto.js";
import { Relay } from "./mqtt-relay.js";

const skip = mosquittoMissing() ?? false;
const controllers = ["ops", "night-shift"];
const ways: readonly CommandSettings[] = [
  stamped,
  { protection: "stamp", algorithm: "hmac-256-64", controllers },
  { protection: "seal", algorithm: "chacha20-poly1305", controllers },
  { protection: "seal", algorithm: "aes-ccm-16-64-128", controllers },
];

describe("commands", { skip, timeout: 120_000 }, () => {
  const broker = new Broker();
  before(() => broker.start());
  after(() => broker.stop());

  for (const board of ["esp32c3", "esp8266"] as const)
    for (const settings of ways)
      test(`${board}, ${settings.algorithm}: what was sent while it slept is answered at its next wake, with the challenge it asked for`, async (t) => {
        const scene = await CommandScene.open(broker, `d-${board}-${settings.algorithm}`, settings);
        t.after(() => scene.close());
        const { commands, errors, summary, acts } = await scene.wakes({
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
        deepEqual(scene.statuses().slice(0, 2), ["ops 0 challenge null", "ops 1 done true"]);
        equal(typeof scene.results[2]?.value, "number");
        equal(acts, 1);
        deepEqual([summary.published, summary.acked, summary.verified, summary.rejected], [7, 7, 7, 0]);
      });

  test("a name that the application does not know, and one that it throws at, are answered so", async (t) => {
    const scene = await CommandScene.open(broker, "d-unknown");
    t.after(() => scene.close());
    const { errors } = await scene.wakes({
      cycles: 3,
      disturbance: scene.pauses(
        () => scene.send({ counter: 0, challenge: null }),
        async () => {
          await scene.send({ counter: 1, name: "fly" });
          await scene.send({ counter: 2, name: "read", args: ["altitude"] });
        },
      ),
    });
    deepEqual(errors, []);
    deepEqual(scene.statuses(), ["ops 0 challenge null", "ops 1 unknown null", "ops 2 failed null"]);
  });

  test("commands that were sent together have one challenge, and each answer the same next one", async (t) => {
    const scene = await CommandScene.open(broker, "d-together");
    t.after(() => scene.close());
    const { acts, errors } = await scene.wakes({
      cycles: 4,
      disturbance: scene.pauses(
        () => scene.send({ counter: 0, challenge: null }),
        async () => {
          for (let counter = 1; counter <= 10; counter++) await scene.send({ counter });
        },
      ),
    });
    deepEqual(errors, []);
    equal(acts, 10);
    const [first, ...others] = scene.results.slice(1).map(({ challenge }) => challenge);
    equal(others.length, 9);
    for (const other of others) deepEqual(other, first);
    ok(first && scene.results[0]?.challenge, "challenges");
    equal(Buffer.compare(first, scene.results[0].challenge) === 0, false);
  });

  test("two controllers have counters of their own, and no one else has any", async (t) => {
    const scene = await CommandScene.open(broker, "d-two");
    t.after(() => scene.close());
    const { commands, errors } = await scene.wakes({
      cycles: 4,
      disturbance: scene.pauses(
        () => scene.send({ counter: 5, challenge: null }),
        async () => {
          await scene.send({ counter: 0, controller: "night-shift" });
          await scene.send({ counter: 6 });
          await scene.send({ counter: 7, controller: "stranger" });
        },
        () => scene.send({ counter: 5, controller: "night-shift" }),
      ),
    });
    deepEqual(errors, []);
    deepEqual(commands, [
      "2 ops 5  challenge",
      "3 night-shift 0 identify done",
      "3 ops 6 identify done",
      "4 night-shift 5 identify done",
    ]);
  });

  test("a device sleeps as soon as a round with the broker brings nothing, and subscribes once", async (t) => {
    const scene = await CommandScene.open(broker, "d-round");
    t.after(() => scene.close());
    const relay = await Relay.open(t, broker.port, 5);
    await scene.wakes({
      cycles: 3,
      port: relay.port,
      disturbance: scene.pauses(undefined, () => scene.send({ counter: 0, challenge: null })),
    });
    const [subscribing, ...ours] = ["connect", "subscribe", "publish 1"];
    deepEqual(relay.script(0).slice(0, 3).sort(), [subscribing, ...ours].sort());
    deepEqual(relay.script(0).slice(-3), ["pingreq", "pingresp", "disconnect"]);
    const late = relay.script(2);
    ok(!late.includes("subscribe"), "the broker remembers it");
    equal(late.filter((line) => line === "pingreq").length <= 2, true, late.join());
    ok(late.indexOf("puback") > 0 && late.at(-1) === "disconnect", late.join());
  });

  test("without commands in the profile nothing is subscribed to, and no round is made", async (t) => {
    const scene = await CommandScene.open(broker, "d-none");
    t.after(() => scene.close());
    const relay = await Relay.open(t, broker.port, 5);
    await scene.wakes({
      cycles: 1,
      port: relay.port,
      edit: ({ commands: _, ...profile }) => profile,
    });
    deepEqual(relay.script(0).sort(), ["connack", "connect", "disconnect", "puback", "publish 1"]);
  });
});
