/** Every QoS both ways, with and without pipelining, in sessions that last and that do not: Mosquitto and aedes. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { after, before, describe, test } from "node:test";
import { Aedes } from "aedes";
import mqtt from "mqtt";
import { noExpiry } from "../../lib/mqtt/limits.js";
import type { SessionOptions } from "../../lib/mqtt/session-options.js";
import type { Message } from "../../lib/mqtt/session-state.js";
import { Broker } from "./mqtt-broker.js";
import { MqttDriver } from "./mqtt-driver.js";
import { mosquittoMissing } from "./mqtt-mosquitto.js";
import { Relay } from "./mqtt-relay.js";

const bytes = (text: string) => new TextEncoder().encode(text);
const hex = (text: string) => Buffer.from(text).toString("hex");
const words = (messages: readonly { payload: Uint8Array; qos: number }[]) =>
  messages.map(({ payload, qos }) => `${Buffer.from(payload)} ${qos}`);

let clients = 0;
const newId = () => `live-${process.pid}-${++clients}`;

function message(topic: string, qos: 0 | 1 | 2, text = `to ${qos}`): Message {
  return { topic, qos, payload: bytes(text) };
}

const three = (topic: string) =>
  new Map([0, 1, 2].map((qos) => [10 + qos, message(topic, qos as 0 | 1 | 2)] as const));

describe("Mosquitto", { skip: mosquittoMissing() ?? false, timeout: 120_000 }, () => {
  const broker = new Broker();
  before(() => broker.start());
  after(() => broker.stop());

  for (const version of [4, 5] as const)
    for (const pipelining of [true, false])
      for (const lasting of [true, false]) {
        const name = version === 4 ? "3.1.1" : "5";
        const how = `${pipelining ? "" : "not "}pipelined, ${lasting ? "a session that lasts" : "a clean start"}`;
        test(`MQTT ${name}, ${how}: each QoS goes both ways, on the first connection and the second`, async (t) => {
          const clientId = newId();
          const options: SessionOptions = {
            version,
            clientId,
            pipelining,
            cleanStart: !lasting,
            sessionExpirySeconds: lasting ? 600 : 0,
            subscriptions: [{ filter: `${clientId}/to/+`, qos: 2 }],
          };
          const up = `${clientId}/from`;
          const relay = await Relay.open(t, broker.port, version);
          let kept: Uint8Array | undefined;
          for (const round of [0, 1]) {
            const judge = await broker.sub(["-V", version === 4 ? "311" : "5", "-q", "2", "-t", up], 3);
            const outbox = three(up);
            const driver = new MqttDriver(relay.port, options, { kept, outbox });
            equal((await driver.until("connected")).sessionPresent, lasting && round === 1);
            await driver.settled();
            const judged = (await judge.messages).map(({ payload, qos }) => `${payload} ${qos}`);
            deepEqual(
              judged,
              [0, 1, 2].map((qos) => `${hex(`to ${qos}`)} ${qos}`),
            );
            if (round === 0 || !lasting) deepEqual((await driver.until("subscribed")).codes, [2]);
            else deepEqual(driver.all("subscribed"), [], "the broker knows");
            for (const qos of [0, 1, 2])
              await broker.pub("-t", `${clientId}/to/${qos}`, "-q", `${qos}`, "-m", `down ${qos}`);
            const arrived = await driver.messages(3);
            deepEqual(words(arrived), ["down 0 0", "down 1 1", "down 2 2"]);
            await driver.settled();
            await driver.end();
            kept = driver.kept();

            const script = relay.script(round);
            const early = script.slice(0, script.indexOf("connack"));
            // The first time one message; QoS 2 never.
            const published = round === 0 ? ["publish 0"] : ["publish 0", "publish 1"];
            const asked = round === 0 ? [] : lasting ? [] : ["subscribe"];
            deepEqual(early, ["connect", ...(pipelining ? [...asked, ...published] : [])], script.join(", "));
            for (const packet of ["puback", "pubrec", "pubrel", "pubcomp"])
              equal(script.filter((one) => one === packet).length, 2, `${packet}, once each way`);
            ok(!script.some((one) => one.endsWith(" dup")), "nothing came or went twice");
          }
        });
      }

  for (const version of [4, 5] as const)
    test(`MQTT ${version === 4 ? "3.1.1" : "5"}: what was sent to a sleeping device is delivered at its wake, once, in order`, async () => {
      const clientId = newId();
      const options: SessionOptions = {
        version,
        clientId,
        cleanStart: false,
        sessionExpirySeconds: 600,
        receiveMaximum: 2,
        subscriptions: [{ filter: `${clientId}/#`, qos: 2 }],
      };
      const asleep = new MqttDriver(broker.port, options);
      await asleep.until("subscribed");
      await asleep.end();
      const sent: string[] = [];
      for (const [i, qos] of [1, 2, 0, 2, 1, 2, 2].entries()) {
        await broker.pub("-t", `${clientId}/${i}`, "-q", `${qos}`, "-m", `${i}`);
        // Mosquitto keeps QoS 0 for nobody.
        if (qos > 0) sent.push(`${i} ${qos}`);
      }
      const awake = new MqttDriver(broker.port, options, { kept: asleep.kept() });
      equal((await awake.until("connected")).sessionPresent, true);
      deepEqual(words(await awake.messages(sent.length)).sort(), [...sent].sort());
      // Mosquitto keeps the order within each QoS.
      for (const qos of [1, 2]) {
        const of = (all: string[]) => all.filter((one) => one.endsWith(` ${qos}`));
        deepEqual(of(words(awake.all("message").map(({ message: one }) => one))), of(sent));
      }
      await awake.end();
      const again = new MqttDriver(broker.port, options, { kept: awake.kept() });
      await again.until("connected");
      again.publish(1, message(`${clientId}/end`, 1, "end"));
      deepEqual(words(await again.messages(1)), ["end 1"]);
      await again.end();
    });

  for (const version of [4, 5] as const)
    test(`MQTT ${version === 4 ? "3.1.1" : "5"}: other subscriptions than the broker knows are made, with a session present too`, async () => {
      const clientId = newId();
      const wanting = (...names: string[]): SessionOptions => ({
        version,
        clientId,
        cleanStart: false,
        sessionExpirySeconds: 600,
        subscriptions: names.map((name) => ({ filter: `${clientId}/${name}`, qos: 1 })),
      });
      const first = new MqttDriver(broker.port, wanting("a"));
      await first.until("subscribed");
      await first.end();
      const second = new MqttDriver(broker.port, wanting("a", "b"), { kept: first.kept() });
      equal((await second.until("connected")).sessionPresent, true);
      deepEqual((await second.until("subscribed")).codes, [1, 1]);
      await broker.pub("-t", `${clientId}/b`, "-q", "1", "-m", "b");
      deepEqual(words(await second.messages(1)), ["b 1"]);
      // Whoever unsubscribes is asked the next time whether that was meant.
      second.do({ type: "unsubscribe", filters: [`${clientId}/a`], token: 1 });
      await second.until("unsubscribed");
      await second.end();
      const third = new MqttDriver(broker.port, wanting("a", "b"), { kept: second.kept() });
      deepEqual((await third.until("subscribed")).codes, [1, 1]);
      await broker.pub("-t", `${clientId}/a`, "-q", "1", "-m", "a");
      deepEqual(words(await third.messages(1)), ["a 1"]);
      await third.end();
    });

  test("MQTT 5: a session that has expired is not found, and the device subscribes again", async () => {
    const clientId = newId();
    const options: SessionOptions = {
      clientId,
      cleanStart: false,
      sessionExpirySeconds: 1,
      subscriptions: [{ filter: clientId, qos: 1 }],
    };
    const first = new MqttDriver(broker.port, options);
    await first.until("subscribed");
    await first.end();
    await broker.inLog(`Expiring client ${clientId}`);
    const second = new MqttDriver(broker.port, options, { kept: first.kept() });
    equal((await second.until("connected")).sessionPresent, false);
    deepEqual((await second.until("subscribed")).codes, [1]);
    await broker.pub("-t", clientId, "-m", "still here");
    deepEqual(words(await second.messages(1)), ["still here 0"]);
    await second.end();
  });

  test("MQTT 5: a session that its DISCONNECT ends is lost, one that it prolongs is not", async () => {
    for (const [asked, atTheEnd, present] of [
      [600, 0, false],
      [1, noExpiry, true],
    ] as const) {
      const options: SessionOptions = { clientId: newId(), cleanStart: false, sessionExpirySeconds: asked };
      const first = new MqttDriver(broker.port, options);
      await first.until("connected");
      await first.end({ sessionExpirySeconds: atTheEnd });
      if (present) await new Promise((resolve) => setTimeout(resolve, 2500));
      const second = new MqttDriver(broker.port, options, { kept: first.kept() });
      equal((await second.until("connected")).sessionPresent, present);
      await second.end({ sessionExpirySeconds: 0 });
    }
  });

  for (const version of [4, 5] as const)
    test(`MQTT ${version === 4 ? "3.1.1" : "5"}: with the session lost, what was not acknowledged is published anew, once`, async (t) => {
      const clientId = newId();
      const options: SessionOptions = { version, clientId, cleanStart: false, sessionExpirySeconds: 600 };
      const relay = await Relay.open(t, broker.port, version);
      const outbox = new Map([
        [7, message(`${clientId}/a`, 1, "seven")],
        [8, message(`${clientId}/a`, 2, "eight")],
      ]);
      const lost = relay.losing(({ packet }) => packet.cmd === "publish");
      const first = new MqttDriver(relay.port, options, { outbox });
      await lost;
      await first.until("published", ({ token }) => token === 8);
      relay.loses = () => false;
      relay.cut();
      await first.until("closed");
      // Somebody else clears the session away.
      await broker.pub("-i", clientId, "-t", "x", "-n");
      const judge = await broker.sub(["-q", "2", "-t", `${clientId}/a`], 3);
      const second = new MqttDriver(relay.port, options, { kept: first.kept(), outbox });
      equal((await second.until("connected")).sessionPresent, false);
      await second.settled();
      await second.end();
      await broker.pub("-t", `${clientId}/a`, "-q", "2", "-m", "the end");
      deepEqual(
        (await judge.messages).map(({ payload, qos }) => `${Buffer.from(payload, "hex")} ${qos}`),
        ["seven 1", "eight 2", "the end 2"],
      );
    });
});

describe("aedes", { timeout: 60_000 }, () => {
  let broker: Aedes;
  let server: Server;
  let port = 0;

  before(async () => {
    broker = await Aedes.createBroker();
    server = createServer(broker.handle).listen(0, "127.0.0.1");
    await once(server, "listening");
    port = (server.address() as { port: number }).port;
  });
  after(async () => {
    await new Promise<void>((resolve) => broker.close(resolve));
    server.close();
  });

  for (const pipelining of [true, false])
    for (const lasting of [true, false])
      test(`${pipelining ? "" : "not "}pipelined, ${lasting ? "a session that lasts" : "a clean session"}: each QoS goes both ways, on the first connection and the second`, async (t) => {
        const relay = await Relay.open(t, port, 4);
        const clientId = newId();
        const options: SessionOptions = {
          version: 4,
          clientId,
          pipelining,
          cleanStart: !lasting,
          subscriptions: [{ filter: `${clientId}/to/+`, qos: 2 }],
        };
        const receiver = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, { protocolVersion: 4 });
        await receiver.subscribeAsync(`${clientId}/from`, { qos: 2 });
        const got: string[] = [];
        receiver.on("message", (_, data, { qos, dup }) => got.push(`${data} ${qos}${dup ? " dup" : ""}`));
        let kept: Uint8Array | undefined;
        for (const round of [0, 1]) {
          const outbox = three(`${clientId}/from`);
          const driver = new MqttDriver(relay.port, options, { kept, outbox });
          equal((await driver.until("connected")).sessionPresent, lasting && round === 1);
          await driver.settled();
          if (round === 0 || !lasting) await driver.until("subscribed");
          for (const qos of [0, 1, 2] as const)
            await receiver.publishAsync(`${clientId}/to/${qos}`, `down ${qos}`, { qos });
          deepEqual(words(await driver.messages(3)).sort(), ["down 0 0", "down 1 1", "down 2 2"]);
          await driver.settled();
          await driver.end();
          kept = driver.kept();
          const script = relay.script(round);
          for (const packet of ["puback", "pubrec", "pubrel", "pubcomp"])
            equal(script.filter((one) => one === packet).length, 2, `${packet}, once each way`);
        }
        while (got.length < 6) await new Promise((resolve) => receiver.once("message", resolve));
        deepEqual(got.sort(), ["to 0 0", "to 0 0", "to 1 1", "to 1 1", "to 2 2", "to 2 2"]);
        await receiver.endAsync();
      });

  test("what was sent to a sleeping device is delivered at its wake", async () => {
    const clientId = newId();
    const subscriptions = [{ filter: `${clientId}/#`, qos: 2 }] as const;
    const options: SessionOptions = { version: 4, clientId, cleanStart: false, subscriptions };
    const asleep = new MqttDriver(port, options);
    await asleep.until("subscribed");
    await asleep.end();
    const sender = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, { protocolVersion: 4 });
    for (const qos of [1, 2] as const)
      await sender.publishAsync(`${clientId}/${qos}`, `kept ${qos}`, { qos });
    await sender.endAsync();
    const awake = new MqttDriver(port, options, { kept: asleep.kept() });
    equal((await awake.until("connected")).sessionPresent, true);
    deepEqual(words(await awake.messages(2)).sort(), ["kept 1 1", "kept 2 2"]);
    await awake.end();
  });
});
