/** What goes out before CONNACK, and what becomes of it: granted, refused, less than assumed, or never answered. */
import { keep, sendQuota, toResend } from "../../../lib/mqtt/session.js";
import { equal, ok, test, throws } from "../../device/harness.js";
import { ack, connack, disconnect, suback } from "./conformance/broker-packets.js";
import { Conversation, lasting } from "./conformance/conversation.js";

const versions = [4, 5] as const;
/** A receive maximum of 3, two aliases. */
const granted = "210003" + "220002";
const options = { ...lasting, topicAliases: 2 } as const;

/** The second connection to a broker that has granted this, before its CONNACK. */
function second(properties = granted, more: object = {}): Conversation {
  const first = new Conversation(5, { ...options, ...more }).start().receive(connack(5, { properties }));
  return first.next().skip();
}

test("the first time one message goes out with CONNECT, without an alias", () => {
  for (const version of versions) {
    const script = new Conversation(version, options).start();
    equal(sendQuota(script.state), 1);
    script.publish().sees("CONNECT", "PUBLISH QoS1 #1 a/b 6869");
    equal(sendQuota(script.state), 0);
    throws(() => script.publish({}, 8), RangeError, /quota/);
    throws(() => script.publish({ qos: 0 }, 8), RangeError, /quota/);
    script.sees().receive(connack(version)).receive(ack("puback", 1)).tells("connected", "acked 7 #1 0");
  }
});

test("the one message may be of QoS 0, which then is all", () => {
  const script = new Conversation(5).start().publish({ qos: 0 });
  script.sees("CONNECT", "PUBLISH QoS0 a/b 6869");
  equal(sendQuota(script.state), 0);
});

test("later as many messages and aliases as the broker granted the last time", () => {
  const script = second();
  equal(sendQuota(script.state), 3);
  script.publish({}, 1).publish({}, 2).publish({ topic: "c" }, 3);
  script.sees(
    "PUBLISH QoS1 #1 alias1 a/b 6869",
    "PUBLISH QoS1 #2 alias1  6869",
    "PUBLISH QoS1 #3 alias2 c 6869",
  );
  throws(() => script.publish({}, 4), RangeError, /quota/);
  script.receive(connack(5, { present: true, properties: granted })).receive(ack("puback", 1));
  script.publish({ topic: "d" }, 4).sees("PUBLISH QoS1 #4 d 6869");
});

test("of QoS 0 any number later, while the quota is not used up by others", () => {
  const script = second("210001");
  for (let token = 1; token < 9; token++) script.publish({ qos: 0 }, token);
  equal(sendQuota(script.state), 1);
  script.publish({}, 9);
  equal(sendQuota(script.state), 0);
});

test("what the remembered limits exclude waits for those of this connection", () => {
  // QoS 1 at most, no retained messages, 16 bytes.
  const limits = "2401" + "2500" + "2700000010";
  const script = second(limits)
    .publish({ qos: 0, retain: true }, 1)
    .publish({ payload: new Uint8Array(9) }, 2);
  script.sees().tells("postponed 1", "postponed 2");
  const wider = script.receive(connack(5, { present: true })).skip();
  wider.publish({ qos: 0, retain: true }, 1).publish({ payload: new Uint8Array(9) }, 2);
  wider.sees("PUBLISH QoS0 RETAIN a/b 6869", `PUBLISH QoS1 #1 a/b ${"00".repeat(9)}`);
  const still = second(limits)
    .receive(connack(5, { present: true, properties: limits }))
    .skip();
  still.publish({ qos: 0, retain: true }, 1).publish({ payload: new Uint8Array(9) }, 2);
  still.sees().tells("refused 1 #0 154", "refused 2 #0 149");
});

test("what is remembered counts no further than what is asked for now", () => {
  const less = [
    [{ maxInFlight: 2 }, ["PUBLISH QoS1 #1 alias1 a 6869", "PUBLISH QoS1 #2 alias2 b 6869"]],
    [{ topicAliases: 1 }, ["PUBLISH QoS1 #1 alias1 a 6869", "PUBLISH QoS1 #2 b 6869"]],
    [{ maxInFlight: 2, topicAliases: 0 }, ["PUBLISH QoS1 #1 a 6869", "PUBLISH QoS1 #2 b 6869"]],
  ] as const;
  for (const [more, lines] of less) {
    const script = second().next(more).skip();
    equal(sendQuota(script.state), "maxInFlight" in more ? 2 : 3);
    script
      .publish({ topic: "a" }, 1)
      .publish({ topic: "b" }, 2)
      .sees(...lines);
  }
});

