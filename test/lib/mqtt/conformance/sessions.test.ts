/** What outlives a connection: session state, and what is sent again (§3.1.2.4, §3.2.2.1, §4.1, §4.4, §4.6). */
import { decodeKept, encodeKept } from "../../../../lib/mqtt/kept-session.js";
import { keep, sendQuota, toResend } from "../../../../lib/mqtt/session.js";
import { equal, ok, throws } from "../../../device/harness.js";
import { ack, connack, publish, suback } from "./broker-packets.js";
import type { Version } from "./brokers-eye.js";
import { Conversation, inBoth, lasting, online, only5, only311 } from "./conversation.js";

const patient = { ...lasting, pipelining: false, keepAliveSeconds: 0 } as const;

/** A session that has: QoS 1 unacknowledged #1 and #4, QoS 2 unreceived #2, uncompleted #3, and #9 from the broker. */
function interrupted(version: Version): Conversation {
  const script = online(version, patient);
  script.publish({}, 1).publish({ qos: 2 }, 2).publish({ qos: 2 }, 3).publish({}, 4);
  script.receive(ack("pubrec", 3)).receive(publish(version, { qos: 2, packetId: 9 }));
  return script.skip();
}

inBoth(
  "2.3.1-3 3.1.2-4 3.3.1-1 4.4.0-1 4.6.0-1",
  "3.1.2-23 3.3.1-1 4.4.0-1 4.6.0-1",
  "the session goes on: PUBREL and PUBLISH again, with DUP, their identifiers and in their order",
  (version) => {
    const next = interrupted(version).next().sees("CONNECT");
    equal(toResend(next.state), [1, 2, 4]);
    next
      .receive(connack(version, { present: true }))
      .sees("PUBREL #3")
      .skip();
    throws(() => next.publish({}, 2), RangeError, /first/);
    throws(() => next.publish({}, 5), RangeError, /first/);
    next.sees().publish({}, 1).publish({ qos: 2 }, 2).publish({}, 4).publish({}, 5);
    next.sees(
      "PUBLISH DUP QoS1 #1 a/b 6869",
      "PUBLISH DUP QoS2 #2 a/b 6869",
      "PUBLISH DUP QoS1 #4 a/b 6869",
      "PUBLISH QoS1 #5 a/b 6869",
    );
    next.receive(
      ack("pubcomp", 3) + ack("puback", 1) + ack("pubrec", 2) + ack("pubcomp", 2) + ack("puback", 4),
    );
    next
      .sees("PUBREL #2")
      .tells("completed 3 #3", "acked 1 #1 0", "acked 2 #2 0", "completed 2 #2", "acked 4 #4 0");
    equal(toResend(next.next().state), [5]);
  },
);

inBoth(
  "2.3.1-3 3.3.1-1 4.6.0-1",
  "3.3.1-1 4.6.0-1",
  "what goes out again before CONNACK has DUP, its identifier and its turn too; QoS 2 waits",
  (version) => {
    const script = online(version, lasting)
      .publish({}, 1)
      .publish({}, 2)
      .publish({ qos: 2 }, 3)
      .publish({}, 4);
    const next = script.next().sees("CONNECT");
    throws(() => next.publish({}, 2), RangeError, /first/);
    throws(() => next.publish({}, 5), RangeError, /first/);
    next.publish({}, 1).publish({}, 2);
    next.sees("PUBLISH DUP QoS1 #1 a/b 6869", "PUBLISH DUP QoS1 #2 a/b 6869");
    equal(sendQuota(next.state), 0);
    throws(() => next.publish({}, 4), RangeError, /first/);
    next
      .receive(connack(version, { present: true }))
      .publish({ qos: 2 }, 3)
      .publish({}, 4);
    next.sees("PUBLISH DUP QoS2 #3 a/b 6869", "PUBLISH DUP QoS1 #4 a/b 6869");
  },
);

inBoth(
  "4.3.3-2",
  "4.3.3-10 4.3.3-12",
  "a QoS 2 message received before the connection broke is not handed on again after",
  (version) => {
    const next = interrupted(version)
      .next()
      .receive(connack(version, { present: true }))
      .skip();
    next
      .receive(publish(version, { qos: 2, packetId: 9, dup: true }))
      .sees("PUBREC #9")
      .tells();
    next.receive(ack("pubrel", 9)).sees("PUBCOMP #9");
    next
      .receive(publish(version, { qos: 2, packetId: 9 }))
      .sees("PUBREC #9")
      .tells("message c/d 3031 q2");
  },
);

