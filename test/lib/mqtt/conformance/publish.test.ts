/** Messages to and from the broker: §2.2.1, §3.3 and §4.3 of both standards, but for what a lost connection brings. */
import { equal, hex, ok, throws } from "../../../device/harness.js";
import { ack, publish } from "./broker-packets.js";
import { type Conversation, closing, inBoth, online, only5, only311 } from "./conversation.js";

/** Where the next packet identifier is looked for first. */
function countFrom(script: Conversation, nextPacketId: number): Conversation {
  ok(script.state.at === "connected", "connected");
  script.state = { ...script.state, nextPacketId };
  return script;
}

const subscriptions = [{ filter: "c/d", qos: 1 }] as const;

inBoth(
  "2.3.1-5 3.3.1-2 4.3.1-1",
  "2.2.1-2 3.3.1-2 4.3.1-1",
  "QoS 0 goes out without packet identifier and DUP, also a second time and on the next connection",
  (version) => {
    const script = online(version, { cleanStart: false, sessionExpirySeconds: 60 });
    script.publish({ qos: 0 }, 7).publish({ qos: 0 }, 7);
    script.sees("PUBLISH QoS0 a/b 6869", "PUBLISH QoS0 a/b 6869");
    const next = script.next().skip().publish({ qos: 0 }, 7).sees("PUBLISH QoS0 a/b 6869");
    next.receive(version === 5 ? "2003010000" : "20020100").publish({ qos: 0 }, 7);
    next.sees("PUBLISH QoS0 a/b 6869");
  },
);

inBoth(
  "2.3.1-1 2.3.1-2 4.3.2-1 4.3.3-1",
  "2.2.1-3 4.3.2-1 4.3.3-1",
  "PUBLISH, SUBSCRIBE and UNSUBSCRIBE share the packet identifiers: none in use, never 0",
  (version) => {
    const script = online(version).publish({}, 1).publish({ qos: 2 }, 2);
    script.do({ type: "subscribe", subscriptions, token: 3 });
    script.do({ type: "unsubscribe", filters: ["c/d"], token: 4 }).skip();
    countFrom(script, 65535).publish({}, 5).publish({ qos: 2 }, 6);
    script.sees("PUBLISH QoS1 #65535 a/b 6869", "PUBLISH QoS2 #5 a/b 6869");
    countFrom(script, 65535).do({ type: "subscribe", subscriptions, token: 7 });
    ok(script.last().line.startsWith("SUBSCRIBE #6 "), script.last().line);
    countFrom(script, 65535).do({ type: "unsubscribe", filters: ["c/d"], token: 8 });
    equal(script.last().line, "UNSUBSCRIBE #7 c/d");
  },
);

only311("2.3.1-3", "an identifier is free after PUBACK, PUBCOMP, SUBACK and UNSUBACK, not before", () => {
  const exchanges: [(script: Conversation) => unknown, string[]][] = [
    [(script) => script.publish(), [ack("puback", 1)]],
    [(script) => script.publish({ qos: 2 }), [ack("pubrec", 1), ack("pubcomp", 1)]],
    [(script) => script.do({ type: "subscribe", subscriptions, token: 1 }), ["9003000101"]],
    [(script) => script.do({ type: "unsubscribe", filters: ["c/d"], token: 1 }), ["b0020001"]],
  ];
  for (const [begin, answers] of exchanges) {
    const script = online(4);
    begin(script);
    answers.forEach((answer, i) => {
      countFrom(script, 1).publish({}, 10 + i);
      equal(script.last().packetId, 2 + i);
      script.receive(answer);
    });
    countFrom(script, 1).publish({}, 20);
    equal(script.last().packetId, 1);
  }
});

