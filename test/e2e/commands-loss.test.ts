/** Commands and what can be lost between the broker and the answer: an acknowledgement, the power, memory, flash. */
import { deepEqual, equal } from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import type { Memories } from "../../host-sim/disturbance.js";
import { windowKey } from "../../lib/store/flash-entries.js";
import { CommandScene } from "./commands-scene.js";
import { Broker } from "./mqtt-broker.js";
import { mosquittoMissing } from "./mqtt-mosquitto.js";
import { Relay } from "./mqtt-relay.js";

const skip = mosquittoMissing() ?? false;

/** Flash, with what was taken of the first controller changed. */
function withWindow({ flash }: Memories, edit: (record: Uint8Array) => void): Partial<Memories> {
  const entries = flash.map((entry) => {
    if (entry.key !== windowKey(0) || !(entry.value instanceof Uint8Array)) return entry;
    const value = entry.value.slice();
    edit(value);
    return { ...entry, value };
  });
  return { flash: entries };
}

describe("a command is acted on once, whatever is lost", { skip, timeout: 120_000 }, () => {
  const broker = new Broker();
  before(() => broker.start(["allow_anonymous true", ...broker.persistence]));
  after(() => broker.stop());

  async function sceneOf(t: TestContext, id: string) {
    const scene = await CommandScene.open(broker, id);
    t.after(() => scene.close());
    return scene;
  }

  test("its acknowledgement: the broker sends it again, and the answer comes at the next wake", async (t) => {
    const scene = await sceneOf(t, "l-puback");
    const relay = await Relay.open(t, broker.port);
    relay.loses = ({ connection, from, packet }) =>
      connection === 2 && from === "client" && packet.cmd === "puback";
    const { commands, acts, errors } = await scene.wakes({
      cycles: 5,
      port: relay.port,
      edit: (profile) => ({ ...profile, cycle: { ...profile.cycle, deadlineSeconds: { commands: 1 } } }),
      disturbance: scene.pauses(
        () => scene.send({ counter: 0, challenge: null }),
        () => scene.send({ counter: 1 }),
      ),
    });
    deepEqual(errors, ["3 deadline"]);
    deepEqual(commands, ["2 ops 0  challenge", "3 ops 1 identify done", "4 ops   duplicate"]);
    deepEqual(scene.statuses(), ["ops 0 challenge null", "ops 1 done true"]);
    equal(acts, 1);
  });

  test("the device's power, after what it wrote to flash: it has done its part, and says no more about it", async (t) => {
    const scene = await sceneOf(t, "l-power");
    let sent: Uint8Array | undefined;
    const { commands, acts, errors } = await scene.wakes({
      cycles: 4,
      disturbance: scene.pauses(
        () => scene.send({ counter: 0, challenge: null }),
        () => {
          sent = scene.command({ counter: 1 });
          return scene.publish(sent);
        },
        async ({ rtc }) => {
          await scene.publish(sent!);
          return { rtc: new Uint8Array(rtc.length) };
        },
      ),
    });
    deepEqual(errors, []);
    deepEqual(commands, ["2 ops 0  challenge", "3 ops 1 identify done", "4 ops   duplicate"]);
    equal(acts, 1);
  });

  test("its memory, for whatever reason: the next connection begins clean, so that nothing can crash it twice", async (t) => {
    const scene = await sceneOf(t, "l-crash");
    const relay = await Relay.open(t, broker.port);
    const { commands, errors } = await scene.wakes({
      cycles: 6,
      port: relay.port,
      disturbance: {
        ...scene.pauses(
          () => scene.send({ counter: 0, challenge: null }),
          () => scene.send({ counter: 1 }),
          undefined,
          undefined,
          () => scene.send({ counter: 2 }),
        ),
        // This boot only tidies up.
        cause: (wake, usual) => (wake === 3 ? "abort" : usual),
      },
    });
    deepEqual(errors, []);
    deepEqual(commands, ["2 ops 0  challenge", "6 ops 2 identify done"]);
    const clean = relay.passed.flatMap(({ packet }) => (packet.cmd === "connect" ? [packet.clean] : []));
    deepEqual(clean, [false, false, true, false, false]);
  });

  test("RTC memory: there is another challenge, and the counters still count", async (t) => {
    const scene = await sceneOf(t, "l-rtc");
    const { commands, errors } = await scene.wakes({
      cycles: 5,
      disturbance: {
        ...scene.pauses(
          () => scene.send({ counter: 0, challenge: null }),
          undefined,
          () => scene.send({ counter: 1 }),
          () => scene.send({ counter: 2 }),
        ),
        cause: (wake, usual) => (wake === 4 ? "power-on" : usual),
      },
    });
    deepEqual(errors, []);
    deepEqual(commands, ["2 ops 0  challenge", "4 ops 1  challenge", "5 ops 2 identify done"]);
  });

  test("what flash says of a controller: that one is refused from then on, and no other", async (t) => {
    for (const damage of ["a bit", "all of it"] as const) {
      const scene = await sceneOf(t, `l-window-${damage.replaceAll(" ", "-")}`);
      const { commands, errors } = await scene.wakes({
        cycles: 5,
        disturbance: scene.pauses(
          () => scene.send({ counter: 0, challenge: null }),
          async (kept) => {
            await scene.send({ counter: 1 });
            await scene.send({ counter: 0, controller: "night-shift" });
            return withWindow(kept, (record) => {
              if (damage === "a bit") record[30]! ^= 4;
              else record.fill(0xff);
            });
          },
          () => scene.send({ counter: 2 }),
        ),
      });
      deepEqual(errors, ["3 commands-blocked", "4 commands-blocked"], damage);
      deepEqual(commands, [
        "2 ops 0  challenge",
        "3 ops   blocked",
        "3 night-shift 0 identify done",
        "4 ops   blocked",
      ]);
    }
  });

  for (const fault of ["flash-full", "flash-lost"] as const)
    test(`${fault}: nothing is done, and the command waits at the broker until there is flash for it`, async (t) => {
      const scene = await sceneOf(t, `l-${fault}`);
      const { commands, acts, errors } = await scene.wakes({
        cycles: 4,
        disturbance: {
          ...scene.pauses(
            () => scene.send({ counter: 0, challenge: null }),
            () => scene.send({ counter: 1 }),
          ),
          memory: (wake) => (wake === 3 ? fault : "none"),
        },
      });
      deepEqual(errors, ["3 storage-failed"]);
      deepEqual(commands, ["2 ops 0  challenge", "4 ops 1 identify done"]);
      equal(acts, 1);
    });

  test("the broker, killed when the device has acted and it does not know", async (t) => {
    const scene = await sceneOf(t, "l-killed");
    const relay = await Relay.open(t, broker.port);
    let lost: Promise<void> | undefined;
    const { commands, acts } = await scene.wakes({
      cycles: 4,
      port: relay.port,
      edit: (profile) => ({ ...profile, cycle: { ...profile.cycle, deadlineSeconds: { commands: 1 } } }),
      disturbance: scene.pauses(
        () => scene.send({ counter: 0, challenge: null }),
        async () => {
          await scene.send({ counter: 1 });
          await broker.persisted();
          lost = relay.losing(
            ({ connection, from, packet }) =>
              connection === 2 && from === "client" && packet.cmd === "puback",
          );
        },
        async () => {
          await lost;
          await broker.kill();
          await broker.start(["allow_anonymous true", ...broker.persistence]);
          await scene.reopen();
        },
      ),
    });
    deepEqual(commands, ["2 ops 0  challenge", "3 ops 1 identify done", "4 ops   duplicate"]);
    equal(acts, 1);
    deepEqual(scene.statuses().at(-1), "ops 1 done true");
  });
});
