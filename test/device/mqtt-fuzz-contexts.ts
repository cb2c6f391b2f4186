/** Sessions in the midst of things, for each packet of a broker's to find something that it fits. */
import { emptyKept, type KeptSession } from "../../lib/mqtt/kept-session.js";
import { createSession, step } from "../../lib/mqtt/session.js";
import type { SessionOptions } from "../../lib/mqtt/session-options.js";
import type { Open, SessionEvent } from "../../lib/mqtt/session-state.js";
import { fromHex } from "./harness.js";

/** When all of it has happened, on the sessions' clock. */
export const contextMs = 61_000;

const limits = {
  receiveMaximum: 6,
  maxPacketBytes: 300,
  maximumQoS: 2,
  retainAvailable: true,
  topicAliasMaximum: 3,
  keepAliveSeconds: 60,
  sessionExpirySeconds: 600,
  wildcardSubscriptions: true,
  sharedSubscriptions: true,
  subscriptionIdentifiers: true,
} as const;

/** With a message of each kind on its way. */
const kept: KeptSession = {
  limits,
  pipeliningPause: 0,
  nextPacketId: 5,
  subscriptionsHash: 1,
  outgoing: [
    { packetId: 1, token: 1, qos: 1, released: false },
    { packetId: 2, token: 2, qos: 2, released: false },
    { packetId: 3, token: 3, qos: 2, released: true },
  ],
  incoming: [3, 4],
};

const subscriptions = [{ filter: "dormouse/d1/#", qos: 1 }] as const;
const common = {
  clientId: "d1",
  cleanStart: false,
  sessionExpirySeconds: 600,
  maxPacketBytes: 256,
  receiveMaximum: 3,
  maxInFlight: 8,
  topicAliases: 3,
  topicAliasMaximum: 4,
  ackTimeoutMs: 100_000,
} as const;

const start = { type: "start" } as const;

function received(text: string): SessionEvent {
  return { type: "received", bytes: fromHex(text) };
}

function publish(topic: string, qos: 0 | 1 | 2, token: number): SessionEvent {
  return { type: "publish", message: { topic, payload: fromHex("6869"), qos }, token };
}

/** How a session gets into the midst of things. */
interface Recipe {
  readonly options: SessionOptions;
  readonly kept?: KeptSession;
  readonly events: readonly SessionEvent[];
}

function recipes(): Recipe[] {
  const all: Recipe[] = [];
  for (const version of [4, 5] as const) {
    const options: SessionOptions = { ...common, version };
    const accepted = received(version === 4 ? "20020000" : "2003000000");
    const resumed = received(version === 4 ? "20020100" : "2006010003220004");
    all.push({ options: { ...options, cleanStart: true }, events: [start] });
    all.push({ options, kept: emptyKept, events: [start, accepted] });
    // Pipelined: a message of the last connection again, and a new one.
    all.push({
      options: { ...options, subscriptions, requestProblemInformation: false },
      kept: { ...kept, outgoing: kept.outgoing.slice(0, 1) },
      events: [start, publish("a", 1, 1), publish("a/b", 1, 9)],
    });
    const everything: SessionEvent[] = [
      start,
      resumed,
      publish("a/b", 1, 1),
      publish("a/b", 2, 2),
      publish("a", 1, 4),
      publish("a", 2, 5),
      { type: "subscribe", subscriptions: [...subscriptions, { filter: "c", qos: 2 }], token: 6 },
      { type: "unsubscribe", filters: ["c"], token: 7 },
    ];
    if (version === 5) everything.push(received("30080001610323000161"));
    // One more QoS 2 message than these, and the broker has too many unfinished.
    const incoming = [3, 4, ...Array.from({ length: 61 }, (_, i) => 100 + i)];
    all.push({ options, kept: version === 5 ? { ...kept, incoming } : kept, events: everything });
  }
  const options = { ...common, authentication: { method: "m", data: fromHex("01") } };
  const accepted = received("20070100041500016d");
  all.push({ options, kept, events: [start] });
  all.push({ options, kept, events: [start, received("f00618041500016d")] });
  all.push({ options, kept, events: [start, accepted, { type: "authenticate" }] });
  return all;
}

/** Made anew, as no module's own values could be continued on a device. */
export function contexts(): Open[] {
  const all: Open[] = [];
  for (const { options, kept: before, events } of recipes()) {
    let state = createSession(options, before);
    for (const event of events) ({ state } = step(state, event, 1000));
    // PINGREQ, where the keep-alive has run out.
    ({ state } = step(state, { type: "time" }, contextMs));
    if (state.at !== "connecting" && state.at !== "connected")
      throw new Error(`a context that is ${state.at}`);
    all.push(state);
  }
  return all;
}
