/** Messages from the broker: each packet of an exchange in each stage of it, in both versions and across connections. */
import { emptyKept } from "../../../lib/mqtt/kept-session.js";
import { keep } from "../../../lib/mqtt/session.js";
import { equal, ok, test, throws } from "../../device/harness.js";
import { ack, connack, publish } from "./conformance/broker-packets.js";
import { Conversation, closing, hasRoom, lasting, online } from "./conformance/conversation.js";

type Version = 4 | 5;
const versions = [4, 5] as const;
const quiet = { ...lasting, pipelining: false, keepAliveSeconds: 0 } as const;

function resumed(script: Conversation, present: boolean): Conversation {
  return script.next().receive(connack(script.version, { present }));
}

function received(version: Version): Conversation {
  return online(version, quiet).receive(publish(version, { qos: 2, packetId: 9 }));
}

/** What has become of the broker's QoS 2 message #9. */
const stages = {
  new: (version: Version) => online(version, quiet),
  received,
  "received before": (version: Version) => resumed(received(version), true),
  "received in a session that is lost": (version: Version) => resumed(received(version), false),
  released: (version: Version) => received(version).receive(ack("pubrel", 9)),
  "released before": (version: Version) => resumed(received(version).receive(ack("pubrel", 9)), true),
} as const;
type Stage = keyof typeof stages;

const known: readonly Stage[] = ["received", "received before"];

for (const stage of Object.keys(stages) as Stage[]) {
  const isKnown = known.includes(stage);

  test(`${stage}: PUBLISH at QoS 2 is handed on ${isKnown ? "no more" : "once"}, and acknowledged always`, () => {
    for (const version of versions)
      for (const dup of [false, true]) {
        const script = stages[stage](version).skip();
        script.receive(publish(version, { qos: 2, packetId: 9, dup })).sees("PUBREC #9");
        script.tells(...(isKnown ? [] : [`message c/d 3031 q2${dup ? " dup" : ""}`]));
        equal(keep(script.state)?.incoming, [9]);
      }
  });

  test(`${stage}: PUBREL is answered with PUBCOMP, with a reason in MQTT 5 if there is nothing to release`, () => {
    for (const version of versions) {
      const script = stages[stage](version).skip().receive(ack("pubrel", 9));
      script.sees(version === 5 && !isKnown ? "PUBCOMP #9 146" : "PUBCOMP #9").tells();
      equal(keep(script.state)?.incoming, []);
    }
  });

  test(`${stage}: QoS 0 and 1 have nothing to do with it, whatever their identifier`, () => {
    for (const version of versions) {
      const script = stages[stage](version).skip();
      script.receive(publish(version, { qos: 1, packetId: 9 })).sees("PUBACK #9");
      script.receive(publish(version)).sees().tells("message c/d 3031 q1", "message c/d 3031 q0");
      equal(keep(script.state)?.incoming, isKnown ? [9] : []);
    }
  });
}

test("the application has a message before its acknowledgement goes out", () => {
  for (const qos of [1, 2])
    for (const version of versions) {
      const script = online(version).receive(publish(version, { qos, packetId: 9 }));
      equal(
        script.all.slice(-2).map(({ type }) => type),
        ["message", "send"],
      );
    }
});

test("QoS 1 is handed on as often as it comes", () => {
  for (const version of versions) {
    const script = online(version).receive(publish(version, { qos: 1, packetId: 3 }).repeat(2));
    script.sees("PUBACK #3", "PUBACK #3").tells("message c/d 3031 q1", "message c/d 3031 q1");
  }
});

test("PUBREL with an error is an answer too", () => {
  const script = received(5)
    .skip()
    .receive(ack("pubrel", 9, 146));
  script.sees("PUBCOMP #9").tells();
});

test("a broker's unfinished QoS 2 messages are bounded, over all connections of the session", () => {
  for (const [receiveMaximum, most] of [
    [2, 64],
    [70, 70],
  ] as const) {
    const incoming = Array.from({ length: most - 1 }, (_, i) => i + 1);
    const start = () =>
      new Conversation(5, { ...quiet, receiveMaximum }, { ...emptyKept, incoming })
        .start()
        .receive(connack(5, { present: true }))
        .receive(publish(5, { qos: 2, packetId: 100 }))
        .skip();
    const script = start()
      .receive(publish(5, { qos: 2, packetId: 1, dup: true }))
      .sees("PUBREC #1");
    script.receive(publish(5, { qos: 2, packetId: 101 })).sees(...closing(5, 147));
    script.tells("failed protocol-error 147");
    equal(keep(script.state)?.incoming.length, most);
    start()
      .receive(ack("pubrel", 1))
      .receive(publish(5, { qos: 2, packetId: 101 }))
      .sees("PUBCOMP #1", "PUBREC #101");
  }
});