inBoth(
  "2.3.1-6",
  "2.2.1-5",
  "every acknowledgement has the identifier of its message, also where both sides use the same",
  (version) => {
    const script = online(version).publish({ qos: 2 }, 1).publish({ qos: 2 }, 2).skip();
    script.receive(publish(version, { qos: 2, packetId: 1 })).sees("PUBREC #1");
    script.receive(publish(version, { qos: 1, packetId: 0x1234 })).sees("PUBACK #4660");
    script.receive(ack("pubrec", 2)).sees("PUBREL #2");
    script.receive(ack("pubrel", 1)).sees("PUBCOMP #1");
    script.receive(ack("pubrec", 1)).sees("PUBREL #1");
    script.receive(ack("pubcomp", 2)).receive(ack("pubcomp", 1)).sees();
    script.receive(publish(version, { qos: 2, packetId: 65535 })).receive(ack("pubrel", 65535));
    script.sees("PUBREC #65535", "PUBCOMP #65535");
  },
);

inBoth("2.3.1-6", "2.2.1-5", "an acknowledgement of what is not in flight is an error", (version) => {
  online(version)
    .publish()
    .skip()
    .receive(ack("puback", 2))
    .sees(...closing(version, 130));
  online(version)
    .publish()
    .skip()
    .receive(ack("puback", 0))
    .sees(...closing(version, 129));
  online(version)
    .publish({ qos: 2 })
    .skip()
    .receive(ack("puback", 1))
    .sees(...closing(version, 130));
  online(version)
    .publish()
    .skip()
    .receive(ack("pubrec", 1))
    .sees(...closing(version, 130));
  online(version)
    .publish({ qos: 2 })
    .skip()
    .receive(ack("pubcomp", 1))
    .sees(...closing(version, 130));
});

inBoth(
  "4.3.2-1",
  "4.3.2-2 4.3.2-3",
  "QoS 1: one PUBLISH without DUP, unacknowledged until its PUBACK",
  (version) => {
    const script = online(version, { ackTimeoutMs: 5000, keepAliveSeconds: 0 }).publish({}, 7);
    script.sees("PUBLISH QoS1 #1 a/b 6869").at(4999).sees().tells();
    script.receive(ack("puback", 1)).tells("acked 7 #1 0").at(100_000).sees();
    const silent = online(version, { ackTimeoutMs: 5000 }).publish().skip().at(5000);
    silent.sees("closed").tells("failed deadline 0");
  },
);

inBoth(
  "4.3.2-2",
  "4.3.2-4 4.3.2-5",
  "QoS 1 received: taken, then PUBACK; the same identifier is a new message after that, whatever DUP says",
  (version) => {
    const script = online(version);
    for (const dup of [false, true, true]) {
      script.receive(publish(version, { qos: 1, packetId: 5, dup }));
      script.sees("PUBACK #5").tells(`message c/d 3031 q1${dup ? " dup" : ""}`);
    }
    equal(
      script.all.slice(-2).map(({ type }) => type),
      ["message", "send"],
    );
  },
);

inBoth(
  "4.3.3-1",
  "4.3.3-2 4.3.3-3 4.3.3-4 4.3.3-5 4.3.3-6",
  "QoS 2: PUBLISH without DUP, PUBREL for PUBREC, never PUBLISH again, over at PUBCOMP",
  (version) => {
    const options = { ackTimeoutMs: 5000, keepAliveSeconds: 0 };
    const script = online(version, options).publish({ qos: 2 }, 7).sees("PUBLISH QoS2 #1 a/b 6869");
    script.at(4999).sees().receive(ack("pubrec", 1)).sees("PUBREL #1").tells("acked 7 #1 0");
    throws(() => script.publish({ qos: 2 }, 7), RangeError, /in flight/);
    script.receive(ack("pubrec", 1)).sees("PUBREL #1").tells();
    script.receive(ack("pubcomp", 1)).sees().tells("completed 7 #1");
    const unreceived = online(version, options).publish({ qos: 2 }).skip().at(5000);
    unreceived.sees("closed").tells("failed deadline 0");
    const uncompleted = online(version, options)
      .publish({ qos: 2 })
      .at(3000)
      .receive(ack("pubrec", 1))
      .skip();
    uncompleted.at(7999).sees().at(8000).sees("closed").tells("failed deadline 0");
  },
);

