/** What the broker's CONNACK allows (§3.2.2.3), the receive maximum (§3.3.4, §4.9) and topic aliases (§3.3.2.3.4). */
import { sendQuota } from "../../../../lib/mqtt/session.js";
import { equal, ok, throws } from "../../../device/harness.js";
import { ack, connack, four, pingresp, publish, suback, two } from "./broker-packets.js";
import { Conversation, inBoth, lasting, online, only5, only311 } from "./conversation.js";

only5(
  "3.3.4-7 4.9.0-1 4.9.0-2",
  "no more QoS 1 and 2 messages unfinished than the broker's receive maximum",
  () => {
    const script = online(5, { maxInFlight: 100 }, "210002");
    equal(sendQuota(script.state), 2);
    script.publish({}, 1).publish({ qos: 2 }, 2).skip();
    for (const qos of [1, 2] as const) throws(() => script.publish({ qos }, 3), RangeError, /quota/);
    equal(sendQuota(script.state), 0);
    // PUBREC below 128 does not finish it, PUBCOMP does.
    script.receive(ack("pubrec", 2)).skip();
    throws(() => script.publish({}, 3), RangeError, /quota/);
    script.receive(ack("pubcomp", 2)).publish({}, 3).sees("PUBLISH QoS1 #3 a/b 6869");
    throws(() => script.publish({}, 4), RangeError, /quota/);
    script.receive(ack("puback", 1)).publish({ qos: 2 }, 4).sees("PUBLISH QoS2 #4 a/b 6869");
    script
      .receive(ack("pubrec", 4, 135))
      .publish({}, 5)
      .sees("PUBLISH QoS1 #5 a/b 6869");
    throws(() => script.publish({}, 6), RangeError, /quota/);
  },
);

only5("4.9.0-1", "the send quota begins above 0: a receive maximum of 0 is an error, 1 is the least", () => {
  new Conversation(5)
    .start()
    .skip()
    .receive(connack(5, { properties: "210000" }))
    .sees("DISCONNECT 130", "closed");
  equal(sendQuota(online(5, {}, "210001").state), 1);
  for (const maximum of [1, 7, 65535])
    ok(sendQuota(online(5, {}, `21${two(maximum)}`).state) <= maximum, String(maximum));
});

only5("4.9.0-2 3.3.4-7", "the quota is not above the receive maximum after a session has gone on", () => {
  const script = online(5, { ...lasting, pipelining: false }, "210002")
    .publish({ qos: 2 }, 1)
    .publish({}, 2);
  script.receive(ack("pubrec", 1));
  const next = script.next().receive(connack(5, { present: true, properties: "210002" }));
  next.receive(ack("pubcomp", 1)).resend().skip();
  equal(sendQuota(next.state), 1);
  next.publish({}, 3).sees("PUBLISH QoS1 #3 a/b 6869");
  throws(() => next.publish({}, 4), RangeError, /quota/);
});

only5(
  "3.3.4-8 4.9.0-3",
  "at quota 0 everything but QoS 1 and 2 goes on: QoS 0, requests, pings, answers, DISCONNECT",
  () => {
    const script = online(5, { keepAliveSeconds: 5 }, "210001").publish({}, 1).skip();
    script.publish({ qos: 0 }, 2).sees("PUBLISH QoS0 a/b 6869");
    script.do({ type: "subscribe", subscriptions: [{ filter: "c/d", qos: 2 }], token: 3 });
    script
      .sees("SUBSCRIBE #2 c/d:2")
      .receive(suback(5, 2, 2))
      .tells("subscribed 3 [2]");
    script.do({ type: "unsubscribe", filters: ["c/d"], token: 4 }).sees("UNSUBSCRIBE #3 c/d");
    script.receive(publish(5, { qos: 1, packetId: 1 })).sees("PUBACK #1");
    script
      .receive(publish(5, { qos: 2, packetId: 2 }))
      .receive(ack("pubrel", 2))
      .sees("PUBREC #2", "PUBCOMP #2");
    script.at(5_000).sees("PINGREQ").receive(pingresp);
    equal(sendQuota(script.state), 0);
    script.do({ type: "disconnect" }).sees("DISCONNECT", "closed");
  },
);

