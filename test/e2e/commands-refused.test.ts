/** A broker that does not let a device hear its commands, or answer them: said at each wake, and in nobody's way. */
import { deepEqual, equal } from "node:assert/strict";
import type { AddressInfo } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { CommandScene } from "./commands-scene.js";
import { floodingBroker } from "./flooding-broker.js";
import { Broker } from "./mqtt-broker.js";
import { mosquittoMissing } from "./mqtt-mosquitto.js";
import { only } from "./run.js";

const skip = mosquittoMissing() ?? false;

async function brokerWith(t: TestContext, denied: string): Promise<Broker> {
  const broker = new Broker();
  t.after(() => broker.stop());
  const acl = broker.file("acl", `topic deny ${denied}\ntopic readwrite #\n`);
  await broker.start(["allow_anonymous true", `acl_file ${acl}`]);
  return broker;
}

describe("a broker that refuses", { skip, timeout: 60_000, concurrency: 2 }, () => {
  for (const board of ["esp32c3", "esp8266"] as const)
    test(`${board}, answers: they are given up, and do not keep the device from the next command`, async (t) => {
      const broker = await brokerWith(t, "sensors/r-answers/result");
      const scene = await CommandScene.open(broker, "r-answers");
      t.after(() => scene.close());
      const { commands, errors, events } = await scene.wakes({
        board,
        cycles: 5,
        disturbance: scene.pauses(
          () => scene.send({ counter: 0, challenge: null }),
          () => scene.send({ counter: 1 }),
          () => scene.send({ counter: 2 }),
        ),
      });
      // Nobody has heard the challenge.
      deepEqual(commands, ["2 ops 0  challenge", "3 ops 1  challenge", "4 ops 2  challenge"]);
      deepEqual(errors, ["2 broker-refused", "3 broker-refused", "4 broker-refused"]);
      equal(only(events, "sent").filter(({ retry }) => retry).length, 0);
    });

  test("the subscription: readings go out all the same", async (t) => {
    const judge = new Broker();
    t.after(() => judge.stop());
    await judge.start();
    const scene = await CommandScene.open(judge, "r-deaf");
    t.after(() => scene.close());
    const refusing = await floodingBroker(new Uint8Array(0), { suback: 0x87 });
    t.after(() => refusing.close());
    const { port } = refusing.address() as AddressInfo;
    const { errors, events } = await scene.wakes({ cycles: 3, port });
    deepEqual(errors, ["1 broker-refused", "2 broker-refused", "3 broker-refused"]);
    equal(only(events, "acked").length, 3);
  });
});
