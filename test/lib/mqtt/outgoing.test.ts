/**
 * Messages to the broker: each acknowledgement in each stage of a message, in both versions, and what of the message
 * remains for this connection and the next.
 */
import { inFlight, keep, toResend } from "../../../lib/mqtt/session.js";
import { equal, test, throws } from "../../device/harness.js";
import { ack, connack, four } from "./conformance/broker-packets.js";
import { type Conversation, closing, lasting, online } from "./conformance/conversation.js";

type Version = 4 | 5;
const versions = [4, 5] as const;
const quiet = { ...lasting, pipelining: false, keepAliveSeconds: 0 } as const;

/** A session with message 1 as #1 in this stage, and nothing else. */
const stages = {
  "not in flight": (version: Version) => online(version, quiet),
  "QoS 1 sent": (version: Version) => online(version, quiet).publish({}, 1),
  "QoS 2 sent": (version: Version) => online(version, quiet).publish({ qos: 2 }, 1),
  "QoS 2 released": (version: Version) =>
    online(version, quiet).publish({ qos: 2 }, 1).receive(ack("pubrec", 1)),
  "QoS 1 of before": (version: Version) => resumed(online(version, quiet).publish({}, 1)),
  "QoS 2 of before": (version: Version) => resumed(online(version, quiet).publish({ qos: 2 }, 1)),
  "QoS 2 released before": (version: Version) =>
    resumed(online(version, quiet).publish({ qos: 2 }, 1).receive(ack("pubrec", 1))),
  "QoS 1 sent again": (version: Version) => resumed(online(version, quiet).publish({}, 1)).resend(),
  "QoS 2 sent again": (version: Version) => resumed(online(version, quiet).publish({ qos: 2 }, 1)).resend(),
} as const;

function resumed(script: Conversation): Conversation {
  return script.next().receive(connack(script.version, { present: true }));
}

type Stage = keyof typeof stages;
type Ack = "puback" | "pubrec" | "pubcomp";

/** What the broker sees; what the application hears; whether the message is still this session's. */
type Outcome = readonly [sees: string, hears: string, left: boolean];

const error: Outcome = ["", "failed protocol-error 130", true];
const ignored: Outcome = ["", "", false];
const acked: Outcome = ["", "acked 1 #1 0", false];
const released: Outcome = ["PUBREL #1", "acked 1 #1 0", true];
const releasedAgain: Outcome = ["PUBREL #1", "", true];
const completed: Outcome = ["", "completed 1 #1", false];

const table: Readonly<Record<Stage, Readonly<Record<Ack, Outcome>>>> = {
  // PUBREL, in 5 with its reason, ends at the broker what is not known here.
  "not in flight": {
    puback: ["", "failed protocol-error 130", false],
    pubrec: ["PUBREL #1", "", false],
    pubcomp: ignored,
  },
  "QoS 1 sent": { puback: acked, pubrec: error, pubcomp: error },
  "QoS 2 sent": { puback: error, pubrec: released, pubcomp: error },
  "QoS 2 released": { puback: error, pubrec: releasedAgain, pubcomp: completed },
  "QoS 1 of before": { puback: error, pubrec: error, pubcomp: error },
  // The broker has it, and says so before it is sent again.
  "QoS 2 of before": { puback: error, pubrec: released, pubcomp: error },
  "QoS 2 released before": { puback: error, pubrec: releasedAgain, pubcomp: completed },
  "QoS 1 sent again": { puback: acked, pubrec: error, pubcomp: error },
  "QoS 2 sent again": { puback: error, pubrec: released, pubcomp: error },
};

function check(version: Version, stage: Stage, packet: string, [sees, hears, left]: Outcome): void {
  const script = stages[stage](version).skip().receive(packet);
  const failed = hears.startsWith("failed");
  script.sees(...(failed ? closing(version, 130) : sees === "" ? [] : [sees]));
  script.tells(...(hears === "" ? [] : [hears]));
  equal(keep(script.state)?.outgoing.length, left ? 1 : 0, `left after ${packet}`);
  if (!failed) equal(inFlight(script.state), left ? 1 : 0);
}

for (const stage of Object.keys(table) as Stage[])
  test(`${stage}: PUBACK, PUBREC and PUBCOMP`, () => {
    for (const version of versions)
      for (const type of ["puback", "pubrec", "pubcomp"] as const) {
        const [sees, hears, left] = table[stage][type];
        const named = version === 5 && stage === "not in flight" && sees !== "" ? `${sees} 146` : sees;
        check(version, stage, ack(type, 1), [named, hears, left]);
      }
  });

const refusedAck: Readonly<Record<Stage, readonly [puback: Outcome, pubrec: Outcome]>> = {
  "not in flight": [["", "failed protocol-error 130", false], ignored],
  "QoS 1 sent": [["", "refused 1 #1 135", false], error],
  "QoS 2 sent": [error, ["", "refused 1 #1 135", false]],
  "QoS 2 released": [error, releasedAgain],
  "QoS 1 of before": [error, error],
  "QoS 2 of before": [error, ["", "refused 1 #1 135", false]],
  "QoS 2 released before": [error, releasedAgain],
  "QoS 1 sent again": [["", "refused 1 #1 135", false], error],
  "QoS 2 sent again": [error, ["", "refused 1 #1 135", false]],
};