only5(
  "3.3.4-9",
  "64 unfinished QoS 2 messages, or as many as the client offered, and no more: DISCONNECT 147",
  () => {
    for (const [receiveMaximum, most] of [
      [2, 64],
      [80, 80],
    ] as const) {
      const script = new Conversation(5, { receiveMaximum }).start();
      equal(script.connect.properties.get(33), [receiveMaximum]);
      script.receive(connack(5)).skip();
      ok(script.state.at === "connected", "connected");
      script.state = { ...script.state, incoming: Array.from({ length: most - 1 }, (_, i) => i + 1) };
      script.receive(publish(5, { qos: 2, packetId: 1 })).sees("PUBREC #1");
      script.receive(publish(5, { qos: 2, packetId: most })).sees(`PUBREC #${most}`);
      script.receive(ack("pubrel", 1)).receive(publish(5, { qos: 2, packetId: 500 }));
      script.sees("PUBCOMP #1", "PUBREC #500");
      script.receive(publish(5, { qos: 2, packetId: 501 })).sees("DISCONNECT 147", "closed");
    }
  },
);

only311(
  "4.8.0-2",
  "what the client cannot hold closes the connection: a large packet, too many QoS 2 messages",
  () => {
    online(4, { maxPacketBytes: 32 })
      .receive(publish(4, { payload: "00".repeat(26) }))
      .sees("closed");
    online(4, { maxPacketBytes: 32 })
      .receive(publish(4, { payload: "00".repeat(25) }))
      .sees();
    const script = online(4);
    ok(script.state.at === "connected", "connected");
    script.state = { ...script.state, incoming: Array.from({ length: 254 }, (_, i) => i + 1) };
    script.receive(publish(4, { qos: 2, packetId: 255 })).sees("PUBREC #255");
    script.receive(publish(4, { qos: 2, packetId: 256 })).sees("closed");
  },
);

only5("3.2.2-11", "nothing above the broker's maximum QoS, at once or again", () => {
  const none = online(5, {}, "2400").publish({}, 1).publish({ qos: 2 }, 2).sees();
  none.tells("refused 1 #0 155", "refused 2 #0 155").publish({ qos: 0 }, 3).sees("PUBLISH QoS0 a/b 6869");
  const one = online(5, {}, "2401").publish({ qos: 2 }, 1).sees().tells("refused 1 #0 155");
  one.publish({}, 2).sees("PUBLISH QoS1 #1 a/b 6869");
  const before = online(5, { ...lasting, pipelining: false }).publish({ qos: 2 }, 1);
  const next = before
    .next()
    .receive(connack(5, { present: true, properties: "2401" }))
    .skip();
  next.publish({ qos: 2 }, 1).sees();
});

only5("3.2.2-14", "nothing retained when the broker retains nothing", () => {
  const script = online(5, {}, "2500")
    .publish({ qos: 0, retain: true }, 1)
    .publish({ retain: true }, 2)
    .sees();
  script.tells("refused 1 #0 154", "refused 2 #0 154").publish({}, 3).sees("PUBLISH QoS1 #1 a/b 6869");
  online(5, {}, "2501").publish({ retain: true }, 1).sees("PUBLISH QoS1 RETAIN #1 a/b 6869");
});

only5("3.2.2-15", "nothing above the broker's maximum packet size", () => {
  const limited = (bytes: number) => online(5, {}, `27${four(bytes)}`);
  limited(12).publish({}, 1).sees("PUBLISH QoS1 #1 a/b 6869");
  limited(11).publish({}, 1).sees().tells("refused 1 #0 149");
  const subscriptions = [{ filter: "a/b", qos: 0 }] as const;
  limited(11).do({ type: "subscribe", subscriptions, token: 1 }).sees("SUBSCRIBE #1 a/b:0");
  limited(10).do({ type: "subscribe", subscriptions, token: 1 }).sees().tells("subscribed 1 [] 149");
  limited(10)
    .do({ type: "unsubscribe", filters: ["a/b"], token: 1 })
    .sees("UNSUBSCRIBE #1 a/b");
  limited(9)
    .do({ type: "unsubscribe", filters: ["a/b"], token: 1 })
    .sees()
    .tells("unsubscribed 1 [] 149");
  const own = new Conversation(5, { subscriptions, pipelining: false }).start();
  own.receive(connack(5, { properties: `27${four(10)}` })).sees("CONNECT");
});