test("a message has its topic, however the broker names it, and not the name", () => {
  const script = online(5, { topicAliasMaximum: 3 });
  script.receive(publish(5, { topic: "c/d", properties: "230003" }));
  script.receive(publish(5, { topic: "", properties: "230003" }));
  const messages = script.all.filter(({ type }) => type === "message");
  const message = {
    topic: "c/d",
    payload: new Uint8Array([0x30, 0x31]),
    qos: 0,
    retain: false,
    duplicate: false,
    subscriptionIdentifiers: [],
  };
  equal(messages, [
    { type: "message", message },
    { type: "message", message },
  ]);
  script
    .receive(publish(5, { topic: "", properties: "230002" }))
    .tells("message c/d 3031 q0", "message c/d 3031 q0", "failed protocol-error 130");
});

test("a message has its properties, and bytes of its own", () => {
  const properties = `0101${"0200000e10"}${"030001" + "74"}${"080001" + "72"}${"090002" + "beef"}0b070b08${"26000161000162"}`;
  const packet = publish(5, { qos: 1, packetId: 1, retain: true, properties });
  const script = online(5).receive(packet);
  const effect = script.all.find(({ type }) => type === "message");
  ok(effect?.type === "message", "message");
  const { message } = effect;
  equal(
    { ...message, payload: undefined, correlationData: undefined },
    {
      topic: "c/d",
      payload: undefined,
      qos: 1,
      retain: true,
      duplicate: false,
      subscriptionIdentifiers: [7, 8],
      payloadIsText: true,
      messageExpirySeconds: 3600,
      contentType: "t",
      responseTopic: "r",
      correlationData: undefined,
      userProperties: [["a", "b"]],
    },
  );
  equal(message.payload, new Uint8Array([0x30, 0x31]));
  equal(message.correlationData, new Uint8Array([0xbe, 0xef]));
  equal([message.payload.buffer.byteLength, message.correlationData?.buffer.byteLength], [2, 2]);
});

test("deferred, PUBACK goes out when it is told to, in the order of the messages, and what has none comes again", () => {
  for (const version of versions) {
    const script = online(version, { ...quiet, deferredAcks: true });
    script.receive(publish(version, { qos: 1, packetId: 3 }) + publish(version, { qos: 1, packetId: 9 }));
    script.sees().tells("message c/d 3031 q1", "message c/d 3031 q1");
    const ids = script.all.flatMap((one) => (one.type === "message" ? [one.message.packetId] : []));
    equal(ids, [3, 9]);
    throws(() => script.do({ type: "acknowledge", packetId: 9 }), RangeError, /turn/);
    script.do({ type: "acknowledge", packetId: 3 }).sees("PUBACK #3");
    throws(() => script.do({ type: "acknowledge", packetId: 3 }), RangeError, /turn/);
    const next = resumed(script, true).skip();
    throws(() => next.do({ type: "acknowledge", packetId: 9 }), RangeError, /turn/);
    next.receive(publish(version, { qos: 1, packetId: 9, dup: true })).sees();
    next.do({ type: "acknowledge", packetId: 9 }).sees("PUBACK #9");
  }
});

test("deferred, other messages are as ever: no identifier at QoS 0, and QoS 2 acknowledged at once", () => {
  for (const version of versions) {
    const script = online(version, { deferredAcks: true }).receive(publish(version));
    script.receive(publish(version, { qos: 2, packetId: 9 })).sees("PUBREC #9");
    const messages = script.all.flatMap((one) => (one.type === "message" ? [one.message] : []));
    equal(
      messages.map((message) => "packetId" in message),
      [false, false],
    );
  }
});

test("deferred, so many messages wait for their acknowledgement, and what is beyond comes with the next connection", () => {
  for (const version of versions)
    for (const [receiveMaximum, most] of [
      [1, version === 5 ? 12 : 64],
      [50, 64],
    ] as const) {
      if (most > 12 && !hasRoom) continue;
      const script = online(version, { ...quiet, deferredAcks: true, receiveMaximum });
      for (let packetId = 1; packetId <= most + 2; packetId++)
        script.receive(publish(version, { qos: 1, packetId }));
      script.sees().tells(...Array<string>(most).fill("message c/d 3031 q1"));
      script.do({ type: "acknowledge", packetId: 1 }).sees("PUBACK #1");
      script.receive(publish(version, { qos: 1, packetId: 200 })).tells("message c/d 3031 q1");
      const next = resumed(script, true).skip();
      next.receive(publish(version, { qos: 1, packetId: most + 1, dup: true }));
      next.tells("message c/d 3031 q1 dup");
    }
});