inBoth(
  "4.3.3-2",
  "4.3.3-8 4.3.3-10 4.3.3-11 4.3.3-12",
  "QoS 2 received: PUBREC, handed on once until PUBREL, which PUBCOMP answers; then it is a new message",
  (version) => {
    const script = online(version);
    script
      .receive(publish(version, { qos: 2, packetId: 5 }))
      .sees("PUBREC #5")
      .tells("message c/d 3031 q2");
    for (const dup of [true, false])
      script
        .receive(publish(version, { qos: 2, packetId: 5, dup }))
        .sees("PUBREC #5")
        .tells();
    script
      .receive(publish(version, { qos: 2, packetId: 6 }))
      .sees("PUBREC #6")
      .tells("message c/d 3031 q2");
    script.receive(ack("pubrel", 5)).sees("PUBCOMP #5").tells();
    script
      .receive(publish(version, { qos: 2, packetId: 6 }))
      .sees("PUBREC #6")
      .tells();
    script.receive(publish(version, { qos: 2, packetId: 5, dup: true })).sees("PUBREC #5");
    script.tells("message c/d 3031 q2 dup").receive(ack("pubrel", 5)).sees("PUBCOMP #5");
    script.receive(ack("pubrel", 5)).sees(version === 5 ? "PUBCOMP #5 146" : "PUBCOMP #5");
  },
);

inBoth("3.6.1-1", "3.6.1-1", "PUBREL has the low bits 0010, sent and received", (version) => {
  const script = online(version).publish({ qos: 2 }).skip().receive(ack("pubrec", 1)).sees("PUBREL #1");
  const bytes = script.all.flatMap((one) => (one.type === "send" ? [hex(one.bytes)] : []));
  equal(bytes.at(-1), "62020001");
  for (const low of "013456789abcdef")
    online(version)
      .receive(publish(version, { qos: 2 }))
      .skip()
      .receive(`6${low}020001`)
      .sees(...closing(version, 129));
});

only5("4.3.3-13", "a QoS 2 exchange goes on when the message has long expired", () => {
  const script = online(5, { keepAliveSeconds: 0 });
  script
    .receive(publish(5, { qos: 2, packetId: 5, properties: "0200000001" }))
    .at(5_000_000)
    .skip();
  script.receive(publish(5, { qos: 2, packetId: 5, dup: true, properties: "0200000001" })).sees("PUBREC #5");
  script.tells().receive(ack("pubrel", 5)).sees("PUBCOMP #5");
});

inBoth(
  "3.3.1-3",
  "3.3.1-3 3.3.4-6",
  "a message passed on is the client's own: no DUP, no subscription identifier",
  (version) => {
    const properties = version === 5 ? "0b07" : "";
    for (const qos of [1, 2] as const) {
      const script = online(version).receive(publish(version, { qos, dup: true, properties }));
      const [message] = script.all.filter((one) => one.type === "message").map((one) => one.message);
      ok(
        message?.duplicate === true && message.subscriptionIdentifiers.length === properties.length / 4,
        "as received",
      );
      script.skip().publish(message, 1).sees(`PUBLISH QoS${qos} #1 c/d 3031`);
    }
  },
);

inBoth(
  "3.3.1-4",
  "3.3.1-4",
  "both QoS bits: never sent, and received they close the connection",
  (version) => {
    const script = online(version);
    for (const qos of [3, 1.5, -1]) throws(() => script.publish({ qos: qos as 2 }), RangeError, /qos/);
    script
      .sees()
      .receive(publish(version, { qos: 3 }))
      .sees(...closing(version, 129));
  },
);

inBoth("3.3.1-2", "3.3.1-2", "DUP at QoS 0 from a broker closes the connection", (version) => {
  online(version)
    .receive(publish(version, { dup: true }))
    .sees(...closing(version, 129));
});

