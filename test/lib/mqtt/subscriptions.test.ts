/** Requests beside messages: what the broker's limits exclude, what its answers say, and what the next connection asks for. */
import { keep } from "../../../lib/mqtt/session.js";
import type { SessionEvent } from "../../../lib/mqtt/session-state.js";
import type { Subscription } from "../../../lib/mqtt/wire/packet-types.js";
import { equal, ok, test } from "../../device/harness.js";
import { connack, four, suback, unsuback } from "./conformance/broker-packets.js";
import { Conversation, lasting, online } from "./conformance/conversation.js";

const versions = [4, 5] as const;

function subscribe(
  filter: string,
  more: Partial<Extract<SessionEvent, { type: "subscribe" }>> = {},
): SessionEvent {
  return { type: "subscribe", subscriptions: [{ filter, qos: 1 }], token: 5, ...more };
}

const unsubscribe = (...filters: string[]): SessionEvent => ({ type: "unsubscribe", filters, token: 6 });

test("what CONNACK excludes is refused unsent, and its neighbour goes out", () => {
  const cases: [string, SessionEvent, number, SessionEvent][] = [
    ["2800", subscribe("a/+"), 162, subscribe("a/b")],
    ["2800", subscribe("a/#"), 162, subscribe("a")],
    ["2a00", subscribe("$share/s/a"), 158, subscribe("$shares/s/a")],
    ["2900", subscribe("a", { identifier: 1 }), 161, subscribe("a")],
    [`27${four(12)}`, subscribe("a/b/c"), 149, subscribe("a/b")],
  ];
  for (const [properties, excluded, code, allowed] of cases) {
    const script = online(5, {}, properties).do(excluded).sees().tells(`subscribed 5 [] ${code}`);
    ok(script.all.at(-1)?.type === "subscribed", "subscribed");
    script.do(allowed);
    equal(script.lines().length, 1);
    script.receive(suback(5, 1, 1)).tells("subscribed 5 [1]");
  }
});

test("one that is excluded among several is enough", () => {
  const subscriptions: Subscription[] = ["a", "b/#"].map((filter) => ({ filter, qos: 0 }));
  online(5, {}, "2800").do(subscribe("", { subscriptions })).sees().tells("subscribed 5 [] 162");
});

test("where nothing is said, everything is allowed, in 3.1.1 whatever an MQTT 5 broker would say", () => {
  for (const filter of ["a/#", "$share/s/a"])
    for (const version of versions) online(version).do(subscribe(filter)).sees(`SUBSCRIBE #1 ${filter}:1`);
  // Shared subscriptions and identifiers are ordinary and nothing there.
  online(4)
    .do(subscribe("$share/s/a", { identifier: 3 }))
    .sees("SUBSCRIBE #1 $share/s/a:1");
  const identified = online(5).do(subscribe("a", { identifier: 3 }));
  equal([...identified.last().properties], [[11, [3]]]);
});

test("UNSUBSCRIBE too large for the broker is refused unsent", () => {
  const script = online(5, {}, `27${four(11)}`)
    .do(unsubscribe("a/b/c"))
    .sees();
  script.tells("unsubscribed 6 [] 149").do(unsubscribe("a/b")).sees("UNSUBSCRIBE #1 a/b");
});

test("answers come in any order, each to its own request", () => {
  for (const version of versions) {
    const script = online(version)
      .do(subscribe("a"))
      .do(unsubscribe("b", "c"))
      .do(subscribe("d", { token: 7 }));
    script
      .receive(suback(version, 3, 1))
      .receive(unsuback(version, 2, 0, 17))
      .receive(suback(version, 1, 0));
    const codes = version === 5 ? "0,17" : "";
    script.tells("subscribed 7 [1]", `unsubscribed 6 [${codes}]`, "subscribed 5 [0]");
  }
});