only5("3.2.2-15", "nor AUTH or DISCONNECT", () => {
  const authentication = { method: "M" };
  const granted = `1500014d27${four(16)}`;
  const fits = online(5, { authentication }, granted);
  fits.do({ type: "authenticate", data: new Uint8Array(5) }).sees("AUTH 25");
  const script = online(5, { authentication }, granted);
  try {
    script.do({ type: "authenticate", data: new Uint8Array(6) });
  } catch (error) {
    ok(error instanceof RangeError, String(error));
  }
  ok(!script.packets().some(({ name }) => name === "AUTH"), "no AUTH");
  const expiring = online(5, lasting, `27${four(8)}`);
  expiring.do({ type: "disconnect", sessionExpirySeconds: 1 });
  for (const one of expiring.all)
    if (one.type === "send") ok(one.bytes.length <= 8 || one.bytes[0] === 0x10, "size");
});

const aliasing = { topicAliases: 10 } as const;

only5(
  "3.2.2-17 3.2.2-18 3.3.2-8 3.3.2-9",
  "topic aliases from 1 to what CONNACK allows, none if it says nothing",
  () => {
    for (const granted of ["", "220000"]) {
      const none = online(5, aliasing, granted);
      for (const topic of ["a", "a", "b"]) none.publish({ topic, qos: 0 });
      none.sees("PUBLISH QoS0 a 6869", "PUBLISH QoS0 a 6869", "PUBLISH QoS0 b 6869");
    }
    const two = online(5, aliasing, "220002");
    for (const topic of ["a", "b", "c", "a", "b", "c"]) two.publish({ topic, qos: 0 });
    two.sees(
      "PUBLISH QoS0 alias1 a 6869",
      "PUBLISH QoS0 alias2 b 6869",
      "PUBLISH QoS0 c 6869",
      "PUBLISH QoS0 alias1  6869",
      "PUBLISH QoS0 alias2  6869",
      "PUBLISH QoS0 c 6869",
    );
    const first = new Conversation(5, aliasing).start().publish({ qos: 0 });
    ok(!first.last().properties.has(35), "none before CONNACK");
  },
);

only5("3.3.2-7", "topic aliases end with the connection, in both directions", () => {
  const options = { ...lasting, ...aliasing, topicAliasMaximum: 5, pipelining: false };
  const script = online(5, options, "220005").publish({}, 1).publish({ qos: 0 }, 2);
  script.sees("PUBLISH QoS1 #1 alias1 a/b 6869", "PUBLISH QoS0 alias1  6869");
  script
    .receive(publish(5, { properties: "230003" }))
    .receive(publish(5, { topic: "", properties: "230003" }));
  script.tells("message c/d 3031 q0", "message c/d 3031 q0");
  const next = script
    .next()
    .receive(connack(5, { present: true, properties: "220005" }))
    .skip();
  next.publish({}, 1).sees("PUBLISH DUP QoS1 #1 alias1 a/b 6869");
  next.receive(publish(5, { topic: "", properties: "230003" })).sees("DISCONNECT 130", "closed");
});

only5("3.3.2-9 3.2.2-17", "an alias is not remembered for a broker that now allows fewer", () => {
  const script = online(5, { ...lasting, ...aliasing, pipelining: false }, "220005");
  for (const topic of ["a", "b", "c"]) script.publish({ topic, qos: 0 });
  const next = script
    .next()
    .receive(connack(5, { properties: "220001" }))
    .skip();
  for (const topic of ["c", "b", "c"]) next.publish({ topic, qos: 0 });
  next.sees("PUBLISH QoS0 alias1 c 6869", "PUBLISH QoS0 b 6869", "PUBLISH QoS0 alias1  6869");
});

only5("3.3.2-9 3.2.2-17", "an alias given before CONNACK is not used beyond what CONNACK allows", () => {
  for (const [granted, repeated] of [
    ["220001", "PUBLISH QoS0 b 6869"],
    ["", "PUBLISH QoS0 b 6869"],
    ["220002", "PUBLISH QoS0 alias2  6869"],
  ] as const) {
    const next = online(5, { ...lasting, ...aliasing }, "220005").next();
    for (const topic of ["a", "b"]) next.publish({ topic, qos: 0 });
    next.sees("CONNECT", "PUBLISH QoS0 alias1 a 6869", "PUBLISH QoS0 alias2 b 6869");
    next
      .receive(connack(5, { properties: granted }))
      .publish({ topic: "b", qos: 0 })
      .sees(repeated);
  }
});