test("QoS 2 never goes out before CONNACK", () => {
  for (const version of versions) {
    const script = new Conversation(version, options).start().publish({ qos: 2 });
    script.sees("CONNECT").tells("postponed 7");
    equal([sendQuota(script.state), toResend(script.state)], [1, []]);
    script.receive(connack(version)).publish({ qos: 2 }).sees("PUBLISH QoS2 #1 a/b 6869");
  }
});

test("messages of the last connection go out first, with DUP, up to the first of QoS 2", () => {
  for (const version of versions) {
    const first = new Conversation(version, lasting).start().receive(connack(version));
    first.publish({}, 1).publish({ qos: 2 }, 2).publish({}, 3);
    const script = first.next();
    equal(toResend(script.state), [1, 2, 3]);
    throws(() => script.publish({}, 3), RangeError, /message 1 is to be sent again first/);
    script.publish({}, 1).sees("CONNECT", "PUBLISH DUP QoS1 #1 a/b 6869");
    equal([sendQuota(script.state), toResend(script.state)], [0, [2, 3]]);
    script.receive(connack(version, { present: true })).resend();
    script.sees("PUBLISH DUP QoS2 #2 a/b 6869", "PUBLISH DUP QoS1 #3 a/b 6869");
  }
});

test("a released message counts against the quota before CONNACK too", () => {
  const first = new Conversation(5, options).start().receive(connack(5, { properties: "210002" }));
  const script = first.publish({ qos: 2 }, 1).receive(ack("pubrec", 1)).next().skip();
  equal(sendQuota(script.state), 1);
  script.receive(connack(5, { present: true, properties: "210002" })).sees("PUBREL #1");
});

test("nothing goes out before CONNACK with an authentication method, or when pipelining is switched off", () => {
  for (const more of [{ authentication: { method: "m" } }, { pipelining: false }]) {
    const script = new Conversation(5, {
      ...options,
      ...more,
      subscriptions: [{ filter: "c", qos: 1 }],
    }).start();
    equal(sendQuota(script.state), 0);
    throws(() => script.publish(), RangeError, /quota/);
    throws(() => script.publish({ qos: 0 }), RangeError, /quota/);
    script.sees("CONNECT");
  }
});

const own = { subscriptions: [{ filter: "c/d", qos: 1 }] } as const;
const other = { subscriptions: [{ filter: "c/d", qos: 2 }] } as const;

test("SUBSCRIBE goes out with CONNECT when no session is expected, and is not repeated after session present 0", () => {
  for (const version of versions) {
    const script = new Conversation(version, { ...lasting, ...own }).start().publish();
    script.sees("CONNECT", "SUBSCRIBE #1 c/d:1", "PUBLISH QoS1 #2 a/b 6869");
    script.receive(connack(version)).sees();
    script.receive(suback(version, 1, 1)).tells("connected", "subscribed own [1]");
  }
});

test("with a session expected SUBSCRIBE waits, and goes out only if the broker has none", () => {
  for (const version of versions) {
    const first = new Conversation(version, { ...lasting, ...own }).start();
    first.receive(connack(version)).receive(suback(version, 1, 1));
    const script = first.next().sees("CONNECT");
    script.receive(connack(version, { present: true })).sees();
    const lost = script.next().receive(connack(version));
    lost.sees("CONNECT", "SUBSCRIBE #2 c/d:1");
  }
});

test("SUBSCRIBE goes out with CONNECT when the subscriptions changed, and after CONNACK when they were not confirmed", () => {
  for (const version of versions) {
    const present = connack(version, { present: true });
    const first = new Conversation(version, { ...lasting, ...own }).start().receive(connack(version));
    const changed = first
      .receive(suback(version, 1, 1))
      .next(other)
      .sees("CONNECT", "SUBSCRIBE #2 c/d:2");
    changed.receive(present).sees();
    // Not confirmed: the broker may have these or those before, and may not like to be asked before CONNACK.
    const back = changed.next(own).sees("CONNECT").receive(present).sees("SUBSCRIBE #3 c/d:1");
    back
      .receive(suback(version, 3, 1))
      .next(own)
      .sees("CONNECT")
      .receive(present)
      .sees();
  }
});