for (const stage of Object.keys(refusedAck) as Stage[])
  test(`${stage}: PUBACK and PUBREC with an error of MQTT 5`, () => {
    const [puback, pubrec] = refusedAck[stage];
    check(5, stage, ack("puback", 1, 0x87), puback);
    check(5, stage, ack("pubrec", 1, 0x87), pubrec);
  });

test("PUBCOMP with packet identifier not found completes the message all the same", () => {
  for (const stage of ["QoS 2 released", "QoS 2 released before"] as const)
    check(5, stage, ack("pubcomp", 1, 146), completed);
  check(5, "not in flight", ack("pubcomp", 1, 146), ignored);
  check(5, "QoS 2 sent", ack("pubcomp", 1, 146), error);
});

test("nobody has subscribed is an acknowledgement, at QoS 1 and 2", () => {
  check(5, "QoS 1 sent", ack("puback", 1, 16), ["", "acked 1 #1 16", false]);
  check(5, "QoS 2 sent", ack("pubrec", 1, 16), ["PUBREL #1", "acked 1 #1 16", true]);
});

test("an acknowledgement of another message's identifier leaves this one in flight", () => {
  for (const version of versions) {
    const script = online(version, quiet).publish({}, 1).publish({ qos: 2 }, 2).publish({}, 3).skip();
    script.receive(ack("puback", 3)).tells("acked 3 #3 0");
    script.receive(ack("pubrec", 2)).tells("acked 2 #2 0").sees("PUBREL #2");
    equal(inFlight(script.state), 2);
    script.receive(ack("pubcomp", 2)).receive(ack("puback", 1)).tells("completed 2 #2", "acked 1 #1 0");
    equal(inFlight(script.state), 0);
  }
});

test("a message is sent again with what it was, and its acknowledgement ends it for good", () => {
  for (const version of versions) {
    const script = online(version, quiet).publish({}, 1).publish({ qos: 2 }, 2);
    const next = resumed(script).resend();
    equal(toResend(next.state), []);
    next.receive(ack("puback", 1)).receive(ack("pubrec", 2)).receive(ack("pubcomp", 2));
    equal(keep(next.do({ type: "disconnect" }).state)?.outgoing, []);
  }
});

test("what was sent again keeps its place among those that were not", () => {
  for (const version of versions) {
    const script = online(version, lasting).publish({}, 1).publish({}, 2).publish({}, 3);
    const next = script.next().publish({}, 1);
    equal(toResend(next.next().state), [1, 2, 3]);
    const later = resumed(script).publish({}, 1).publish({}, 2);
    equal(toResend(later.next().state), [1, 2, 3]);
  }
});

test("a message has a token of its own, a whole number below 2^48, and the QoS it had before", () => {
  for (const version of versions) {
    const script = online(version, quiet)
      .publish({}, 2 ** 48 - 1)
      .publish({ qos: 2 }, 0)
      .skip();
    for (const token of [2 ** 48, -1, 0.5, Number.NaN])
      throws(() => script.publish({}, token), RangeError, /token/);
    throws(() => script.publish({}, 0), RangeError, /message 0 is in flight/);
    throws(() => script.publish({ qos: 0 }, 0), RangeError, /message 0 is in flight/);
    script.sees();
    const next = resumed(script).skip();
    for (const qos of [0, 2] as const)
      throws(() => next.publish({ qos }, 2 ** 48 - 1), RangeError, /had QoS 1/);
    next.sees();
  }
});

test("no more aliases than were asked for, however many the broker takes", () => {
  const script = online(5, { topicAliases: 1 }, "220005")
    .publish({ topic: "a" }, 1)
    .publish({ topic: "b" }, 2);
  script.publish({ topic: "b" }, 3).publish({ topic: "a" }, 4);
  script.sees(
    "PUBLISH QoS1 #1 alias1 a 6869",
    "PUBLISH QoS1 #2 b 6869",
    "PUBLISH QoS1 #3 b 6869",
    "PUBLISH QoS1 #4 alias1  6869",
  );
});

test("a message that fits only without an alias goes out without", () => {
  const limited = (bytes: number) => online(5, { topicAliases: 1 }, `22000127${four(bytes)}`);
  limited(15)
    .publish()
    .publish({}, 8)
    .sees("PUBLISH QoS1 #1 alias1 a/b 6869", "PUBLISH QoS1 #2 alias1  6869");
  limited(14).publish().publish({}, 8).sees("PUBLISH QoS1 #1 a/b 6869", "PUBLISH QoS1 #2 a/b 6869");
  limited(12).publish().sees("PUBLISH QoS1 #1 a/b 6869");
  const small = limited(11).publish().sees().tells("refused 7 #0 149");
  equal(small.detail().endsWith("(12 bytes, the broker takes 11)"), true, small.detail());
  // An alias is longer than the shortest topics.
  const short = limited(13)
    .publish({ topic: "c" }, 1)
    .publish({ topic: "c", payload: new Uint8Array(5) }, 2);
  short.sees("PUBLISH QoS1 #1 alias1 c 6869", "PUBLISH QoS1 #2 c 0000000000");
});
