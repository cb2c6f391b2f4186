/** What a session is asked out of turn, what it forgets, and what it leaves for the next connection from each state. */
import { emptyKept, type KeptSession } from "../../../lib/mqtt/kept-session.js";
import { inFlight, keep, nextWakeAt, sendQuota, toResend } from "../../../lib/mqtt/session.js";
import type { SessionEvent } from "../../../lib/mqtt/session-state.js";
import { equal, fromHex, ok, test, throws } from "../../device/harness.js";
import { Script } from "../../device/mqtt-script.js";
import { ack, connack, publish, suback } from "./conformance/broker-packets.js";
import { Conversation, lasting, online } from "./conformance/conversation.js";

const versions = [4, 5] as const;
const outOfTurn: readonly SessionEvent[] = [
  { type: "publish", message: { topic: "a", payload: fromHex("00"), qos: 0 }, token: 1 },
  { type: "forget", token: 1 },
  { type: "subscribe", subscriptions: [{ filter: "a", qos: 0 }], token: 1 },
  { type: "unsubscribe", filters: ["a"], token: 1 },
  { type: "authenticate" },
];

test("before start and after the end there is nothing to ask for", () => {
  const options = { authentication: { method: "m" } };
  for (const script of [new Script(options), new Script(options).do({ type: "disconnect" })]) {
    script.skip();
    for (const event of outOfTurn)
      throws(() => script.do(event), RangeError, new RegExp(`^${event.type} while ${script.state.at}$`));
    script.expect();
    equal([sendQuota(script.state), toResend(script.state), inFlight(script.state)], [0, [], 0]);
    equal(nextWakeAt(script.state), undefined);
  }
});

test("before CONNACK requests must wait", () => {
  for (const version of versions) {
    const script = new Conversation(version).start();
    for (const event of outOfTurn.slice(2, 4)) throws(() => script.do(event), RangeError, /while connecting/);
    script.sees("CONNECT").receive(connack(version));
    for (const event of outOfTurn.slice(2, 4)) script.do(event);
    script.sees("SUBSCRIBE #1 a:0", "UNSUBSCRIBE #2 a");
  }
});

test("messages and requests count as in flight until they are answered", () => {
  for (const version of versions) {
    const script = online(version).publish({}, 1).publish({ qos: 2 }, 2).publish({ qos: 0 }, 3);
    for (const event of outOfTurn.slice(2, 4)) script.do(event);
    equal(inFlight(script.state), 4);
    script.receive(suback(version, 3, 0)).receive(version === 5 ? "b00400040000" : "b0020004");
    equal(inFlight(script.state), 2);
    script.receive(ack("puback", 1) + ack("pubrec", 2));
    equal(inFlight(script.state), 1);
    equal(inFlight(script.receive(ack("pubcomp", 2)).state), 0);
  }
});

test("a message of the last connection that is not there any more is forgotten, and no other", () => {
  for (const version of versions) {
    const first = online(version, { ...lasting, pipelining: false })
      .publish({}, 1)
      .publish({ qos: 2 }, 2);
    first.publish({}, 3).publish({ qos: 2 }, 4).receive(ack("pubrec", 4));
    for (const early of [true, false]) {
      let script = first.next();
      if (!early) script = script.receive(connack(version, { present: true }));
      script.do({ type: "forget", token: 1 });
      equal(toResend(script.state), [2, 3]);
      // What is released has reached the broker, and is to be completed.
      script.do({ type: "forget", token: 4 }).do({ type: "forget", token: 9 });
      equal(keep(script.state)?.outgoing.length, 3);
      if (early) script = script.receive(connack(version, { present: true }));
      script.do({ type: "forget", token: 3 }).publish({ qos: 2 }, 2).publish({}, 5).skip();
      // Nor what has been sent on this connection.
      script.do({ type: "forget", token: 5 }).receive(ack("puback", 5)).tells("acked 5 #5 0");
    }
  }
});

const limits = {
  receiveMaximum: 8,
  maxPacketBytes: 100,
  maximumQoS: 2,
  retainAvailable: true,
  topicAliasMaximum: 0,
  keepAliveSeconds: 60,
  sessionExpirySeconds: 3600,
  wildcardSubscriptions: true,
  sharedSubscriptions: true,
  subscriptionIdentifiers: true,
} as const;
const kept: KeptSession = {
  limits,
  pipeliningPause: 3,
  nextPacketId: 7,
  subscriptionsHash: 5,
  outgoing: [{ packetId: 6, token: 1, qos: 2, released: true }],
  incoming: [9],
};

test("before start a session leaves what it was given, or nothing", () => {
  equal(keep(new Script(lasting, kept).state), kept);
  equal(keep(new Script(lasting).state), undefined);
  equal(keep(new Script(lasting, kept).do({ type: "transport-closed" }).state), kept);
});

test("before CONNACK it leaves what it was given and what has gone out since", () => {
  const script = new Script(lasting, kept).start();
  equal(keep(script.state), kept);
  const early = new Script(lasting, { ...kept, pipeliningPause: 0 }).start().publish({}, 2);
  equal(keep(early.state), {
    ...kept,
    // Unless CONNACK comes, it was too early.
    pipeliningPause: 64,
    nextPacketId: 8,
    outgoing: [...kept.outgoing, { packetId: 7, token: 2, qos: 1, released: false }],
  });
});

test("before CONNACK of a clean start it leaves what is known of the broker, and no session", () => {
  const script = new Script({ ...lasting, cleanStart: true }, kept).start();
  equal(keep(script.state), { ...emptyKept, limits, pipeliningPause: 3, nextPacketId: 7 });
});

test("before CONNACK of a session without expiry nothing that went out is to be sent again", () => {
  const script = new Script({ ...lasting, sessionExpirySeconds: 0 }, { ...kept, pipeliningPause: 0 });
  script.start().publish({}, 2);
  equal(keep(script.state), { ...kept, pipeliningPause: 64, nextPacketId: 8 });
});

test("after CONNACK the limits are the broker's, and a session without expiry leaves nothing else", () => {
  for (const sessionExpirySeconds of [0, 9]) {
    const properties = `1100${sessionExpirySeconds.toString(16).padStart(6, "0")}2700000064`;
    const script = new Conversation(5, lasting, kept)
      .start()
      .receive(connack(5, { present: true, properties }));
    script.publish({}, 2).receive(publish(5, { qos: 2, packetId: 8 }));
    const left = keep(script.do({ type: "transport-closed" }).state);
    ok(left, "left");
    equal(left.limits, { ...limits, sessionExpirySeconds });
    equal([left.pipeliningPause, left.nextPacketId], [2, 8]);
    equal([left.outgoing.length, left.incoming], sessionExpirySeconds === 0 ? [0, []] : [2, [9, 8]]);
    equal(left.subscriptionsHash, sessionExpirySeconds === 0 ? 0 : 5);
  }
});

test("DISCONNECT before CONNACK leaves what a lost connection would", () => {
  const script = new Script(lasting, kept).start().do({ type: "disconnect" });
  equal(keep(script.state), kept);
});