test("SUBSCRIBE waits for CONNACK if the broker is not known to take it, and is judged by that alone", () => {
  const wildcard = { subscriptions: [{ filter: "c/d/e/#", qos: 1 }] } as const;
  const first = new Conversation(5, { ...lasting, ...wildcard }).start().sees("CONNECT");
  first.receive(connack(5)).sees("SUBSCRIBE #1 c/d/e/#:1");
  // At most 12 bytes the last time, then 2,048; no wildcards, then all.
  for (const before of ["270000000c", "2800"]) {
    const known = second(before, wildcard).sees().tells();
    known
      .receive(connack(5, { present: true }))
      .sees("SUBSCRIBE #1 c/d/e/#:1")
      .tells("connected present");
    const quiet = second(before, wildcard).do({ type: "transport-closed" });
    equal(quiet.all.at(-2), {
      type: "failed",
      failure: (quiet.all.at(-2) as { failure: object }).failure,
      again: false,
    });
  }
});

test("a refused CONNACK leaves everything as it was before", () => {
  for (const version of versions) {
    const first = new Conversation(version, lasting).start().receive(connack(version));
    first.publish({}, 1).publish({ qos: 2 }, 2).receive(ack("pubrec", 2)).do({ type: "transport-closed" });
    const before = keep(first.state);
    const script = first.next().publish({}, 1).publish({}, 3);
    script.receive(connack(version, { code: version === 5 ? 0x88 : 3 }));
    script.tells(`failed broker-refused ${version === 5 ? 0x88 : 3}`);
    equal(keep(script.state), before);
    const next = script.next().publish({}, 1);
    equal(next.lines().slice(1), ["PUBLISH DUP QoS1 #1 a/b 6869"]);
    equal([toResend(next.state), sendQuota(next.state)], [[], 6]);
  }
});

test("a refusal of the very first connection leaves nothing", () => {
  const script = new Conversation(5, lasting)
    .start()
    .publish()
    .receive(connack(5, { code: 0x87 }));
  equal(keep(script.state), undefined);
});

test("a session that is not known here is refused the next time too", () => {
  for (let script = new Conversation(5, lasting).start(), i = 0; i < 2; i++, script = script.next()) {
    script
      .publish()
      .receive(connack(5, { present: true }))
      .tells("failed protocol-error 0");
    equal(keep(script.state), undefined);
  }
});

test("less granted than assumed: the connection may break, and the next is within the new limits", () => {
  const less: [string, number, string[]][] = [
    ["210001" + "220002", 147, ["PUBLISH DUP QoS1 #1 alias1 a/b 6869"]],
    [`210003`, 148, ["PUBLISH DUP QoS1 #1 a/b 6869", "PUBLISH DUP QoS1 #2 a/b 6869"]],
  ];
  for (const [properties, code, lines] of less) {
    const script = second().publish({}, 1).publish({}, 2);
    script.receive(connack(5, { present: true, properties })).receive(disconnect(code));
    script.tells("connected present", `failed broker-refused ${code} again`);
    const next = script.next().skip();
    equal(toResend(next.state), [1, 2]);
    while (toResend(next.state).length > 0 && sendQuota(next.state) > 0)
      next.publish({}, toResend(next.state)[0]);
    next.sees(...lines).receive(connack(5, { present: true, properties }));
    next.receive(ack("puback", 1)).resend().receive(ack("puback", 2));
    next.tells("connected present", "acked 1 #1 0", "acked 2 #2 0").do({ type: "transport-closed" });
    next.tells("failed connection-lost 0");
  }
});