inBoth(
  "4.3.3-1 4.3.2-1",
  "4.3.3-3 4.3.3-5 4.3.3-6 4.3.2-3",
  "what is unacknowledged stays so over any number of connections, and PUBLISH never follows PUBREL",
  (version) => {
    let script = interrupted(version);
    for (let i = 0; i < 3; i++) {
      script = script.next().receive(connack(version, { present: true }));
      equal(toResend(script.state), [1, 2, 4]);
      throws(() => script.publish({ qos: 2 }, 3), RangeError);
    }
    script
      .skip()
      .resend()
      .next()
      .receive(connack(version, { present: true }));
    equal(toResend(script.next().state), [1, 2, 4]);
  },
);

inBoth(
  "4.4.0-1",
  "4.4.0-1",
  "within a connection nothing is sent again, whatever happens and however long it takes",
  (version) => {
    const script = online(version, { ...patient, ackTimeoutMs: 1_000_000 });
    script.publish({}, 1).publish({ qos: 2 }, 2).publish({ qos: 2 }, 3).receive(ack("pubrec", 3)).skip();
    script.at(999_000).receive(publish(version)).sees();
    throws(() => script.publish({}, 1), RangeError, /in flight/);
    script.sees();
  },
);

inBoth(
  "3.1.2-6",
  "3.1.2-4",
  "a clean start discards the session: nothing is sent again, identifiers of the broker's are new",
  (version) => {
    const next = interrupted(version).next({ cleanStart: true });
    equal([toResend(next.state), next.connect.flags & 2], [[], 2]);
    next.receive(connack(version)).sees("CONNECT").skip();
    next.receive(publish(version, { qos: 2, packetId: 9, dup: true })).sees("PUBREC #9");
    next.tells("message c/d 3031 q2 dup").publish({}, 1);
    ok(!next.last().line.includes("DUP"), next.last().line);
  },
);

inBoth(
  "3.1.2-6",
  "3.1.2-4",
  "a clean start discards the session even if its CONNACK never comes",
  (version) => {
    const lost = interrupted(version).next({ cleanStart: true });
    const third = lost.next({ cleanStart: false });
    equal(toResend(third.state), []);
    third.receive(connack(version, { present: true })).skip();
    if (third.state.at === "ended") return;
    third
      .receive(publish(version, { qos: 2, packetId: 9 }))
      .sees("PUBREC #9")
      .tells("message c/d 3031 q2");
  },
);

only311("3.1.2-6", "a session of clean session 1 ends with its connection", () => {
  const script = online(4, { ...patient, cleanStart: true })
    .publish({}, 1)
    .publish({ qos: 2 }, 2);
  script.receive(publish(4, { qos: 2, packetId: 9 }));
  const next = script.next({ cleanStart: false });
  equal(toResend(next.state), []);
  next
    .receive(connack(4))
    .skip()
    .receive(publish(4, { qos: 2, packetId: 9 }))
    .tells("message c/d 3031 q2");
});

only5("3.1.2-23", "the session expiry interval decides whether the session outlives its connection", () => {
  const cases: [object, string, number[]][] = [
    [{}, "", [1]],
    [{ sessionExpirySeconds: 0 }, "", []],
    // What CONNACK says counts.
    [{}, "1100000000", []],
    [{ sessionExpirySeconds: 0 }, "110000000a", [1]],
  ];
  for (const [options, properties, tokens] of cases) {
    const script = online(5, { ...patient, ...options }, properties).publish({}, 1);
    equal(toResend(script.next().state), tokens);
  }
  const ended = online(5, patient).publish({}, 1).do({ type: "disconnect", sessionExpirySeconds: 0 });
  equal(toResend(ended.next().state), []);
  const kept = online(5, patient).publish({}, 1).do({ type: "disconnect", sessionExpirySeconds: 5 });
  equal(toResend(kept.next().state), [1]);
});

inBoth(
  "3.1.2-4 4.1.0-1",
  "3.1.2-23",
  "session state is stored as bytes and taken up from them",
  (version) => {
    const script = interrupted(version).do({ type: "transport-closed" });
    const kept = keep(script.state);
    ok(kept, "kept");
    const client = { version, clientId: "d1" };
    const restored = decodeKept(encodeKept(kept, client), client);
    const next = new Conversation(version, patient, restored)
      .start()
      .receive(connack(version, { present: true }));
    next.sees("CONNECT", "PUBREL #3").publish({}, 1).publish({ qos: 2 }, 2).publish({}, 4).skip();
    next
      .receive(publish(version, { qos: 2, packetId: 9 }))
      .sees("PUBREC #9")
      .tells();
  },
);

inBoth("3.1.3-2", "3.1.3-2", "session state belongs to one client identifier", (version) => {
  const kept = keep(interrupted(version).do({ type: "transport-closed" }).state);
  ok(kept, "kept");
  const bytes = encodeKept(kept, { version, clientId: "d1" });
  equal(decodeKept(bytes, { version, clientId: "d1" }), kept);
  for (const clientId of ["d2", "d", "d11", ""]) equal(decodeKept(bytes, { version, clientId }), undefined);
  equal(decodeKept(bytes, { version: version === 5 ? 4 : 5, clientId: "d1" }), undefined);
});