only5(
  "3.3.2-10",
  "every alias from 1 to what CONNECT allowed is taken, in any order, and may be given anew",
  () => {
    const script = new Conversation(5, { topicAliasMaximum: 3 }).start();
    equal(script.connect.properties.get(34), [3]);
    script.receive(connack(5)).skip();
    for (const alias of [3, 1, 2]) {
      script.receive(publish(5, { topic: `t${alias}`, properties: `23${two(alias)}` }));
      script.tells(`message t${alias} 3031 q0`);
    }
    for (const alias of [1, 2, 3]) {
      script.receive(publish(5, { topic: "", properties: `23${two(alias)}` }));
      script.tells(`message t${alias} 3031 q0`);
    }
    script.receive(
      publish(5, { topic: "new", properties: "230002" }) + publish(5, { topic: "", properties: "230002" }),
    );
    script.tells("message new 3031 q0", "message new 3031 q0").sees();
  },
);

only5(
  "3.1.2-26 3.1.2-27 3.3.2-8 3.3.2-11",
  "an alias of 0 or above what CONNECT allowed: DISCONNECT 148",
  () => {
    for (const alias of [0, 4, 65535]) {
      const script = online(5, { topicAliasMaximum: 3 }).receive(
        publish(5, { properties: `23${two(alias)}` }),
      );
      script.sees("DISCONNECT 148", "closed");
    }
    online(5)
      .receive(publish(5, { properties: "230001" }))
      .sees("DISCONNECT 148", "closed");
  },
);

inBoth(
  "3.3.4-1",
  "3.3.4-1 3.5.2-1 3.4.2-1 3.6.2-1 3.7.2-1",
  "acknowledgements have the codes of their kind only",
  (version) => {
    // The broker's eye knows them; in 3.1.1 there are none.
    const script = online(version).publish({ qos: 2 }, 1).skip();
    script.receive(publish(version, { qos: 1 })).receive(publish(version, { qos: 2 }));
    script
      .receive(ack("pubrel", 1))
      .receive(ack("pubrel", 77))
      .receive(ack("pubrec", 1))
      .receive(ack("pubrec", 99));
    const strange = version === 5 ? " 146" : "";
    script.sees(
      "PUBACK #1",
      "PUBREC #1",
      "PUBCOMP #1",
      `PUBCOMP #77${strange}`,
      "PUBREL #1",
      `PUBREL #99${strange}`,
    );
  },
);

only5("3.4.2-1 3.5.2-1 3.6.2-1 3.7.2-1", "acknowledgements with other codes close the connection", () => {
  const wrong = {
    puback: [1, 24, 129, 146, 255],
    pubrec: [1, 129, 146, 255],
    pubrel: [16, 128],
    pubcomp: [16, 128],
  };
  for (const [type, codes] of Object.entries(wrong))
    for (const code of codes) {
      const script = online(5).publish({ qos: type === "puback" ? 1 : 2 }, 1);
      if (type === "pubcomp") script.receive(ack("pubrec", 1));
      script
        .skip()
        .receive(ack(type as "puback", 1, code))
        .sees("DISCONNECT 129", "closed");
    }
  for (const code of [16, 128, 131, 135, 144, 145, 151, 153]) {
    const released = code < 128 ? ["PUBREL #1"] : [];
    online(5)
      .publish({}, 1)
      .skip()
      .receive(ack("puback", 1, code))
      .sees();
    online(5)
      .publish({ qos: 2 }, 1)
      .skip()
      .receive(ack("pubrec", 1, code))
      .sees(...released);
  }
});

only5(
  "3.4.2-2 3.4.2-3 3.5.2-2 3.5.2-3 3.6.2-2 3.6.2-3 3.7.2-2 3.7.2-3",
  "acknowledgements have no reason string and no user property, so they fit the smallest limit",
  () => {
    const script = online(5, { userProperties: [["a", "b"]] })
      .publish({ qos: 2 }, 1)
      .skip();
    script.receive(publish(5, { qos: 1, properties: "26000161000162" }));
    script.receive(publish(5, { qos: 2, packetId: 2, properties: "26000161000162" }));
    script
      .receive(ack("pubrel", 2))
      .receive(ack("pubrec", 1))
      .sees("PUBACK #1", "PUBREC #2", "PUBCOMP #2", "PUBREL #1");
    for (const { properties } of script.packets().slice(2)) equal(properties.size, 0);
    const sizes = script.all.flatMap((one) => (one.type === "send" ? [one.bytes.length] : []));
    equal(sizes.slice(2), [4, 4, 4, 4]);
  },
);
