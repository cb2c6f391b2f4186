/** What Mosquitto grants is surfaced and obeyed, and recovered from when it is less than was remembered. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { nextWakeAt } from "../../lib/mqtt/session.js";
import type { SessionOptions } from "../../lib/mqtt/session-options.js";
import type { Message } from "../../lib/mqtt/session-state.js";
import { Broker } from "./mqtt-broker.js";
import { MqttDriver } from "./mqtt-driver.js";
import { mosquittoMissing } from "./mqtt-mosquitto.js";
import { Relay } from "./mqtt-relay.js";

const bytes = (text: string) => new TextEncoder().encode(text);
const skip = mosquittoMissing() ?? false;

const open = "allow_anonymous true";
const tight = [
  open,
  "max_inflight_messages 2",
  "max_packet_size 200",
  "max_keepalive 10",
  "retain_available false",
  "max_qos 1",
  "max_topic_alias 1",
];

describe("a Mosquitto with limits", { skip, timeout: 60_000 }, () => {
  const broker = new Broker();
  before(() => broker.start(tight));
  after(() => broker.stop());

  const options: SessionOptions = { clientId: "d1", topicAliases: 4, keepAliveSeconds: 60 };

  test("MQTT 5: says them in CONNACK, and the session tells", async () => {
    const driver = new MqttDriver(broker.port, options);
    const { limits } = await driver.until("connected");
    deepEqual(limits, {
      receiveMaximum: 2,
      maxPacketBytes: 200,
      maximumQoS: 1,
      retainAvailable: false,
      topicAliasMaximum: 1,
      keepAliveSeconds: 10,
      sessionExpirySeconds: 0,
      wildcardSubscriptions: true,
      sharedSubscriptions: true,
      subscriptionIdentifiers: true,
    });
    const pingInMs = nextWakeAt(driver.state)! - performance.now();
    ok(pingInMs > 9000 && pingInMs <= 10_000, "the broker's keep-alive counts");
    await driver.end();
  });

  const beyond: [what: string, code: number, message: Message][] = [
    ["QoS 2", 0x9b, { topic: "t", payload: bytes("x"), qos: 2 }],
    ["a retained message", 0x9a, { topic: "t", payload: bytes("x"), qos: 1, retain: true }],
    ["a packet of 201 bytes", 0x95, { topic: "t", payload: new Uint8Array(192), qos: 1 }],
  ];
  for (const [what, code, message] of beyond)
    test(`MQTT 5: ${what} is refused here and not sent, and the session goes on`, async (t) => {
      const relay = await Relay.open(t, broker.port);
      const driver = new MqttDriver(relay.port, { ...options, topicAliases: 0 });
      await driver.until("connected");
      driver.publish(1, message);
      const { token, packetId, failure } = await driver.until("refused");
      deepEqual([token, packetId, failure.kind, failure.code], [1, 0, "broker-refused", code]);
      match(failure.detail, /limits exclude/);
      // One byte less, at QoS 1, not retained.
      driver.publish(2, { topic: "t", payload: message.payload.subarray(0, 191), qos: 1 });
      await driver.until("acked", (acked) => acked.token === 2);
      await driver.end();
      deepEqual(
        relay.script(0).filter((packet) => packet.startsWith("publish")),
        ["publish 1"],
      );
    });

  test("MQTT 5: no more messages are unacknowledged than it takes, and aliases only as many", async (t) => {
    const relay = await Relay.open(t, broker.port);
    const messages = [..."ababab"].map((topic, i) => [i, { topic, payload: bytes(`${i}`), qos: 1 }] as const);
    const judge = await broker.sub(["-q", "1", "-t", "a", "-t", "b"], messages.length);
    const driver = new MqttDriver(relay.port, options, { outbox: new Map(messages) });
    await driver.settled();
    await driver.end();
    let unacknowledged = 0;
    let most = 0;
    for (const { packet } of relay.passed) {
      if (packet.cmd === "publish") most = Math.max(most, ++unacknowledged);
      if (packet.cmd === "puback") unacknowledged--;
    }
    equal(most, 2);
    const names = relay.passed.flatMap(({ packet }) =>
      packet.cmd === "publish" ? [`${packet.topic} ${packet.properties?.topicAlias ?? "-"}`] : [],
    );
    // The first goes before CONNACK, when nothing is known of aliases.
    deepEqual(names, ["a -", "b 1", "a -", " 1", "a -", " 1"]);
    deepEqual(
      (await judge.messages).map(({ topic }) => topic),
      [..."ababab"],
    );
  });
});

describe("a Mosquitto that grants less than it did", { skip, timeout: 60_000 }, () => {
  const broker = new Broker();
  const settings = (less: readonly string[]) => [open, ...broker.persistence, ...less];
  after(() => broker.stop());

  const small = (text: string): Message => ({ topic: "readings", payload: bytes(text), qos: 1 });
  const cases: {
    readonly what: string;
    readonly less: readonly string[];
    readonly beyond: readonly Message[];
    /** With which the messages beyond are refused in the end; undefined: they are delivered. */
    readonly code?: number;
    /** Whether Mosquitto ends the connection on which they came too early. */
    readonly ends: boolean;
  }[] = [
    {
      what: "smaller packets",
      less: ["max_packet_size 200"],
      beyond: [{ ...small("x"), payload: new Uint8Array(400) }],
      code: 0x95,
      ends: true,
    },
    {
      what: "nothing retained",
      less: ["retain_available false"],
      beyond: [{ ...small("x"), retain: true }],
      code: 0x9a,
      ends: true,
    },
    { what: "QoS 0 only", less: ["max_qos 0"], beyond: [small("x")], code: 0x9b, ends: true },
    { what: "no aliases", less: ["max_topic_alias 0"], beyond: [small("x"), small("y")], ends: true },
    {
      what: "fewer at a time",
      less: ["max_inflight_messages 1"],
      beyond: [1, 2, 3, 4].map((i) => small(`${i}`)),
      ends: false,
    },
  ];

  for (const { what, less, beyond, code, ends } of cases)
    test(`MQTT 5: ${what}: ${ends ? "the second connection goes by that" : "it takes them all the same"}, and nothing is lost`, async (t) => {
      await broker.kill();
      await broker.start(settings([]));
      const relay = await Relay.open(t, broker.port);
      const options: SessionOptions = {
        clientId: `less-${what}`,
        cleanStart: false,
        sessionExpirySeconds: 600,
        topicAliases: 2,
      };
      const outbox = new Map<number, Message>([[1, small("first")]]);
      const generous = new MqttDriver(relay.port, options, { outbox });
      await generous.settled();
      await generous.end();
      await broker.persisted();
      await broker.kill();
      await broker.start(settings(less));

      for (const [i, message] of beyond.entries()) outbox.set(10 + i, message);
      // At QoS 0 a message is gone with the connection on which it was sent.
      const qos = code === 0x9b ? 0 : 1;
      if (qos === 1) outbox.set(20, small("last"));
      const kept = generous.kept();
      const judge = await broker.sub(
        ["-q", "1", "-t", "readings"],
        code === undefined ? beyond.length + 1 : 1,
      );
      let driver = new MqttDriver(relay.port, options, { kept, outbox });
      if (ends) {
        const { again, failure } = await driver.until("failed");
        equal(again, true, failure.detail);
        ok(["broker-refused", "connection-lost"].includes(failure.kind), failure.detail);
        const early = relay.script(1).slice(0, relay.script(1).indexOf("connack"));
        ok(early.filter((packet) => packet.startsWith("publish")).length >= beyond.length, early.join(", "));
        if (qos === 0) outbox.set(20, { ...small("last"), qos });
        driver = new MqttDriver(relay.port, options, { kept: driver.kept(), outbox });
      }
      await driver.settled();
      await driver.end();
      const refused = driver.all("refused").map(({ token, failure }) => [token, failure.code]);
      deepEqual(refused, code === undefined ? [] : beyond.map((_, i) => [10 + i, code]));
      equal(outbox.size, 0);
      const arrived = (await judge.messages).map(({ payload }) => Buffer.from(payload, "hex").toString());
      const whole = code === undefined ? beyond.map(({ payload }) => Buffer.from(payload).toString()) : [];
      deepEqual(arrived, [...whole, "last"]);
    });
});
