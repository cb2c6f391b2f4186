/** The last will and the take-over of a session, at Mosquitto and aedes. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { after, before, describe, test } from "node:test";
import { Aedes } from "aedes";
import mqtt from "mqtt";
import type { SessionOptions } from "../../lib/mqtt/session-options.js";
import type { Message } from "../../lib/mqtt/session-state.js";
import type { Will } from "../../lib/mqtt/wire/packet-types.js";
import { Broker } from "./mqtt-broker.js";
import { MqttDriver } from "./mqtt-driver.js";
import { mosquittoMissing } from "./mqtt-mosquitto.js";
import { Relay } from "./mqtt-relay.js";

const bytes = (text: string) => new TextEncoder().encode(text);
const hex = (text: string) => Buffer.from(text).toString("hex");

let clients = 0;
const newId = () => `will-${++clients}`;

function willOf(clientId: string, more: Partial<Will> = {}): Will {
  return { topic: `${clientId}/will`, payload: bytes("gone"), qos: 1, retain: false, ...more };
}

describe("Mosquitto", { skip: mosquittoMissing() ?? false, timeout: 60_000, concurrency: 4 }, () => {
  const broker = new Broker();
  before(() => broker.start());
  after(() => broker.stop());

  /** What comes on the will's topic until the test says that it is the end. */
  async function heard(clientId: string, count: number) {
    const { messages } = await broker.sub(["-V", "5", "-q", "2", "-t", `${clientId}/will`], count);
    return {
      messages,
      end: async () => {
        await broker.pub("-t", `${clientId}/will`, "-q", "2", "-m", "the end");
        return (await messages).map(({ payload }) => Buffer.from(payload, "hex").toString());
      },
    };
  }

  for (const version of [4, 5] as const) {
    const name = version === 4 ? "3.1.1" : "5";

    for (const qos of [0, 1, 2] as const)
      test(`MQTT ${name}: when the power is cut the will comes, at QoS ${qos}`, async () => {
        const clientId = newId();
        const { messages } = await heard(clientId, 1);
        const driver = new MqttDriver(broker.port, { version, clientId, will: willOf(clientId, { qos }) });
        await driver.until("connected");
        await driver.cut();
        const [will] = await messages;
        deepEqual([will?.payload, will?.qos, will?.retain], [hex("gone"), qos, 0]);
      });

    test(`MQTT ${name}: when the device falls silent the will comes after one and a half keep-alives`, async (t) => {
      const clientId = newId();
      const { messages } = await heard(clientId, 1);
      const relay = await Relay.open(t, broker.port, version);
      relay.loses = ({ packet }) => packet.cmd === "pingreq";
      const options = { version, clientId, keepAliveSeconds: 1, will: willOf(clientId) };
      const driver = new MqttDriver(relay.port, options);
      await driver.until("connected");
      const start = performance.now();
      deepEqual(
        (await messages).map(({ payload }) => payload),
        [hex("gone")],
      );
      ok(performance.now() - start >= 1400);
      await driver.until("closed");
    });

    test(`MQTT ${name}: DISCONNECT discards the will`, async () => {
      const clientId = newId();
      const { end } = await heard(clientId, 1);
      const driver = new MqttDriver(broker.port, { version, clientId, will: willOf(clientId) });
      await driver.until("connected");
      await driver.end();
      deepEqual(await end(), ["the end"]);
    });

    test(`MQTT ${name}: a retained will waits for who comes later`, async () => {
      const clientId = newId();
      const { messages } = await heard(clientId, 1);
      const driver = new MqttDriver(broker.port, {
        version,
        clientId,
        will: willOf(clientId, { retain: true }),
      });
      await driver.until("connected");
      await driver.cut();
      await messages;
      const [late] = await (await heard(clientId, 1)).messages;
      deepEqual([late?.payload, late?.retain], [hex("gone"), 1]);
      // As the device would, once it is back.
      const back = new MqttDriver(broker.port, { version, clientId });
      await back.until("connected");
      back.publish(1, { topic: `${clientId}/will`, payload: new Uint8Array(0), qos: 1, retain: true });
      await back.until("acked");
      await back.end();
      deepEqual(await (await heard(clientId, 1)).end(), ["the end"]);
    });

    test(`MQTT ${name}: another connection of the same client takes the session over, and the first is told, or closed`, async (t) => {
      const clientId = newId();
      const options: SessionOptions = { version, clientId, cleanStart: false, sessionExpirySeconds: 600 };
      const relay = await Relay.open(t, broker.port, version);
      const first = new MqttDriver(relay.port, options);
      await first.until("connected");
      const second = new MqttDriver(relay.port, options);
      equal((await second.until("connected")).sessionPresent, true);
      const { failure, again } = await first.until("failed");
      equal(again, false);
      // Mosquitto 2.0.11 only closes, in MQTT 5 too.
      const told = relay.script(0).includes("disconnect");
      const [kind, code, words] = told
        ? (["broker-refused", 0x8e, /session taken over \(142\)/] as const)
        : (["connection-lost", 0, /was closed during the session/] as const);
      deepEqual([failure.kind, failure.code], [kind, code]);
      match(failure.detail, words);
      second.publish(1, { topic: `${clientId}/x`, payload: bytes("x"), qos: 1 });
      await second.until("acked");
      await second.end();
    });

    test(`MQTT ${name}: a device whose connection broke unseen takes its own session over, nothing lost`, async (t) => {
      const clientId = newId();
      const options: SessionOptions = {
        version,
        clientId,
        cleanStart: false,
        sessionExpirySeconds: 600,
        subscriptions: [{ filter: `${clientId}/to`, qos: 2 }],
      };
      const relay = await Relay.open(t, broker.port, version);
      const { messages } = await broker.sub(["-q", "2", "-t", `${clientId}/from`], 3);
      const before = new MqttDriver(relay.port, options);
      await before.until("subscribed");
      await before.end();
      const outbox = new Map<number, Message>([
        [1, { topic: `${clientId}/from`, payload: bytes("one"), qos: 1 }],
        [2, { topic: `${clientId}/from`, payload: bytes("two"), qos: 2 }],
      ]);
      const impatient = { ...options, ackTimeoutMs: 1500 };
      // The broker's answers do not come back, and it does not learn that.
      relay.loses = ({ connection, from, packet }) =>
        connection === 1 && from === "broker" && packet.cmd !== "connack";
      const deaf = new MqttDriver(relay.port, impatient, { kept: before.kept(), outbox });
      equal((await deaf.until("failed")).failure.kind, "deadline");
      await broker.pub("-t", `${clientId}/to`, "-q", "2", "-m", "while deaf");
      const back = new MqttDriver(relay.port, options, { kept: deaf.kept(), outbox });
      equal((await back.until("connected")).sessionPresent, true);
      equal((await back.messages(1)).length, 1);
      await back.settled();
      await back.end();
      const judged = (await messages).map(({ payload }) => Buffer.from(payload, "hex").toString());
      deepEqual(judged, ["one", "one", "two"], "the broker had the first already");
    });
  }

  test("MQTT 5: DISCONNECT with the will sends it", async () => {
    const clientId = newId();
    const { messages } = await heard(clientId, 1);
    const driver = new MqttDriver(broker.port, { clientId, will: willOf(clientId) });
    await driver.until("connected");
    await driver.end({ withWill: true });
    deepEqual(
      (await messages).map(({ payload }) => payload),
      [hex("gone")],
    );
  });

  test("MQTT 5: the will's properties arrive", async () => {
    const clientId = newId();
    const { messages } = await heard(clientId, 1);
    const will = willOf(clientId, {
      payloadIsText: true,
      messageExpirySeconds: 1000,
      contentType: "text/plain",
      responseTopic: "answers",
      correlationData: bytes("17"),
      userProperties: [["why", "power"]],
    });
    const driver = new MqttDriver(broker.port, { clientId, will });
    await driver.until("connected");
    await driver.cut();
    const { "message-expiry-interval": expiry, ...properties } = (await messages)[0]!.properties!;
    ok((expiry as number) > 990 && (expiry as number) <= 1000);
    deepEqual(properties, {
      "payload-format-indicator": 1,
      "content-type": "text/plain",
      "response-topic": "answers",
      "correlation-data": "17",
      "user-properties": { why: "power" },
    });
  });

  const delayed = (clientId: string, delaySeconds: number, sessionExpirySeconds = 600): SessionOptions => ({
    clientId,
    cleanStart: false,
    sessionExpirySeconds,
    will: willOf(clientId, { delaySeconds }),
  });

  test("MQTT 5: a will with delay comes when the delay is over, and not before", async () => {
    const clientId = newId();
    const { messages } = await heard(clientId, 1);
    const driver = new MqttDriver(broker.port, delayed(clientId, 2));
    await driver.until("connected");
    await driver.cut();
    const start = performance.now();
    deepEqual(
      (await messages).map(({ payload }) => payload),
      [hex("gone")],
    );
    // Mosquitto counts whole seconds.
    ok(performance.now() - start > 900, `after ${performance.now() - start} ms`);
  });

  test("MQTT 5: a device that comes back within the delay leaves no will", async () => {
    const clientId = newId();
    const { end } = await heard(clientId, 1);
    const options = delayed(clientId, 2);
    const driver = new MqttDriver(broker.port, options);
    await driver.until("connected");
    await driver.cut();
    const back = new MqttDriver(broker.port, options, { kept: driver.kept() });
    equal((await back.until("connected")).sessionPresent, true);
    await new Promise((resolve) => setTimeout(resolve, 3500));
    await back.end();
    deepEqual(await end(), ["the end"]);
  });

  test("MQTT 5: the will does not outwait the session", async () => {
    const clientId = newId();
    const { messages } = await heard(clientId, 1);
    const driver = new MqttDriver(broker.port, delayed(clientId, 600, 1));
    await driver.until("connected");
    await driver.cut();
    deepEqual(
      (await messages).map(({ payload }) => payload),
      [hex("gone")],
    );
  });
});