inBoth(
  "3.3.2-1 3.3.2-2 4.7.1-1",
  "3.3.2-1 3.3.2-2 4.7.0-1",
  "a topic name has no wildcards, sent or received",
  (version) => {
    const script = online(version);
    for (const topic of ["a/#", "a/+/b", "+", "#", "a+"]) {
      throws(() => script.publish({ topic }), RangeError, /topic/);
      const will = { topic, payload: new Uint8Array(0), qos: 0, retain: false } as const;
      throws(() => online(version, { will }), RangeError, /topic/);
      online(version)
        .receive(publish(version, { topic }))
        .sees(...closing(version, version === 5 ? 144 : 129));
    }
    script.sees().publish({ topic: "a b/*/$", qos: 0 }).sees("PUBLISH QoS0 a b/*/$ 6869");
    script.receive(publish(version, { topic: "a/*" })).tells("message a/* 3031 q0");
  },
);

only5("3.3.2-14", "a response topic has no wildcards, sent or received", () => {
  const script = online(5);
  for (const responseTopic of ["a/#", "+"]) {
    throws(() => script.publish({ responseTopic }), RangeError, /topic/i);
    const will = { topic: "w", payload: new Uint8Array(0), qos: 0, retain: false, responseTopic } as const;
    throws(() => online(5, { will }), RangeError, /topic/i);
  }
  script.publish({ qos: 0, responseTopic: "r" });
  equal(script.last().properties.get(8), ["r"]);
  online(5)
    .receive(publish(5, { properties: "08000172" }))
    .sees();
  for (const wildcard of ["0800012b", "08000123"])
    online(5)
      .receive(publish(5, { properties: wildcard }))
      .sees("DISCONNECT 129", "closed");
});

inBoth("3.3.4-1", "3.3.4-1", "nothing answers QoS 0, PUBACK QoS 1, PUBREC QoS 2", (version) => {
  const script = online(version);
  script.receive(publish(version, { qos: 0 })).sees();
  script.receive(publish(version, { qos: 1 })).sees("PUBACK #1");
  script.receive(publish(version, { qos: 2 })).sees("PUBREC #1");
});

inBoth(
  "4.5.0-2",
  "4.5.0-2",
  "a message that nobody here has asked for is acknowledged all the same",
  (version) => {
    const script = online(version, { subscriptions: [{ filter: "x/y", qos: 0 }] }).skip();
    script.receive(publish(version, { topic: "other", qos: 1, packetId: 3 })).sees("PUBACK #3");
    script.receive(publish(version, { topic: "other", qos: 2, packetId: 4 })).sees("PUBREC #4");
    script.do({ type: "unsubscribe", filters: ["x/y"], token: 1 }).skip();
    script.receive(publish(version, { topic: "x/y", qos: 1, packetId: 5 })).sees("PUBACK #5");
  },
);

inBoth(
  "4.6.0-2 4.6.0-3 4.6.0-4",
  "4.6.0-2 4.6.0-3 4.6.0-4",
  "PUBACK and PUBREC in the order of the messages, PUBREL in the order of PUBREC",
  (version) => {
    const script = online(version);
    const burst = [3, 1, 2].map((packetId) => publish(version, { qos: 1, packetId })).join("");
    script.receive(burst).sees("PUBACK #3", "PUBACK #1", "PUBACK #2");
    const more = [9, 8, 10].map((packetId) => publish(version, { qos: 2, packetId })).join("");
    script.receive(more).sees("PUBREC #9", "PUBREC #8", "PUBREC #10");
    for (const token of [1, 2, 3]) script.publish({ qos: 2 }, token);
    script.skip().receive([2, 3, 1].map((packetId) => ack("pubrec", packetId)).join(""));
    script.sees("PUBREL #2", "PUBREL #3", "PUBREL #1");
  },
);

only5(
  "4.4.0-2",
  "PUBACK or PUBREC from 128 up acknowledges: nothing follows, and the identifier is free",
  () => {
    for (const qos of [1, 2] as const) {
      const script = online(5).publish({ qos }, 7).skip();
      script
        .receive(ack(qos === 1 ? "puback" : "pubrec", 1, 135))
        .sees()
        .tells("refused 7 #1 135");
      script.at(9000).sees();
      countFrom(script, 1).publish({ qos }, 8).sees(`PUBLISH QoS${qos} #1 a/b 6869`);
    }
  },
);