test("each limit that is less than assumed counts, and none that is the same or more", () => {
  const before = "210003" + "220002" + "2700000100" + "2401";
  const cases: [string, boolean][] = [
    [before, false],
    ["210004" + "220003" + "2700000101", false],
    [before.replace("210003", "210002"), true],
    [before.replace("220002", "220001"), true],
    [before.replace("00000100", "000000ff"), true],
    [before.replace("2401", "2400"), true],
    [`${before}2500`, true],
    [`${before}2800`, true],
    [`${before}2900`, true],
    [`${before}2a00`, true],
  ];
  for (const [properties, again] of cases) {
    const script = second(before, { topicAliases: 4, maxInFlight: 4 }).publish();
    script.receive(connack(5, { present: true, properties })).do({ type: "transport-closed" });
    script.tells("connected present", `failed connection-lost 0${again ? " again" : ""}`);
    // Nothing went out on assumptions, so nothing is learned from the end.
    const quiet = second(before).receive(connack(5, { present: true, properties }));
    quiet.do({ type: "transport-closed" }).tells("connected present", "failed connection-lost 0");
  }
});

test("less than assumed is the reason of an end only for what went out before CONNACK and was not answered", () => {
  const less = { present: true, properties: "210001" } as const;
  const connected = (script: Conversation) => script.receive(connack(5, less)).skip();
  const lost = (script: Conversation) => script.skip().do({ type: "transport-closed" });
  lost(connected(second().publish())).tells("failed connection-lost 0 again");
  lost(connected(second().publish()).receive(ack("puback", 1))).tells("failed connection-lost 0");
  lost(connected(second()).publish()).tells("failed connection-lost 0");
  const asking = () => connected(second(granted).next(own));
  lost(asking()).tells("failed connection-lost 0 again");
  lost(asking().receive(suback(5, 1, 1))).tells("failed connection-lost 0");
});

test("the first time nothing is assumed that the smallest broker might not have", () => {
  const least = "210001" + "2800" + "2900" + "2a00";
  const script = new Conversation(5, options)
    .start()
    .publish()
    .receive(connack(5, { properties: least }));
  script.do({ type: "transport-closed" }).tells("connected", "failed connection-lost 0");
});

test("a broker that takes more than it granted sees no more than it granted after that", () => {
  const script = second().publish({}, 1).publish({}, 2).skip();
  script.receive(connack(5, { present: true, properties: "210001" }));
  equal(sendQuota(script.state), 0);
  script.receive(ack("puback", 1));
  equal(sendQuota(script.state), 0);
  // Nor is an alias used that was not granted.
  script.receive(ack("puback", 2)).publish({}, 3).sees("PUBLISH QoS1 #3 a/b 6869");
});

test("a resumed message that the new limits exclude is refused, and the next one's turn comes", () => {
  const first = new Conversation(5, lasting).start().receive(connack(5));
  const script = first.publish({ qos: 2 }, 1).publish({}, 2).next();
  script.receive(connack(5, { present: true, properties: "2401" })).skip();
  script.publish({ qos: 2 }, 1).tells("refused 1 #0 155");
  equal(toResend(script.state), [2]);
  script.publish({}, 2).sees("PUBLISH DUP QoS1 #2 a/b 6869");
  equal(toResend(script.next().state), [2]);
});

test("a broker that closes on what comes before CONNACK is not surprised again for 64 connections", () => {
  for (const version of versions) {
    const first = new Conversation(version, { ...lasting, ...own }).start().publish();
    first.do({ type: "transport-closed" }).tells("failed connection-lost 0 again");
    let script = first.next();
    for (let connection = 0; connection < 64; connection++, script = script.next()) {
      equal([sendQuota(script.state), script.packets().length], [0, 1], `connection ${connection}`);
      throws(() => script.publish({}, 7), RangeError, /quota/);
      if (connection === 0) script.receive(connack(version)).receive(suback(version, 1, 1));
      else script.receive(connack(version, { present: true }));
    }
    ok(sendQuota(script.state) > 0, "the pause is over");
  }
});

test("SUBSCRIBE before CONNACK may surprise a broker too", () => {
  const first = new Conversation(5, { ...lasting, ...own }).start().sees("CONNECT", "SUBSCRIBE #1 c/d:1");
  first.do({ type: "transport-closed" }).tells("failed connection-lost 0 again");
  first.next().sees("CONNECT");
});