describe("aedes", { timeout: 60_000 }, () => {
  let broker: Aedes;
  let port = 0;
  const server = createServer((socket) => void broker.handle(socket));
  before(async () => {
    broker = await Aedes.createBroker();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    port = (server.address() as { port: number }).port;
  });
  after(async () => {
    await new Promise<void>((resolve) => broker.close(resolve));
    server.close();
  });

  test("the will comes when the power is cut, and not after DISCONNECT", async () => {
    const receiver = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, { protocolVersion: 4 });
    await receiver.subscribeAsync("+/will", { qos: 2 });
    const got: string[] = [];
    receiver.on("message", (topic, data, { qos }) => got.push(`${topic} ${data} ${qos}`));
    for (const cut of [false, true]) {
      const clientId = cut ? "cut" : "ended";
      const driver = new MqttDriver(port, { version: 4, clientId, will: willOf(clientId, { qos: 2 }) });
      await driver.until("connected");
      await (cut ? driver.cut() : driver.end());
    }
    while (got.length < 1) await new Promise((resolve) => receiver.once("message", resolve));
    deepEqual(got, ["cut/will gone 2"]);
    await receiver.endAsync();
  });

  test("another connection of the same client takes the session over: the first is closed", async () => {
    const options: SessionOptions = {
      version: 4,
      clientId: "twice",
      cleanStart: false,
      subscriptions: [{ filter: "x", qos: 1 }],
    };
    const first = new MqttDriver(port, options);
    await first.until("subscribed");
    const second = new MqttDriver(port, options);
    equal((await second.until("connected")).sessionPresent, true);
    equal((await first.until("failed")).failure.kind, "connection-lost");
    second.publish(1, { topic: "x", payload: bytes("x"), qos: 2 });
    await second.until("completed");
    await second.end();
  });
});
