/** What a session waits for and for how long: each answer by its name, the earliest first, and the keep-alive beside them. */
import { nextWakeAt } from "../../../lib/mqtt/session.js";
import type { SessionEvent } from "../../../lib/mqtt/session-state.js";
import { equal, fromHex, ok, test } from "../../device/harness.js";
import { ack, auth, connack, publish, suback } from "./conformance/broker-packets.js";
import { Conversation, online } from "./conformance/conversation.js";

const versions = [4, 5] as const;
const patience = { ackTimeoutMs: 500, keepAliveSeconds: 0 } as const;
const subscribe: SessionEvent = { type: "subscribe", subscriptions: [{ filter: "a", qos: 0 }], token: 1 };
const unsubscribe: SessionEvent = { type: "unsubscribe", filters: ["a"], token: 2 };
const method = { authentication: { method: "m" } };
const accepted = connack(5, { properties: "1500016d" });

/** Nothing happens until 500 ms have passed, then the session fails for want of this. */
function expires(script: Conversation, missing: string): void {
  const begun = script.nowMs - 1000;
  equal(nextWakeAt(script.state), script.nowMs + 500);
  script
    .skip()
    .at(begun + 499)
    .tells();
  script.at(begun + 500).tells("failed deadline 0");
  equal(script.detail(), `no ${missing} from the broker within 500 ms`);
}

test("CONNACK and every acknowledgement are awaited for so long, and missed by name", () => {
  for (const version of versions) {
    expires(new Conversation(version, patience).start(), "CONNACK");
    expires(online(version, patience).publish(), "PUBACK");
    expires(online(version, patience).publish({ qos: 2 }), "PUBREC");
    expires(online(version, patience).do(subscribe), "SUBACK");
    expires(online(version, patience).do(unsubscribe), "UNSUBACK");
  }
});

test("PUBCOMP has its own time, from PUBREC on", () => {
  for (const version of versions)
    expires(online(version, patience).publish({ qos: 2 }).at(400).receive(ack("pubrec", 1)), "PUBCOMP");
});

test("what is released again on a new connection is awaited from CONNACK on", () => {
  for (const version of versions) {
    const options = { ...patience, cleanStart: false, sessionExpirySeconds: 9, pipelining: false };
    const first = online(version, options).publish({ qos: 2 }).receive(ack("pubrec", 1));
    const next = first.next().at(300);
    expires(next.receive(connack(version, { present: true })), "PUBCOMP");
  }
});

test("what was published before CONNACK is awaited from then on, and CONNACK first", () => {
  for (const version of versions) {
    const script = new Conversation(version, patience).start().at(100).publish();
    equal(nextWakeAt(script.state), 1500);
    equal(nextWakeAt(script.receive(connack(version)).state), 1600);
  }
});

test("a message of before that has not been sent again is not awaited", () => {
  const options = { ...patience, cleanStart: false, sessionExpirySeconds: 9 };
  const next = online(5, options).publish({ qos: 2 }).next();
  equal(nextWakeAt(next.receive(connack(5, { present: true })).state), undefined);
});

test("the earliest of several deadlines counts, in whatever order they came", () => {
  for (const version of versions) {
    const script = online(version, patience).do(subscribe).at(100).publish({}, 7).at(200).do(unsubscribe);
    equal(nextWakeAt(script.state), 1500);
    script.receive(suback(version, 1, 0));
    equal(nextWakeAt(script.state), 1600);
    script.receive(ack("puback", 2));
    equal(nextWakeAt(script.state), 1700);
    const resumed = online(version, patience).publish({ qos: 2 }, 1).at(100).publish({}, 2).at(200);
    resumed.receive(ack("pubrec", 1));
    equal(nextWakeAt(resumed.state), 1600, "the second message, while the first has begun anew");
  }
});

test("the broker's AUTH is awaited, before CONNACK and after; the caller's own turn is not", () => {
  const begun = new Conversation(5, { ...patience, ...method }).start();
  begun.at(400).receive(auth(24, "m"));
  equal(nextWakeAt(begun.state), 1500, "CONNACK");
  begun.do({ type: "authenticate", data: fromHex("01") });
  expires(begun, "CONNACK");
  const again = new Conversation(5, { ...patience, ...method }).start().receive(accepted);
  equal(nextWakeAt(again.state), undefined);
  again.at(100).do({ type: "authenticate" });
  equal(nextWakeAt(again.state), 1600);
  again.receive(auth(24, "m"));
  equal(nextWakeAt(again.state), undefined);
  again.at(300).do({ type: "authenticate", data: fromHex("01") });
  expires(again, "AUTH");
});

test("the keep-alive counts from the last packet sent, of whatever type", () => {
  const alive = { keepAliveSeconds: 10, ackTimeoutMs: 100_000, ...method };
  const sends: readonly ((script: Conversation) => Conversation)[] = [
    (script) => script.publish({ qos: 0 }),
    (script) => script.publish({ qos: 1 }),
    (script) => script.do(subscribe),
    (script) => script.do(unsubscribe),
    (script) => script.do({ type: "authenticate" }),
    (script) => script.receive(publish(5, { qos: 1 })),
    (script) => script.receive(publish(5, { qos: 2 })),
    (script) => script.receive(ack("pubrel", 5)),
  ];
  for (const send of sends) {
    const script = send(new Conversation(5, alive).start().receive(accepted).at(4000));
    script.skip().at(13_999).sees().at(14_000).sees("PINGREQ");
    // PINGREQ is sent too.
    script.receive("d000").at(23_999).sees().at(24_000).sees("PINGREQ");
  }
});

test("what is only received does not put the keep-alive off", () => {
  const script = online(5, { keepAliveSeconds: 10 }).at(9000).receive(publish(5)).skip();
  script.at(10_000).sees("PINGREQ");
});

test("PINGRESP is awaited no longer than a keep-alive, and nothing else puts it off", () => {
  for (const [keepAliveSeconds, wait] of [
    [10, 500],
    [1, 500],
  ] as const) {
    const script = online(5, { keepAliveSeconds, ackTimeoutMs: 500 }).at(keepAliveSeconds * 1000);
    script.publish({ qos: 0 }).receive(publish(5)).skip();
    script.at(keepAliveSeconds * 1000 + wait - 1).tells();
    script.at(keepAliveSeconds * 1000 + wait).tells("failed deadline 0");
    ok(script.detail().includes("PINGRESP"), script.detail());
  }
  const script = online(5, { keepAliveSeconds: 1, ackTimeoutMs: 5000 }).at(1000).skip();
  script.at(1999).tells().at(2000).tells("failed deadline 0");
});

test("a clock that calls too early, or often, changes nothing", () => {
  const script = online(5, { keepAliveSeconds: 10, ackTimeoutMs: 500 }).publish().skip();
  for (let i = 0; i < 5; i++) script.do({ type: "time" });
  script.sees().tells();
  new Conversation(5).do({ type: "time" }).sees();
});
