/** SUBSCRIBE, UNSUBSCRIBE and their answers (§3.8 to §3.11), topic filters (§4.7) and shared subscriptions (§4.8). */
import { equal, throws } from "../../../device/harness.js";
import { packet, suback, unsuback } from "./broker-packets.js";
import { type Conversation, closing, hasRoom, inBoth, online, only5, only311 } from "./conversation.js";

function subscribe(script: Conversation, ...filters: string[]): Conversation {
  const subscriptions = filters.map((filter) => ({ filter, qos: 1 }) as const);
  return script.do({ type: "subscribe", subscriptions, token: 7 });
}

function unsubscribe(script: Conversation, ...filters: string[]): Conversation {
  return script.do({ type: "unsubscribe", filters, token: 8 });
}

inBoth(
  "3.8.1-1 3.8.3-3",
  "3.8.1-1 3.8.3-2",
  "SUBSCRIBE has at least one filter, each with its QoS",
  (version) => {
    const script = online(version);
    throws(() => subscribe(script), RangeError, /filter/);
    script.sees();
    subscribe(script, "a", "b/+", "#").sees("SUBSCRIBE #1 a:1 b/+:1 #:1");
    const options = { noLocal: true, retainAsPublished: true, retainHandling: 2 } as const;
    script.do({ type: "subscribe", subscriptions: [{ filter: "c", qos: 2, ...options }], token: 9 });
    script.sees(version === 5 ? "SUBSCRIBE #2 c:46" : "SUBSCRIBE #2 c:2");
    script.do({ type: "subscribe", subscriptions: [{ filter: "d", qos: 0 }], token: 10, identifier: 5 });
    script.sees("SUBSCRIBE #3 d:0");
    equal(script.last().properties.get(11), version === 5 ? [5] : undefined);
    const throwing = { filter: "c", qos: 3 as 2 };
    throws(() => script.do({ type: "subscribe", subscriptions: [throwing], token: 9 }), RangeError, /qos/);
  },
);

inBoth("3.10.1-1 3.10.3-2", "3.10.1-1 3.10.3-2", "UNSUBSCRIBE has at least one filter", (version) => {
  const script = online(version);
  throws(() => unsubscribe(script), RangeError, /filter/);
  script.sees();
  unsubscribe(script, "a", "b/+").sees("UNSUBSCRIBE #1 a b/+");
});

inBoth(
  "3.8.3-1 3.10.3-1 4.7.3-1 4.7.3-2 4.7.3-3",
  "3.8.3-1 3.10.3-1 4.7.3-1 4.7.3-2 4.7.3-3",
  "topic names and filters: UTF-8, at least one character, no U+0000, at most 65,535 bytes",
  (version) => {
    const script = online(version);
    for (const text of ["", "a\u0000b", "\udc00", ...(hasRoom ? ["€".repeat(21846)] : [])]) {
      throws(() => subscribe(script, text), RangeError);
      throws(() => subscribe(script, "a", text), RangeError);
      throws(() => unsubscribe(script, text), RangeError);
      throws(() => script.publish({ topic: text }), RangeError);
    }
    script.sees();
    for (const text of ["/", " ", "€", ...(hasRoom ? ["€".repeat(21845)] : [])]) {
      subscribe(script, text);
      equal(script.last().line.slice(-text.length - 2), `${text}:1`);
      unsubscribe(script, text);
      equal(script.last().line.slice(-text.length), text);
      script.publish({ topic: text, qos: 0 });
      equal(script.last().line, `PUBLISH QoS0 ${text} 6869`);
    }
  },
);

inBoth("4.7.3-1", "4.7.3-1", "an empty topic from a broker closes the connection", (version) => {
  const script = online(version).receive(packet(0x30, version === 5 ? "000000" : "0000"));
  script.sees(...closing(version, version === 5 ? 130 : 129));
});

inBoth(
  "4.7.1-2 4.7.1-3",
  "4.7.1-1 4.7.1-2",
  "# is alone or after /, and last; + fills a level",
  (version) => {
    const script = online(version);
    for (const filter of [
      "a#",
      "#a",
      "a/#/b",
      "#/",
      "##",
      "a/b#",
      "a+",
      "+a",
      "a/b+/c",
      "++",
      "a/+#",
      "+/a#",
    ]) {
      throws(() => subscribe(script, filter), RangeError, /filter/);
      throws(() => unsubscribe(script, filter), RangeError, /filter/);
    }
    script.sees();
    for (const filter of ["#", "a/#", "/#", "+", "+/+", "a/+/b", "/+", "+/a/#", "a/+/#"])
      subscribe(script, filter).sees(`SUBSCRIBE #${script.last().packetId} ${filter}:1`);
  },
);