test("so may a broker be that answers wrongly before CONNACK, or does not understand; nothing is lost of it", () => {
  const wrong: [4 | 5, string, string][] = [
    [4, ack("puback", 1), "failed protocol-error 130 again"],
    [5, disconnect(0x82), "failed protocol-error 130 again"],
    [5, connack(5, { code: 0x80 }), "failed broker-refused 128 again"],
    [5, connack(5, { code: 0x81 }), "failed broker-refused 129 again"],
    [5, connack(5, { code: 0x82 }), "failed broker-refused 130 again"],
    [5, connack(5, { code: 0x83 }), "failed broker-refused 131 again"],
  ];
  for (const [version, answer, told] of wrong) {
    const script = new Conversation(version, lasting).start().publish().receive(answer).tells(told);
    const next = script.next();
    equal(sendQuota(next.state), 0, answer);
    // Who has been told no more than CONNECT has not been surprised.
    const plain = new Conversation(version, lasting)
      .start()
      .receive(answer)
      .tells(told.replace(" again", ""));
    equal(sendQuota(plain.next().state), 1, answer);
  }
  const clear = new Conversation(5, lasting)
    .start()
    .publish()
    .receive(connack(5, { code: 0x87 }));
  clear.tells("failed broker-refused 135");
  equal(sendQuota(clear.next().state), 1, "a refusal that is understood");
});

test("a broker that says nothing to it is not waited for twice, nor surprised again", () => {
  const script = new Conversation(5, lasting).start().publish().at(10_000).tells("failed deadline 0");
  equal(sendQuota(script.next().state), 0);
  equal(sendQuota(new Conversation(5, lasting).start().at(10_000).next().state), 1);
});

test("nor one that drops what comes before its CONNACK: what is acknowledged tells", () => {
  for (const version of versions) {
    const dropped = new Conversation(version, lasting).start().publish().receive(connack(version));
    dropped.at(10_000).tells("connected", "failed deadline 0");
    equal(sendQuota(dropped.next().state), 0);
    const late = new Conversation(version, lasting).start().receive(connack(version)).publish();
    late.at(10_000).tells("connected", "failed deadline 0");
    equal(sendQuota(late.next().state) > 0, true, "it was not early");
    const left = new Conversation(version, lasting).start().publish().receive(connack(version));
    equal(keep(left.do({ type: "disconnect" }).state)?.pipeliningPause, 64, "the wake's own deadline");
    const taken = new Conversation(version, lasting).start().publish().receive(connack(version));
    taken.receive(ack("puback", 1)).publish({}, 8).do({ type: "transport-closed" });
    equal(keep(taken.state)?.pipeliningPause, 0);
  }
});

test("a broker that closes before CONNACK anyway has not been surprised", () => {
  const script = new Conversation(5, lasting).start().do({ type: "transport-closed" });
  script.tells("failed connection-lost 0");
  equal(sendQuota(script.next().state), 1);
  // A connection that fails during the pause does not shorten it.
  let paused = new Conversation(5, lasting).start().publish().next();
  for (let i = 0; i < 70; i++) paused = paused.next();
  equal(sendQuota(paused.state), 0);
});

test("what went out before a connection broke is sent again with DUP, and nothing is lost", () => {
  for (const version of versions) {
    const first = new Conversation(version, lasting).start().publish({}, 1);
    const script = first.next().sees("CONNECT");
    equal(toResend(script.state), [1]);
    // The first time it was not known whether the broker has a session; now it has one.
    script
      .receive(connack(version, { present: true }))
      .resend()
      .sees("PUBLISH DUP QoS1 #1 a/b 6869");
    script.receive(ack("puback", 1)).tells("connected present", "acked 1 #1 0");
  }
});

test("a refused subscription is asked for again by the next connection", () => {
  for (const version of versions) {
    const first = new Conversation(version, { ...lasting, ...own }).start().receive(connack(version));
    first.receive(suback(version, 1, 0x80)).tells("connected", "subscribed own [128] 128");
    first.next().sees("CONNECT", "SUBSCRIBE #2 c/d:1");
  }
});

test("CONNECT's packet identifiers go on where the last connection ended", () => {
  const script = second()
    .publish({}, 1)
    .receive(connack(5, { present: true }))
    .receive(ack("puback", 1));
  script.next().publish({}, 2);
  const next = script.next().skip().publish({}, 3);
  equal(next.last().packetId, 2);
});