test("an answer of the other kind, a second one, or with other codes than filters ends the session", () => {
  for (const version of versions) {
    const wrong = [
      unsuback(version, 1, 0),
      suback(version, 1, 1, 1),
      suback(version, 1, 1) + suback(version, 1, 1),
      suback(version, 2, 1),
    ];
    for (const packet of wrong) {
      const script = online(version).do(subscribe("a")).skip().receive(packet);
      equal(script.state.at === "ended" && script.state.failure?.code, 130, packet);
    }
    online(version)
      .do(unsubscribe("a"))
      .skip()
      .receive(suback(version, 1, 0))
      .tells("failed protocol-error 130");
  }
  online(5)
    .do(unsubscribe("a"))
    .skip()
    .receive(unsuback(5, 1, 0, 0))
    .tells("failed protocol-error 130");
});

test("the broker's refusal of one filter is told, with its words, and the session goes on", () => {
  const subscriptions: Subscription[] = ["a", "b"].map((filter) => ({ filter, qos: 2 }));
  const script = online(5).do(subscribe("", { subscriptions })).receive("900a0001051f00026e6f0287");
  script.tells("subscribed 5 [2,135] 135");
  const effect = script.all.at(-1);
  const detail = effect?.type === "subscribed" ? effect.failure?.detail : "";
  equal(
    detail,
    'the broker refused to subscribe: not authorized (135): check credentials, client certificate and the broker\'s access list ("no")',
  );
  script
    .do(unsubscribe("b"))
    .receive(unsuback(5, 2, 0x80))
    .tells("unsubscribed 6 [128] 128");
  equal(script.state.at, "connected");
});

const own = { ...lasting, subscriptions: [{ filter: "c", qos: 1 }] } as const;

/** A session whose own subscriptions are confirmed, #1. */
function confirmed(version: 4 | 5): Conversation {
  return new Conversation(version, own)
    .start()
    .receive(connack(version))
    .receive(suback(version, 1, 1))
    .skip();
}

function asksAgain(script: Conversation): boolean {
  const next = script.next().receive(connack(script.version, { present: true }));
  return next.packets().some(({ name }) => name === "SUBSCRIBE");
}

test("the next connection asks for the session's own subscriptions again only if they may be gone", () => {
  for (const version of versions) {
    equal(asksAgain(confirmed(version)), false);
    equal(asksAgain(confirmed(version).do(subscribe("d"))), false, "another, unanswered");
    equal(
      asksAgain(
        confirmed(version)
          .do(subscribe("d"))
          .receive(suback(version, 2, 1)),
      ),
      false,
    );
    equal(
      asksAgain(
        confirmed(version)
          .do(subscribe("d"))
          .receive(suback(version, 2, 0x80)),
      ),
      false,
    );
    equal(
      asksAgain(
        confirmed(version)
          .do(unsubscribe("c"))
          .receive(unsuback(version, 2, 0)),
      ),
      true,
    );
    equal(asksAgain(new Conversation(version, own).start().receive(connack(version))), true, "unanswered");
  }
});

test("what a caller subscribes does not count as the session's own", () => {
  for (const version of versions) {
    const script = online(version, lasting)
      .do(subscribe("c"))
      .receive(suback(version, 1, 1));
    equal(keep(script.state)?.subscriptionsHash, 0);
  }
});

test("the session's own are other ones if a filter, its QoS or an option of MQTT 5 is", () => {
  const same: Subscription = {
    filter: "c",
    qos: 1,
    noLocal: false,
    retainAsPublished: false,
    retainHandling: 0,
  };
  const others: Subscription[] = [
    { filter: "d", qos: 1 },
    { filter: "c", qos: 0 },
    { filter: "c", qos: 1, noLocal: true },
    { filter: "c", qos: 1, retainAsPublished: true },
    { filter: "c", qos: 1, retainHandling: 2 },
  ];
  const asks = (subscriptions: readonly Subscription[]) =>
    confirmed(5).next({ subscriptions }).lines().length > 1;
  equal([asks([same]), asks([])], [false, false]);
  for (const one of others) equal(asks([one]), true, JSON.stringify(one));
  equal(asks([same, { filter: "d", qos: 1 }]), true);
});