only5("3.2.2-4", "a session that the client does not know: it closes", () => {
  const script = new Conversation(5, lasting)
    .start()
    .skip()
    .receive(connack(5, { present: true }));
  script.sees("closed").tells("failed protocol-error 0");
  interrupted(5)
    .next()
    .receive(connack(5, { present: true }))
    .tells("connected present");
});

inBoth("3.2.2-3", "3.2.2-5", "session present 0: the session is gone at this end too", (version) => {
  const next = interrupted(version).next().receive(connack(version)).sees("CONNECT").skip();
  equal(toResend(next.state), []);
  next
    .receive(publish(version, { qos: 2, packetId: 9 }))
    .sees("PUBREC #9")
    .tells("message c/d 3031 q2");
  next.publish({}, 1).publish({ qos: 2 }, 2);
  ok(
    next.packets().every(({ line }) => !line.includes("DUP")),
    "no DUP",
  );
  equal(toResend(next.next().state), [1, 2]);
});

inBoth(
  "3.2.2-3",
  "3.2.2-5",
  "session present 0: subscriptions of the session are gone too and made anew, otherwise not",
  (version) => {
    const options = { ...patient, subscriptions: [{ filter: "c/d", qos: 1 }] } as const;
    const script = new Conversation(version, options).start().receive(connack(version));
    script.sees("CONNECT", "SUBSCRIBE #1 c/d:1").receive(suback(version, 1, 1));
    const present = script
      .next()
      .receive(connack(version, { present: true }))
      .sees("CONNECT");
    const lost = present.next().receive(connack(version));
    equal(
      lost.packets().map(({ name }) => name),
      ["CONNECT", "SUBSCRIBE"],
    );
  },
);

inBoth(
  "4.1.0-1 4.1.0-2",
  "4.1.0-1",
  "session state lasts as long as the connection, whatever its expiry",
  (version) => {
    const script = online(version, { keepAliveSeconds: 0, ackTimeoutMs: 0x7fff_ffff });
    script.publish({}, 1).publish({ qos: 2 }, 2).receive(ack("pubrec", 2));
    script
      .receive(publish(version, { qos: 2, packetId: 9 }))
      .at(0x7fff_0000)
      .skip();
    script
      .receive(publish(version, { qos: 2, packetId: 9, dup: true }))
      .sees("PUBREC #9")
      .tells();
    script.receive(ack("puback", 1) + ack("pubcomp", 2)).tells("acked 1 #1 0", "completed 2 #2");
  },
);

only5("4.3.3-7", "a QoS 2 message is sent again as it was, long after it expired", () => {
  const expiring = { qos: 2, messageExpirySeconds: 1 } as const;
  const script = online(5, patient).publish(expiring, 1);
  const first = script.last();
  const next = script.next();
  next.nowMs += 5_000_000;
  next.receive(connack(5, { present: true })).publish(expiring, 1);
  equal(next.last().line, first.line.replace("PUBLISH", "PUBLISH DUP"));
  equal([...next.last().properties], [...first.properties]);
});

only5("4.4.0-2", "a message refused is not sent again on the next connection", () => {
  const script = online(5, patient).publish({}, 1).publish({ qos: 2 }, 2).publish({}, 3);
  script.receive(ack("puback", 1, 135)).receive(ack("pubrec", 2, 151));
  equal(toResend(script.next().state), [3]);
});

inBoth(
  "2.3.1-2",
  "2.2.1-3",
  "a new message takes no identifier of one that waits to be sent again",
  (version) => {
    const next = interrupted(version)
      .next()
      .receive(connack(version, { present: true }))
      .skip();
    ok(next.state.at === "connected", "connected");
    next.state = { ...next.state, nextPacketId: 1 };
    next.do({ type: "subscribe", subscriptions: [{ filter: "a", qos: 0 }], token: 9 });
    next.sees("SUBSCRIBE #5 a:0");
  },
);

inBoth(
  "4.4.0-1",
  "4.4.0-1 4.9.0-3",
  "PUBREL goes out again although the send quota is used up",
  (version) => {
    const script = online(version, { ...patient, maxInFlight: 2 })
      .publish({ qos: 2 }, 1)
      .publish({ qos: 2 }, 2);
    script.receive(ack("pubrec", 1) + ack("pubrec", 2));
    const next = script.next().receive(connack(version, { present: true }));
    next.sees("CONNECT", "PUBREL #1", "PUBREL #2");
    ok(sendQuota(next.state) <= 2, "quota");
  },
);