only5("4.8.2-1 4.8.2-2", "a shared subscription is $share/, a share name, / and a filter", () => {
  const script = online(5);
  const wrong = [
    "$share",
    "$share/",
    "$share/a",
    "$share/a/",
    "$share//b",
    "$share/a+/b",
    "$share/#/b",
    "$share/+/b",
  ];
  for (const filter of [...wrong.slice(1), "$share/a/b#"])
    throws(() => subscribe(script, filter), RangeError);
  script.sees();
  for (const filter of ["$share/a/b", "$share/a/#", "$share/a//", "$share/€/+/b", "$shared/b", "a/$share/b"])
    subscribe(script, filter).sees(`SUBSCRIBE #${script.last().packetId} ${filter}:1`);
});

only5("3.8.3-4", "no local on a shared subscription is not sent", () => {
  const script = online(5);
  const shared = { filter: "$share/a/b", qos: 0, noLocal: true } as const;
  throws(() => script.do({ type: "subscribe", subscriptions: [shared], token: 1 }), RangeError, /noLocal/);
  throws(() => online(5, { subscriptions: [shared] }), RangeError, /noLocal/);
  script.sees().do({ type: "subscribe", subscriptions: [{ ...shared, filter: "$shared/a" }], token: 1 });
  script.sees("SUBSCRIBE #1 $shared/a:4");
});

inBoth(
  "3.8.4-2 2.3.1-7",
  "3.8.4-2 2.2.1-6",
  "SUBACK or UNSUBACK of another identifier closes the connection",
  (version) => {
    subscribe(online(version), "a")
      .skip()
      .receive(suback(version, 1, 1))
      .sees()
      .tells("subscribed 7 [1]");
    subscribe(online(version), "a")
      .skip()
      .receive(suback(version, 2, 1))
      .sees(...closing(version, 130));
    const unsubscribed = version === 5 ? "unsubscribed 8 [17]" : "unsubscribed 8 []";
    unsubscribe(online(version), "a")
      .skip()
      .receive(unsuback(version, 1, 17))
      .sees()
      .tells(unsubscribed);
    unsubscribe(online(version), "a")
      .skip()
      .receive(unsuback(version, 2, 17))
      .sees(...closing(version, 130));
    subscribe(online(version), "a")
      .skip()
      .receive(unsuback(version, 1, 17))
      .sees(...closing(version, 130));
    unsubscribe(online(version), "a")
      .skip()
      .receive(suback(version, 1, 0))
      .sees(...closing(version, 130));
  },
);

inBoth(
  "3.8.4-5 3.9.3-1",
  "3.8.4-6 3.8.4-7 3.9.3-1",
  "SUBACK has a code for each filter, in their order",
  (version) => {
    const failed = version === 5 ? 143 : 128;
    const script = subscribe(online(version), "a", "b", "c").skip();
    script
      .receive(suback(version, 1, 2, failed, 0))
      .sees()
      .tells(`subscribed 7 [2,${failed},0] ${failed}`);
    for (const codes of [[], [0], [0, 0, 0]])
      subscribe(online(version), "a", "b")
        .skip()
        .receive(suback(version, 1, ...codes))
        .sees(...closing(version, codes.length === 0 ? 129 : 130));
  },
);

inBoth("3.9.3-2", "3.9.3-2", "a code that SUBACK does not have closes the connection", (version) => {
  const wrong = version === 5 ? [3, 127, 129, 134, 255] : [3, 127, 129, 135, 255];
  for (const code of wrong)
    subscribe(online(version), "a")
      .skip()
      .receive(suback(version, 1, code))
      .sees(...closing(version, 129));
  const right = version === 5 ? [0, 1, 2, 128, 131, 135, 143, 145, 151, 158, 161, 162] : [0, 1, 2, 128];
  for (const code of right)
    subscribe(online(version), "a")
      .skip()
      .receive(suback(version, 1, code))
      .sees();
});

only5("3.11.3-1 3.11.3-2", "UNSUBACK has a code for each filter, one of its own", () => {
  const script = unsubscribe(online(5), "a", "b", "c").skip();
  script
    .receive(unsuback(5, 1, 0, 17, 135))
    .sees()
    .tells("unsubscribed 8 [0,17,135] 135");
  for (const codes of [[0], [0, 0, 0]])
    unsubscribe(online(5), "a", "b")
      .skip()
      .receive(unsuback(5, 1, ...codes))
      .sees("DISCONNECT 130", "closed");
  for (const code of [1, 2, 16, 129, 255])
    unsubscribe(online(5), "a")
      .skip()
      .receive(unsuback(5, 1, code))
      .sees("DISCONNECT 129", "closed");
});

only311("3.10.4-4", "UNSUBACK is its packet identifier and no more", () => {
  unsubscribe(online(4), "a").skip().receive("b0020001").sees().tells("unsubscribed 8 []");
  unsubscribe(online(4), "a").skip().receive("b003000100").sees("closed");
});
