/** The firmware's last will at Mosquitto: stamped, and published when the device stays away, not when it sleeps. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { after, before, describe, test } from "node:test";
import mqttPacket from "mqtt-packet";
import { simOptions } from "../../cli/sim.js";
import { open } from "../../host-sim/world/opener.js";
import { readSenml } from "../../host-sim/world/senml-reading.js";
import type { Profile } from "../../lib/store/profile.js";
import { Broker } from "./mqtt-broker.js";
import { mosquittoMissing } from "./mqtt-mosquitto.js";
import { Relay } from "./mqtt-relay.js";
import { only, run } from "./run.js";

const secret = randomBytes(32);
const intervalSeconds = 1;

describe("the will of a device", {
  skip: mosquittoMissing() ?? false,
  timeout: 60_000,
  concurrency: true,
}, () => {
  const broker = new Broker();
  before(() => broker.start());
  after(() => broker.stop());

  /** Wakes once a (virtual) second under its own name; the broker's time is real. */
  async function wakes(id: string, cycles: number, mqtt: Partial<Profile["mqtt"]>, port = broker.port) {
    const flags = { board: "esp32c3", cycles: `${cycles}`, broker: `mqtt://localhost:${port}` };
    const { profile } = await simOptions(flags);
    const base = `sensors/${id}`;
    const result = await run(flags, undefined, {
      deviceSecret: secret,
      disturbance: { listenerPort: broker.port },
      profile: {
        ...profile,
        device: { id },
        topics: { ...profile.topics, base, readings: `${base}/readings` },
        cycle: { ...profile.cycle, intervalSeconds, wakeBudgetSeconds: 3 },
        mqtt: { ...profile.mqtt, version: "5", sessionExpirySeconds: 60, ...mqtt },
      },
    });
    deepEqual(only(result.events, "error"), []);
    return result;
  }

  const hearing = (id: string, seconds: number) =>
    broker.sub(["-V", "5", "-q", "1", "-t", `sensors/${id}/will`], 1, seconds);

  test("one who does not wake any more is reported after so many seconds, with a stamp", async () => {
    const { messages } = await hearing("d-gone", 15);
    await wakes("d-gone", 2, { will: { afterSeconds: 5, retain: true } });
    const asleepAt = performance.now();
    const [will] = await messages;
    ok(will, "the will");
    ok(performance.now() - asleepAt > 3000, "not before");
    const topic = "sensors/d-gone/will";
    const accepts = { protection: "stamp", algorithm: 5, secret } as const;
    const stamp = open(Buffer.from(will.payload, "hex"), topic, [{ id: "d-gone", epoch: 0, accepts }]);
    ok(!("refused" in stamp), JSON.stringify(stamp));
    const [gone, ...others] = readSenml(stamp.payload, stamp.contentType);
    equal(others.length, 0);
    deepEqual([gone?.name, gone?.value], ["d-gone:gone", true]);
    const readings = "sensors/d-gone/readings";
    const elsewhere = open(Buffer.from(will.payload, "hex"), readings, [{ id: "d-gone", epoch: 0, accepts }]);
    ok("refused" in elsewhere, "it is bound to its topic");
  });

  test("one who wakes in time is not reported", async () => {
    const { messages } = await hearing("d-back", 4);
    await wakes("d-back", 2, { will: { afterSeconds: 30, retain: false } });
    deepEqual(await messages, []);
  });

  test("with 0 seconds sleep is no absence, but a connection that breaks is", async (t) => {
    const { messages: none } = await hearing("d-sleeper", 3);
    await wakes("d-sleeper", 1, { will: { afterSeconds: 0, retain: false } });
    deepEqual(await none, []);
    const { messages } = await hearing("d-broken", 5);
    const relay = await Relay.open(t, broker.port, 5);
    relay.loses = ({ packet }) => packet.cmd === "disconnect";
    await wakes("d-broken", 1, { will: { afterSeconds: 0, retain: false } }, relay.port);
    equal((await messages).length, 1);
  });

  for (const [granted, connack, farewell] of [
    ["as long", "2003000000", 4],
    ["shorter", "20080000051100000004", 0],
  ] as const)
    test(`where the broker keeps the session ${granted}, DISCONNECT says ${farewell}`, async () => {
      const said: (number | undefined)[] = [];
      const server = createServer((socket) => {
        const parser = mqttPacket.parser({ protocolVersion: 5 });
        parser.on("packet", (packet) => {
          if (packet.cmd === "connect") socket.write(connack, "hex");
          if (packet.cmd === "publish") socket.write(Uint8Array.of(0x40, 2, 0, packet.messageId ?? 0));
          if (packet.cmd === "disconnect") said.push(packet.reasonCode ?? 0);
        });
        socket.on("data", (data) => parser.parse(data));
        socket.on("error", () => {});
      }).listen(0, "127.0.0.1");
      await once(server, "listening");
      const { port } = server.address() as AddressInfo;
      await wakes("d-granted", 1, { will: { afterSeconds: 5, retain: false } }, port);
      server.close();
      deepEqual(said, [farewell]);
    });

  test("without mqtt.will there is none", async () => {
    const { messages } = await hearing("d-none", 3);
    await wakes("d-none", 1, {});
    deepEqual(await messages, []);
  });
});
