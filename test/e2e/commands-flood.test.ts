/** Rubbish on the command topic: a device looks at some of it, does its work, and sleeps. */
import { deepEqual, equal, ok } from "node:assert/strict";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import mqttPacket from "mqtt-packet";
import { CommandScene } from "./commands-scene.js";
import { floodingBroker } from "./flooding-broker.js";
import { Broker } from "./mqtt-broker.js";
import { mosquittoMissing } from "./mqtt-mosquitto.js";
import { only } from "./run.js";

const skip = mosquittoMissing() ?? false;

function publish(topic: string, payload: Uint8Array, messageId: number, qos: 0 | 1, retain = false): Buffer {
  const packet = {
    cmd: "publish",
    topic,
    payload: Buffer.from(payload),
    qos,
    messageId,
    retain,
    dup: false,
  } as const;
  return mqttPacket.generate(packet, { protocolVersion: 5 });
}

/** A stamp, as far as its tag goes, around as many empty maps as it has bytes. */
function bombOf(byteLength: number): Uint8Array {
  const bomb = new Uint8Array(byteLength).fill(0xa0);
  bomb.set([0xd1, 0x84, 0x99, 0, 0]);
  new DataView(bomb.buffer).setUint16(3, byteLength - 5);
  return bomb;
}

describe("rubbish for commands", { skip, timeout: 120_000, concurrency: 6 }, () => {
  const broker = new Broker();
  before(() => broker.start());
  after(() => broker.stop());

  for (const board of ["esp8266", "esp32c3"] as const)
    for (const qos of [0, 1] as const)
      for (const [what, rubbish] of [
        ["short", () => new Uint8Array(1)],
        ["as long as it may be", () => new Uint8Array(300).fill(0x61)],
        ["of nothing but maps", () => bombOf(330)],
        // Right up to its tag, so that all of the work is done for it.
        [
          "under a controller's name",
          (scene: CommandScene) => {
            const message = scene.command({ counter: 9, challenge: null });
            message[message.length - 1]! ^= 1;
            return message;
          },
        ],
      ] as const)
        test(`${board}: QoS ${qos}, ${what}, from a broker that does not stop`, async (t) => {
          const scene = await CommandScene.open(broker, `f-${board}-${qos}-${what.length}`);
          t.after(() => scene.close());
          const one = rubbish(scene);
          const flood = (count: number) =>
            Buffer.concat(Array.from({ length: count }, (_, i) => publish(scene.topic, one, i + 1, qos)));
          const flooding = await floodingBroker(flood(40), { onPing: flood(5) });
          t.after(() => flooding.close());
          const { port } = flooding.address() as AddressInfo;
          const { events, errors, summary, commands } = await scene.wakes({ board, cycles: 2, port });
          deepEqual([errors, commands], [[], []]);
          equal(summary.acked, 2);
          const phases = only(events, "phase").filter(({ name }) => name === "commands");
          deepEqual(
            phases.map(({ wake }) => wake),
            [1, 2],
          );
          ok(phases.every(({ detail }) => detail !== undefined && Number.parseInt(detail, 10) <= 32));
        });

  test("a broker that has something more at every round is left to itself after 32 messages", async (t) => {
    const scene = await CommandScene.open(broker, "f-rounds");
    t.after(() => scene.close());
    const one = publish(scene.topic, new Uint8Array(1), 1, 0);
    const talking = await floodingBroker(new Uint8Array(0), { onPing: one });
    t.after(() => talking.close());
    const { port } = talking.address() as AddressInfo;
    const { events, errors } = await scene.wakes({ cycles: 1, port });
    deepEqual(errors, []);
    const told = only(events, "phase").find(({ name }) => name === "commands");
    equal(told?.detail, "32 not authentic");
  });

  test("a message that the broker says it has kept is none, and the same without that word is one", async (t) => {
    const scene = await CommandScene.open(broker, "f-retained");
    t.after(() => scene.close());
    const command = scene.command({ counter: 9, challenge: null });
    for (const [retain, expected] of [
      [true, []],
      [false, ["1 ops 9  challenge"]],
    ] as const) {
      const saying = await floodingBroker(publish(scene.topic, command, 1, 1, retain));
      t.after(() => saying.close());
      const { port } = saying.address() as AddressInfo;
      const { commands, errors } = await scene.wakes({ cycles: 1, port });
      deepEqual([commands, errors], [expected, []]);
    }
  });

  test("a message larger than the device has said ends the connection, and the next begins clean", async (t) => {
    const scene = await CommandScene.open(broker, "f-large");
    t.after(() => scene.close());
    const clean: boolean[] = [];
    const large = publish(scene.topic, new Uint8Array(2000), 1, 1);
    const sending = await floodingBroker(large, { clean });
    t.after(() => sending.close());
    const { port } = sending.address() as AddressInfo;
    const { errors } = await scene.wakes({ cycles: 3, port });
    deepEqual(errors, ["1 protocol-error", "2 protocol-error", "3 protocol-error"]);
    deepEqual(clean, [false, true, true]);
  });

  test("what a connection has brought that ended before its time is left to the next one", async (t) => {
    const scene = await CommandScene.open(broker, "f-again");
    t.after(() => scene.close());
    const command = scene.command({ counter: 1, challenge: null });
    // CONNACK: packets of 240 bytes, a reading each; then one at a time.
    const small = Buffer.from("200800000527000000f0", "hex");
    const less = Buffer.from("200b00000827000000f0210001", "hex");
    const exceeded = Buffer.from("e00193", "hex"); // DISCONNECT: that was more
    const clean: boolean[] = [];
    const strict = await floodingBroker(new Uint8Array(0), {
      clean,
      greet: (connection) => {
        if (connection === 0) return small;
        const id = connection === 1 ? 7 : 1;
        return Buffer.concat([
          less,
          publish(scene.topic, command, id, 1),
          ...(connection === 1 ? [exceeded] : []),
        ]);
      },
    });
    t.after(() => strict.close());
    const { port } = strict.address() as AddressInfo;
    const down = 2;
    let slept = 0;
    const { errors, commands } = await scene.wakes({
      cycles: down + 2,
      port,
      onEvent: ({ event }) => {
        if (event === "sleep") slept++;
      },
      disturbance: {
        network: (quiet) => (slept > 0 && slept <= down ? { ...quiet, accessPoints: [] } : quiet),
      },
    });
    deepEqual(
      errors.filter((error) => !error.endsWith("network-unavailable")),
      [],
    );
    equal(clean.length, 3, "connections");
    deepEqual(commands, [`${down + 2} ops 1  challenge`]);
  });

  test("what comes on another topic is no command, though its bytes were made for that topic", async (t) => {
    const scene = await CommandScene.open(broker, "f-topic");
    t.after(() => scene.close());
    const topic = `${scene.base}/other`;
    const elsewhere = publish(topic, scene.command({ counter: 9, challenge: null, topic }), 1, 1);
    const sending = await floodingBroker(elsewhere);
    t.after(() => sending.close());
    const { port } = sending.address() as AddressInfo;
    const { commands, errors } = await scene.wakes({ cycles: 1, port });
    deepEqual([commands, errors], [[], []]);
  });

  for (const [board, count, wakes] of [
    ["esp32c3", 100, 5],
    ["esp8266", 40, 2],
  ] as const)
    test(`${board}: behind ${count} messages of rubbish at an honest broker a command comes in its turn, and readings meanwhile`, async (t) => {
      const scene = await CommandScene.open(broker, `f-queued-${board}`);
      t.after(() => scene.close());
      const { commands, errors, summary } = await scene.wakes({
        board,
        cycles: 2 + wakes,
        disturbance: scene.pauses(async () => {
          for (let i = 0; i < count; i++) await scene.publish(`rubbish ${i}`);
          await scene.send({ counter: 0, challenge: null });
        }),
      });
      deepEqual(errors, []);
      equal(commands.length, 1);
      ok(["ops 0  challenge"].includes(commands[0]!.slice(2)));
      equal(summary.acked, 2 + wakes + 1);
    });
});
