/** The session that runs on a board, driven from Node against real brokers; other programs judge what arrives. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { after, before, describe, test } from "node:test";
import { Aedes, type AuthenticateError } from "aedes";
import mqtt from "mqtt";
import type { SessionOptions } from "../../lib/mqtt/session-options.js";
import { MqttDriver } from "./mqtt-driver.js";
import { Mosquitto, mosquittoMissing } from "./mqtt-mosquitto.js";

const payload = new Uint8Array([0, 1, 0xfe, 0xff]);
const password = new TextEncoder().encode("right words");
const wrongPassword = new TextEncoder().encode("wrong words");
/** What stays on this machine is nobody else's to read. */
const user = { userName: "d1", encrypted: true, ackTimeoutMs: 5000 };

describe("the session against Mosquitto", { skip: mosquittoMissing() ?? false, timeout: 60_000 }, () => {
  const broker = new Mosquitto();
  before(() => broker.start({ d1: "right words" }));
  after(() => broker.stop());

  for (const version of [4, 5] as const) {
    const name = version === 4 ? "3.1.1" : "5";
    const options: SessionOptions = { ...user, version, clientId: `d1-${version}`, password };

    test(`MQTT ${name}: QoS 0 and 1 arrive, and QoS 1 is acknowledged`, async () => {
      const topic = `ok/${version}/ä`;
      const { messages } = await broker.subscribe(topic, 3);
      const driver = new MqttDriver(broker.port, options);
      const { sessionPresent, limits } = await driver.until("connected");
      equal(sessionPresent, false);
      ok(limits.receiveMaximum > 0);
      driver.do({ type: "publish", message: { topic, payload, qos: 0 }, token: 1 });
      driver.do({ type: "publish", message: { topic, payload, qos: 1, contentType: "a/b" }, token: 2 });
      const large = new Uint8Array(20_000).fill(0x5a);
      driver.do({ type: "publish", message: { topic, payload: large, qos: 0 }, token: 3 });
      const acked = await driver.until("acked");
      deepEqual([acked.token, acked.packetId, acked.reasonCode], [2, 1, 0]);
      await driver.end();
      const hex = Buffer.from(payload).toString("hex");
      const [first, second, third] = await messages;
      deepEqual(first, { topic, qos: 0, retain: false, payloadHex: hex });
      deepEqual(second, { topic, qos: 1, retain: false, payloadHex: hex });
      ok(third?.payloadHex === "5a".repeat(20_000), "the large payload");
    });

    test(`MQTT ${name}: wrong credentials are refused by name`, async () => {
      const driver = new MqttDriver(broker.port, { ...options, password: wrongPassword });
      const { failure } = await driver.until("failed");
      deepEqual([failure.kind, failure.code], ["broker-refused", version === 4 ? 5 : 135]);
      match(failure.detail, /not authorized/);
    });

    test(`MQTT ${name}: a kept session is found again`, async () => {
      const kept = { ...options, clientId: `kept-${version}`, cleanStart: false, sessionExpirySeconds: 60 };
      for (const present of [false, true]) {
        const driver = new MqttDriver(broker.port, kept);
        equal((await driver.until("connected")).sessionPresent, present);
        await driver.end();
      }
    });

    test(`MQTT ${name}: PINGREQ keeps the connection`, async () => {
      const driver = new MqttDriver(broker.port, { ...options, keepAliveSeconds: 1 });
      await driver.until("connected");
      await new Promise((resolve) => setTimeout(resolve, 2600));
      equal(driver.effects.filter((effect) => effect.type === "send" && effect.bytes[0] === 0xc0).length, 2);
      equal(driver.effects.at(-1)?.type, "send");
      await driver.end();
    });
  }

  test("MQTT 5: a message the access list forbids is refused with 135, and the session goes on", async () => {
    const driver = new MqttDriver(broker.port, { ...user, clientId: "d1-acl", password });
    await driver.until("connected");
    driver.do({ type: "publish", message: { topic: "forbidden", payload, qos: 1 }, token: 1 });
    const { token, failure } = await driver.until("refused");
    deepEqual([token, failure.kind, failure.code], [1, "broker-refused", 135]);
    match(failure.detail, /not authorized \(135\)/);
    driver.do({ type: "publish", message: { topic: "ok/on", payload, qos: 1 }, token: 2 });
    equal((await driver.until("acked")).token, 2);
    await driver.end();
  });
});

describe("the session against aedes", { timeout: 60_000 }, () => {
  let broker: Aedes;
  let server: Server;
  let port = 0;

  before(async () => {
    broker = await Aedes.createBroker({
      authenticate: (_client, userName, word, done) => {
        if (userName === undefined || word?.equals(password)) return done(null, true);
        done(Object.assign(new Error("no"), { returnCode: 4 }) as AuthenticateError, null);
      },
    });
    server = createServer(broker.handle).listen(0, "127.0.0.1");
    await once(server, "listening");
    port = (server.address() as { port: number }).port;
  });
  after(async () => {
    await new Promise<void>((resolve) => broker.close(resolve));
    server.close();
  });

  const options: SessionOptions = { ...user, version: 4, clientId: "d1", password };

  test("MQTT 3.1.1: QoS 0 and 1 arrive, and QoS 1 is acknowledged", async () => {
    const receiver = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, { protocolVersion: 4 });
    await receiver.subscribeAsync("ok/#", { qos: 1 });
    const got: unknown[] = [];
    receiver.on("message", (topic, data, { qos }) => got.push([topic, data.toString("hex"), qos]));
    const driver = new MqttDriver(port, options);
    await driver.until("connected");
    driver.do({ type: "publish", message: { topic: "ok/a", payload, qos: 0 }, token: 1 });
    driver.do({ type: "publish", message: { topic: "ok/b", payload, qos: 1 }, token: 2 });
    equal((await driver.until("acked")).token, 2);
    await driver.end();
    while (got.length < 2) await new Promise((resolve) => receiver.once("message", resolve));
    deepEqual(got, [
      ["ok/a", "0001feff", 0],
      ["ok/b", "0001feff", 1],
    ]);
    await receiver.endAsync();
  });

  test("MQTT 3.1.1: a bad password is refused by name", async () => {
    const driver = new MqttDriver(port, { ...options, password: wrongPassword });
    const { failure } = await driver.until("failed");
    deepEqual([failure.kind, failure.code], ["broker-refused", 4]);
    match(failure.detail, /bad user name or password \(4\)/);
  });
});

test("a broker that never answers, or hangs up, ends the session within its deadline", async () => {
  const silent = createServer((socket) => socket.resume()).listen(0, "127.0.0.1");
  await once(silent, "listening");
  const { port } = silent.address() as { port: number };
  const waiting = new MqttDriver(port, { clientId: "d1", ackTimeoutMs: 100 });
  deepEqual((await waiting.until("failed")).failure.kind, "deadline");
  silent.close();
  const rude = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
  await once(rude, "listening");
  const dropped = new MqttDriver((rude.address() as { port: number }).port, { clientId: "d1" });
  deepEqual((await dropped.until("failed")).failure.kind, "connection-lost");
  rude.close();
});
