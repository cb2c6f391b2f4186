/** What somebody who holds the broker, or writes to the command topic, cannot make a device do. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import type { CommandSettings } from "../../lib/store/protection.js";
import { CommandScene, operator, stamped } from "./commands-scene.js";
import { Broker } from "./mqtt-broker.js";
import { mosquittoMissing } from "./mqtt-mosquitto.js";
import { only } from "./run.js";

const skip = mosquittoMissing() ?? false;

describe("a device refuses", { skip, timeout: 120_000, concurrency: 2 }, () => {
  const broker = new Broker();
  before(() => broker.start());
  after(() => broker.stop());

  async function sceneOf(t: TestContext, id: string, settings: CommandSettings = stamped) {
    const scene = await CommandScene.open(broker, id, settings);
    t.after(() => scene.close());
    return scene;
  }

  test("what comes again: at once, later, after a power loss, and too late to be told apart", async (t) => {
    const scene = await sceneOf(t, "a-replay");
    const first = scene.command({ counter: 100, challenge: null });
    let acted: Uint8Array | undefined;
    const { commands, acts, errors } = await scene.wakes({
      cycles: 6,
      disturbance: {
        ...scene.pauses(
          () => scene.publish(first),
          async () => {
            acted = scene.command({ counter: 101 });
            await scene.publish(acted);
            await scene.publish(acted);
          },
          () => scene.publish(acted!),
          () => scene.publish(acted!),
          async () => {
            await scene.send({ counter: 165 });
            await scene.publish(acted!);
            await scene.publish(first);
          },
        ),
        cause: (wake, usual) => (wake === 5 ? "power-on" : usual),
      },
    });
    deepEqual(errors, []);
    equal(acts, 1);
    deepEqual(commands, [
      "2 ops 100  challenge",
      "3 ops 101 identify done",
      "3 ops   duplicate",
      "4 ops   duplicate",
      "5 ops   duplicate",
      // The power loss took the challenge with it.
      "6 ops 165  challenge",
      "6 ops   stale",
      "6 ops   stale",
    ]);
    equal(scene.results.length, 3, "no answer to what is refused");
  });

  test("another command under a counter that was used", async (t) => {
    const scene = await sceneOf(t, "a-conflict");
    const { commands, acts } = await scene.wakes({
      cycles: 4,
      disturbance: scene.pauses(
        () => scene.send({ counter: 0, challenge: null }),
        () => scene.send({ counter: 1 }),
        () => scene.send({ counter: 1, name: "read" }),
      ),
    });
    deepEqual(commands.slice(2), ["4 ops   conflict"]);
    equal(acts, 1);
  });

  test("what was held back until the challenge was another one", async (t) => {
    const scene = await sceneOf(t, "a-held");
    let held: Uint8Array | undefined;
    const { commands, acts } = await scene.wakes({
      cycles: 4,
      disturbance: scene.pauses(
        () => scene.send({ counter: 0, challenge: null }),
        async () => {
          held = scene.command({ counter: 1 });
          await scene.send({ counter: 2 });
        },
        () => scene.publish(held!),
      ),
    });
    deepEqual(commands.slice(1), ["3 ops 2 identify done", "4 ops 1  challenge"]);
    equal(acts, 1);
  });

  test("what has expired, by a clock that it need not trust", async (t) => {
    const scene = await sceneOf(t, "a-expired");
    const nowSeconds = Math.floor(Date.now() / 1000);
    const { commands, acts } = await scene.wakes({
      cycles: 4,
      disturbance: scene.pauses(
        () => scene.send({ counter: 0, challenge: null }),
        // Two intervals of 15 minutes have passed by then, and nearly three.
        () => scene.send({ counter: 1, issuedAt: nowSeconds, expiresAt: nowSeconds + 1700 }),
        () => scene.send({ counter: 2, issuedAt: nowSeconds, expiresAt: nowSeconds + 3600 }),
      ),
    });
    deepEqual(commands.slice(1), ["3 ops 1  expired", "4 ops 2 identify done"]);
    equal(acts, 1);
  });

  test("what the broker has kept", async (t) => {
    const scene = await sceneOf(t, "a-retained");
    await scene.publish(scene.command({ counter: 0, challenge: null }), { retain: true });
    const { commands, errors } = await scene.wakes({ cycles: 2 });
    deepEqual([commands, errors], [[], []]);
    equal(scene.results.length, 0);
  });

  for (const [protection, settings] of [
    ["stamped", stamped],
    ["sealed", { protection: "seal", algorithm: "a128gcm", controllers: ["ops"] }],
  ] as const)
    test(`${protection}: what was changed, cut, or meant for somebody else, without a word`, async (t) => {
      const scene = await sceneOf(t, `a-${protection}`, settings);
      const other = await sceneOf(t, `a-${protection}-other`, settings);
      const { events, acts, errors } = await scene.wakes({
        cycles: 4,
        disturbance: scene.pauses(
          () => scene.send({ counter: 0, challenge: null }),
          async () => {
            const right = scene.command({ counter: 1 });
            for (const at of [0, 1, 3, 8, right.length >> 1, right.length - 1]) {
              const changed = right.slice();
              changed[at]! ^= 1;
              await scene.publish(changed);
            }
            await scene.publish(right.subarray(0, -1));
            await scene.publish("");
            // Of another device, topic, controller.
            await scene.publish(other.command({ counter: 1, challenge: scene.challenge }));
            await scene.send({ counter: 1, topic: `${scene.base}/will` });
            await scene.send({ counter: 1, controller: "stranger" });
          },
          () => scene.send({ counter: 1 }),
        ),
      });
      deepEqual(errors, []);
      const told = only(events, "phase").filter(({ name }) => name === "commands");
      deepEqual(
        told.map(({ wake, detail = "" }) => `${wake} ${detail}`),
        ["1 ", "2 ", "3 11 not authentic", "4 "],
      );
      deepEqual(scene.statuses(), ["ops 0 challenge null", "ops 1 done true"]);
      equal(acts, 1, "and none of it has used up the counter");
    });

  test("what only the operator may ask for, unless the operator has signed it", async (t) => {
    const { settings, key } = operator();
    const wrong = operator();
    const scene = await sceneOf(t, "a-operator", { ...stamped, operator: settings });
    const { errors } = await scene.wakes({
      cycles: 4,
      disturbance: scene.pauses(
        () => scene.send({ counter: 0, challenge: null }),
        async () => {
          await scene.send({ counter: 1, name: "reboot" });
          await scene.send({ counter: 2, name: "reboot", operator: wrong.key });
          await scene.send({ counter: 3, operator: wrong.key });
          await scene.send({ counter: 4 });
        },
        async () => {
          await scene.send({ counter: 5, operator: key });
          await scene.send({ counter: 6, name: "reboot", operator: key });
        },
      ),
    });
    deepEqual(errors, []);
    deepEqual(scene.statuses(), [
      "ops 0 challenge null",
      "ops 1 unauthorised null",
      "ops 2 unauthorised null",
      "ops 3 unauthorised null",
      "ops 4 done true",
      "ops 5 done true",
      "ops 6 done null",
    ]);
  });

  test("everything the operator has not signed, where the profile says so", async (t) => {
    const { settings, key } = operator();
    const scene = await sceneOf(t, "a-signed", { ...stamped, operator: settings, onlySigned: true });
    const { acts } = await scene.wakes({
      cycles: 4,
      disturbance: scene.pauses(
        () => scene.send({ counter: 0, challenge: null, operator: key }),
        async () => {
          await scene.send({ counter: 1 });
          await scene.send({ counter: 2, operator: key });
        },
      ),
    });
    deepEqual(scene.statuses(), ["ops 0 challenge null", "ops 1 unauthorised null", "ops 2 done true"]);
    equal(acts, 1);
    ok(scene.challenge);
  });
});
