/**
 * Messages both ways over a line that breaks again and again, at packets chosen by lot: at QoS 1 all arrive in order,
 * at QoS 2 once as well. Between two connections only what a sleeping device keeps is left.
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import mqtt from "mqtt";
import { Prng } from "../../host-sim/world/prng.js";
import type { SessionOptions } from "../../lib/mqtt/session-options.js";
import type { Message } from "../../lib/mqtt/session-state.js";
import { runs, seed } from "../campaign.js";
import { Broker } from "./mqtt-broker.js";
import { MqttDriver, unpaused } from "./mqtt-driver.js";
import { mosquittoMissing } from "./mqtt-mosquitto.js";
import { Relay } from "./mqtt-relay.js";

const count = 20;
const most = 300;
let clients = 0;

const numbers = Array.from({ length: count }, (_, i) => i);

describe("a line that breaks", { skip: mosquittoMissing() ?? false, timeout: 600_000 }, () => {
  const broker = new Broker();
  before(() => broker.start());
  after(() => broker.stop());

  async function storm(t: TestContext, version: 4 | 5, pipelining: boolean, qos: 1 | 2, lot: number) {
    const clientId = `storm-${++clients}`;
    const lots = new Prng(lot);
    const options: SessionOptions = {
      version,
      clientId,
      pipelining,
      cleanStart: false,
      sessionExpirySeconds: 600,
      maxInFlight: 4,
      topicAliases: 1,
      subscriptions: [{ filter: `${clientId}/to`, qos: 2 }],
    };
    const sent: number[] = [];
    const judge = await mqtt.connectAsync(`mqtt://127.0.0.1:${broker.port}`, { protocolVersion: 5 });
    t.after(() => judge.endAsync(true));
    judge.on("message", (_, payload) => sent.push(Number(payload)));
    await judge.subscribeAsync(`${clientId}/from`, { qos: 2 });

    const relay = await Relay.open(t, broker.port, version);
    // So that there is a session for what the judge sends.
    const first = new MqttDriver(relay.port, options);
    await first.until("subscribed");
    await first.end();
    let left = lots.whole(1, 20);
    relay.breaks = () => {
      if (--left > 0) return undefined;
      left = lots.whole(1, 40);
      return new Uint8Array(0);
    };
    for (const i of numbers) await judge.publishAsync(`${clientId}/to`, `${i}`, { qos });
    const outbox = new Map<number, Message>(
      numbers.map((i) => [i, { topic: `${clientId}/from`, payload: Buffer.from(`${i}`), qos }]),
    );
    const received: number[] = [];
    let kept = first.kept();
    let connections = 0;
    const done = () => outbox.size === 0 && new Set(received).size === count;
    while (!done() && connections++ < most) {
      const driver = new MqttDriver(relay.port, options, { kept, outbox });
      const missing = count - new Set(received).size;
      await Promise.all([driver.settled(), driver.messages(missing)]).catch(() => {});
      if (driver.state.at !== "ended") await driver.end();
      received.push(...driver.all("message").map(({ message }) => Number(Buffer.from(message.payload))));
      const { failure } = driver.all("failed")[0] ?? {};
      if (failure) equal(failure.kind, "connection-lost", failure.detail);
      kept = unpaused(driver.kept(), options);
    }
    ok(connections > 1 && connections < most, `${connections} connections`);
    relay.breaks = () => undefined;
    outbox.set(count, { topic: `${clientId}/from`, payload: Buffer.from(`${count}`), qos: 2 });
    const last = new MqttDriver(relay.port, options, { kept, outbox });
    while (!sent.includes(count)) await new Promise((resolve) => judge.once("message", resolve));
    await last.settled();
    await last.end();
    const once = (all: number[]) => (qos === 2 ? all : [...new Set(all)]);
    deepEqual(once(sent), [...numbers, count], "to the broker");
    deepEqual(once(received), numbers, "from the broker");
  }

  for (const version of [4, 5] as const)
    for (const pipelining of [true, false])
      for (const qos of [1, 2] as const)
        test(`MQTT ${version === 4 ? "3.1.1" : "5"}, ${pipelining ? "" : "not "}pipelined, QoS ${qos}`, async (t) => {
          for (let run = 0; run < runs(100); run++) await storm(t, version, pipelining, qos, seed + run);
        });
});
