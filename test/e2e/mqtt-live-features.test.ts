/** What MQTT 5 adds to a message and to a subscription, at Mosquitto; its own clients and MQTT.js judge. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import mqtt, { type IPublishPacket, type MqttClient } from "mqtt";
import type { SessionOptions } from "../../lib/mqtt/session-options.js";
import type { Message } from "../../lib/mqtt/session-state.js";
import type { Subscription } from "../../lib/mqtt/wire/packet-types.js";
import { Broker } from "./mqtt-broker.js";
import { MqttDriver } from "./mqtt-driver.js";
import { env, mosquittoMissing } from "./mqtt-mosquitto.js";
import { Relay } from "./mqtt-relay.js";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (payload: Uint8Array) => Buffer.from(payload).toString();
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const everything: Partial<Message> = {
  payloadIsText: true,
  messageExpirySeconds: 1000,
  contentType: "application/senml+cbor",
  responseTopic: "answers/ä",
  correlationData: Uint8Array.of(0, 1, 0xfe, 0xff),
  userProperties: [
    ["k", "v"],
    ["k", "w"],
    ["", "empty name"],
  ],
};

let clients = 0;
const newId = () => `live-${++clients}`;

describe("MQTT 5 at Mosquitto", {
  skip: mosquittoMissing() ?? false,
  timeout: 60_000,
  concurrency: 4,
}, () => {
  const broker = new Broker();
  let judge: MqttClient;
  before(async () => {
    await broker.start(["allow_anonymous true", "max_topic_alias 2"]);
    judge = await mqtt.connectAsync(`mqtt://127.0.0.1:${broker.port}`, { protocolVersion: 5 });
  });
  after(async () => {
    await judge.endAsync();
    await broker.stop();
  });

  /** What the judge hears there, from now on. */
  async function heard(topic: string): Promise<(count: number) => Promise<IPublishPacket[]>> {
    const packets: IPublishPacket[] = [];
    judge.on("message", (name, _, packet) => name.startsWith(topic) && packets.push(packet));
    await judge.subscribeAsync(`${topic}/#`, { qos: 2, rap: true });
    return async (count) => {
      while (packets.length < count) await new Promise((resolve) => judge.once("message", resolve));
      return packets;
    };
  }

  async function connected(options: Partial<SessionOptions> = {}, port = broker.port): Promise<MqttDriver> {
    const driver = new MqttDriver(port, { clientId: newId(), ...options });
    await driver.until("connected");
    return driver;
  }

  async function subscribed(
    subscriptions: readonly Subscription[],
    more: Partial<SessionOptions> = {},
  ): Promise<MqttDriver> {
    const driver = await connected(more);
    driver.do({ type: "subscribe", subscriptions, token: 1000 });
    equal((await driver.until("subscribed")).failure, undefined);
    return driver;
  }

  test("every property of a message arrives, in order and unchanged, at each QoS", async () => {
    const topic = newId();
    const packets = await heard(topic);
    const driver = await connected();
    for (const qos of [0, 1, 2] as const)
      driver.publish(qos, { topic: `${topic}/${qos}`, payload: bytes("21.5"), qos, ...everything });
    for (const { qos, properties, payload } of await packets(3)) {
      equal(`${payload}`, "21.5", `QoS ${qos}`);
      equal(properties?.payloadFormatIndicator, true);
      ok(properties!.messageExpiryInterval! > 990 && properties!.messageExpiryInterval! <= 1000);
      equal(properties?.contentType, "application/senml+cbor");
      equal(properties?.responseTopic, "answers/ä");
      deepEqual([...properties!.correlationData!], [0, 1, 0xfe, 0xff]);
      deepEqual({ ...properties?.userProperties }, { k: ["v", "w"], "": "empty name" });
    }
    await driver.end();
  });

  test("every property of a message is handed on, at each QoS", async () => {
    const topic = newId();
    const driver = await subscribed([{ filter: `${topic}/#`, qos: 2 }]);
    for (const qos of [0, 1, 2] as const)
      await judge.publishAsync(`${topic}/${qos}`, "21.5", {
        qos,
        properties: {
          payloadFormatIndicator: true,
          messageExpiryInterval: 1000,
          contentType: "application/senml+cbor",
          responseTopic: "answers/ä",
          correlationData: Buffer.from([0, 1, 0xfe, 0xff]),
          userProperties: { k: ["v", "w"], "": "empty name" },
        },
      });
    for (const message of await driver.messages(3)) {
      const { payload, topic: _, qos, messageExpirySeconds, ...rest } = message;
      equal(text(payload), "21.5", `QoS ${qos}`);
      ok(messageExpirySeconds! > 990 && messageExpirySeconds! <= 1000);
      const { messageExpirySeconds: __, ...others } = everything;
      deepEqual(rest, { ...others, retain: false, duplicate: false, subscriptionIdentifiers: [] });
    }
    await driver.end();
  });

  test("a request is answered: mosquitto_rr asks, the session answers", async () => {
    const topic = newId();
    const driver = await subscribed([{ filter: `${topic}/ask`, qos: 1 }]);
    const asks = ["-V", "5", "-t", `${topic}/ask`, "-e", `${topic}/answer`, "-m", "how warm", "-W", "10"];
    const correlation = ["-D", "publish", "correlation-data", "q-17", "-F", "%p %D"];
    const where = ["-h", "127.0.0.1", "-p", `${broker.port}`];
    const rr = spawn("mosquitto_rr", [...where, ...asks, ...correlation], { env });
    let answer = "";
    rr.stdout.on("data", (data) => {
      answer += data;
    });
    const closed = once(rr, "close");
    const { payload, responseTopic, correlationData } = (await driver.messages(1))[0]!;
    deepEqual([text(payload), responseTopic], ["how warm", `${topic}/answer`]);
    driver.publish(1, { topic: responseTopic!, payload: bytes("21.5"), qos: 1, correlationData });
    await closed;
    equal(answer.trim(), "21.5 q-17");
    await driver.end();
  });

  test("a request is answered: the session asks, MQTT.js answers", async () => {
    const topic = newId();
    const packets = await heard(`${topic}/ask`);
    const driver = await subscribed([{ filter: `${topic}/answer`, qos: 2 }]);
    const correlationData = Uint8Array.of(0, 7);
    const request = { topic: `${topic}/ask`, payload: bytes("?"), qos: 1, correlationData } as const;
    driver.publish(1, { ...request, responseTopic: `${topic}/answer` });
    const [{ properties }] = (await packets(1)) as [IPublishPacket];
    await judge.publishAsync(properties!.responseTopic!, "!", {
      properties: { correlationData: properties!.correlationData! },
    });
    const [answer] = await driver.messages(1);
    deepEqual([text(answer!.payload), answer!.correlationData], ["!", correlationData]);
    await driver.end();
  });

  test("a message that expires while the device sleeps is not delivered, another says how long it has left", async () => {
    const topic = newId();
    const options: SessionOptions = {
      clientId: newId(),
      cleanStart: false,
      sessionExpirySeconds: 600,
      subscriptions: [{ filter: `${topic}/#`, qos: 1 }],
    };
    const asleep = new MqttDriver(broker.port, options);
    await asleep.until("subscribed");
    await asleep.end();
    const sender = await connected();
    for (const [token, messageExpirySeconds] of [1, 600].entries()) {
      const payload = bytes(`${messageExpirySeconds}`);
      sender.publish(token, { topic: `${topic}/x`, payload, qos: 1, messageExpirySeconds });
    }
    await sender.settled();
    await sender.end();
    await sleep(2500);
    const awake = new MqttDriver(broker.port, options, { kept: asleep.kept() });
    const [message] = await awake.messages(1);
    equal(text(message!.payload), "600");
    ok(message!.messageExpirySeconds! < 600 && message!.messageExpirySeconds! > 590);
    await awake.end();
  });

  test("topics have aliases after the first message, as many as the broker takes", async (t) => {
    const topic = newId();
    const relay = await Relay.open(t, broker.port);
    const packets = await heard(topic);
    const driver = await connected({ topicAliases: 10 }, relay.port);
    const topics = [..."abcabc"].map((name) => `${topic}/${name}`);
    for (const [token, name] of topics.entries())
      driver.publish(token, { topic: name, payload: bytes(`${token}`), qos: 0 });
    deepEqual(
      (await packets(6)).map((packet) => packet.topic),
      topics,
    );
    await driver.end();
    const names = relay.passed.flatMap(({ packet, from }) =>
      packet.cmd === "publish" && from === "client"
        ? [`${packet.topic.slice(topic.length)} ${packet.properties?.topicAlias ?? "-"}`]
        : [],
    );
    deepEqual(names, ["/a 1", "/b 2", "/c -", " 1", " 2", "/c -"]);
  });

  test("the device may allow the broker aliases, and hears the topics in full", async (t) => {
    const topic = newId();
    const relay = await Relay.open(t, broker.port);
    const driver = await connected({ topicAliasMaximum: 10 }, relay.port);
    driver.do({ type: "subscribe", subscriptions: [{ filter: `${topic}/#`, qos: 0 }], token: 1 });
    await driver.until("subscribed");
    for (const name of [..."abab"]) await judge.publishAsync(`${topic}/${name}`, name);
    deepEqual(
      (await driver.messages(4)).map((message) => message.topic),
      [..."abab"].map((name) => `${topic}/${name}`),
    );
    await driver.end();
    const offered = relay.passed.find(({ packet }) => packet.cmd === "connect")!.packet;
    equal("properties" in offered && offered.properties && "topicAliasMaximum" in offered.properties, true);
  });

  test("a message tells which subscriptions brought it", async () => {
    const topic = newId();
    const driver = await connected();
    for (const [filter, identifier] of [
      [`${topic}/+`, 1],
      [`${topic}/a`, 268_435_455],
      [`${topic}/b`, undefined],
    ] as const) {
      driver.do({ type: "subscribe", subscriptions: [{ filter, qos: 0 }], token: 7, identifier });
      await driver.until(
        "subscribed",
        () => driver.all("subscribed").length === (identifier ? (identifier === 1 ? 1 : 2) : 3),
      );
    }
    await judge.publishAsync(`${topic}/a`, "a");
    await judge.publishAsync(`${topic}/c`, "c");
    const seen = new Map<string, number[]>();
    await driver.until("message", ({ message }) => text(message.payload) === "c");
    for (const { message } of driver.all("message")) {
      const known = seen.get(text(message.payload)) ?? [];
      seen.set(
        text(message.payload),
        [...known, ...message.subscriptionIdentifiers].sort((a, b) => a - b),
      );
    }
    deepEqual(
      [...seen],
      [
        ["a", [1, 268_435_455]],
        ["c", [1]],
      ],
    );
    await driver.end();
  });

  test("those who share a subscription have each message once between them", async () => {
    const topic = newId();
    const shared = [{ filter: `$share/burrow/${topic}`, qos: 1 }] as const;
    const sharers = [await subscribed(shared), await subscribed(shared)];
    const sent = Array.from({ length: 10 }, (_, i) => `${i}`);
    for (const word of sent) await judge.publishAsync(topic, word, { qos: 1 });
    const got = () => sharers.map((one) => one.all("message").map(({ message }) => text(message.payload)));
    for (let tries = 0; got().flat().length < 10 && tries < 100; tries++) await sleep(20);
    deepEqual(got().flat().sort(), sent);
    ok(got().every(({ length }) => length > 0));
    for (const sharer of sharers) await sharer.end();
  });

  test("retain handling: 0 at each subscribe, 1 only at a new one, 2 never", async () => {
    const topic = newId();
    await judge.publishAsync(topic, "kept", { retain: true, qos: 1 });
    const arrivals: number[] = [];
    for (const retainHandling of [0, 1, 2] as const) {
      const driver = await connected();
      for (const token of [1, 2]) {
        const subscriptions = [{ filter: topic, qos: 1, retainHandling }] as const;
        driver.do({ type: "subscribe", subscriptions, token });
        await driver.until("subscribed", (one) => one.token === token);
      }
      driver.publish(3, { topic: `${topic}/end`, payload: bytes(""), qos: 1 });
      await driver.until("acked");
      const messages = driver.all("message").map(({ message }) => message);
      ok(messages.every(({ retain, payload }) => retain && text(payload) === "kept"));
      arrivals.push(messages.length);
      await driver.end();
    }
    deepEqual(arrivals, [2, 1, 0]);
  });

  test("retain as published: the flag is handed on, or taken off", async () => {
    const topic = newId();
    for (const retainAsPublished of [true, false]) {
      const driver = await subscribed([{ filter: topic, qos: 1, retainAsPublished, retainHandling: 2 }]);
      await judge.publishAsync(topic, "now", { retain: true });
      equal((await driver.messages(1))[0]?.retain, retainAsPublished);
      await driver.end();
    }
  });

  test("a retained message waits for who comes later, until an empty one takes its place", async () => {
    const topic = newId();
    const driver = await connected();
    driver.publish(1, { topic, payload: bytes("kept"), qos: 1, retain: true });
    await driver.settled();
    const [late] = await (await broker.sub(["-t", topic], 1)).messages;
    deepEqual([late?.payload, late?.retain], [Buffer.from("kept").toString("hex"), 1]);
    driver.publish(2, { topic, payload: bytes(""), qos: 1, retain: true });
    await driver.until("acked", ({ token }) => token === 2);
    const none = await broker.sub(["-t", topic], 1);
    driver.publish(3, { topic, payload: bytes("live"), qos: 1 });
    deepEqual(
      (await none.messages).map(({ retain }) => retain),
      [0],
    );
    await driver.end();
  });

  test("no local: what the device publishes does not come back to it", async () => {
    const topic = newId();
    for (const noLocal of [true, false]) {
      const driver = await subscribed([{ filter: topic, qos: 1, noLocal }]);
      driver.publish(1, { topic, payload: bytes("own"), qos: 1 });
      await driver.until("acked");
      await judge.publishAsync(topic, "another's", { qos: 1 });
      await driver.until("message", ({ message }) => text(message.payload) === "another's");
      equal(driver.all("message").length, noLocal ? 1 : 2);
      await driver.end();
    }
  });

  test("unsubscribed, nothing more comes; unsubscribing what was not is said", async () => {
    const topic = newId();
    const driver = await subscribed([
      { filter: `${topic}/a`, qos: 1 },
      { filter: `${topic}/b`, qos: 1 },
    ]);
    driver.do({ type: "unsubscribe", filters: [`${topic}/a`, `${topic}/c`], token: 2 });
    const { codes, failure } = await driver.until("unsubscribed");
    deepEqual([codes, failure], [[0, 17], undefined]);
    for (const name of ["a", "b"]) await judge.publishAsync(`${topic}/${name}`, name, { qos: 1 });
    await driver.until("message");
    deepEqual(
      driver.all("message").map(({ message }) => text(message.payload)),
      ["b"],
    );
    await driver.end();
  });

  test("a message to nobody is acknowledged with 16", async () => {
    const driver = await connected();
    driver.publish(1, { topic: newId(), payload: bytes("x"), qos: 1 });
    equal((await driver.until("acked")).reasonCode, 16);
    await driver.end();
  });

  test("without a client id the broker gives one, which is told", async () => {
    const driver = new MqttDriver(broker.port, { clientId: "" });
    const { assignedClientId } = await driver.until("connected");
    ok(assignedClientId !== undefined && assignedClientId.length > 0);
    ok(broker.log.includes(`as ${assignedClientId} (p5`));
    await driver.end();
  });

  test("the broker is told the largest packet, and sends none larger", async () => {
    const topic = newId();
    const driver = await subscribed([{ filter: topic, qos: 1 }], { maxPacketBytes: 200 });
    for (const length of [500, 10]) await judge.publishAsync(topic, "x".repeat(length), { qos: 1 });
    deepEqual(
      (await driver.messages(1)).map(({ payload }) => payload.length),
      [10],
    );
    await driver.end();
  });

  // Mosquitto 2.0.11 begins well, then counts each message twice that is finished, and sends too many.
  test("a queue longer than the device's receive maximum arrives in one wake, in order and once", async (t) => {
    const topic = newId();
    const relay = await Relay.open(t, broker.port);
    const options: SessionOptions = {
      clientId: newId(),
      cleanStart: false,
      sessionExpirySeconds: 600,
      receiveMaximum: 2,
      subscriptions: [{ filter: topic, qos: 2 }],
    };
    const asleep = new MqttDriver(relay.port, options);
    await asleep.until("subscribed");
    await asleep.end();
    const sent = Array.from({ length: 60 }, (_, i) => `${i}`);
    for (const word of sent) await judge.publishAsync(topic, word, { qos: 2 });
    const awake = new MqttDriver(relay.port, options, { kept: asleep.kept() });
    await awake.messages(sent.length);
    await awake.settled();
    await awake.end();
    deepEqual(
      awake.all("message").map(({ message }) => text(message.payload)),
      sent,
    );
    deepEqual(relay.script(1).slice(0, 5), ["connect", "connack", "publish 2", "publish 2", "pubrec"]);
  });
});
