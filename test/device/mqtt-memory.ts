/**
 * A busy session for its memory to be measured, one event at a time: persistent, pipelined, with two subscriptions,
 * four messages of QoS 1 and two of QoS 2 in flight to the broker, and two of QoS 2 from it. Preloaded it takes no
 * memory itself.
 */
import { decodeKept, encodeKept } from "../../lib/mqtt/kept-session.js";
import { createSession, keep, step } from "../../lib/mqtt/session.js";
import type { SessionOptions } from "../../lib/mqtt/session-options.js";
import type { SessionEvent, SessionState } from "../../lib/mqtt/session-state.js";
import type { QoS } from "../../lib/mqtt/wire/packet-types.js";
import { fromHex } from "./harness.js";

const options: SessionOptions = {
  clientId: "dormouse-0001",
  cleanStart: false,
  sessionExpirySeconds: 86_400,
  topicAliases: 2,
  topicAliasMaximum: 2,
  subscriptions: [
    { filter: "dormouse/0001/command", qos: 2 },
    { filter: "dormouse/all/#", qos: 1 },
  ],
};
/** Receive maximum 20, topic alias maximum 10, packets of 2,048 bytes. */
const connack = "200e00000b21001422000a2700000800";
const topic = "dormouse/0001/readings";
/** 100 bytes, as a stamped message of a few readings has. */
const payloadBytes = 100;

/** From CONNECT to the fullest, in order; a function makes each anew, as a caller would. */
const scene: readonly (() => SessionEvent)[] = [
  () => ({ type: "start" }),
  () => publish(1, 1),
  () => publish(1, 2),
  () => publish(1, 3),
  () => publish(1, 4),
  () => ({ type: "received", bytes: fromHex(connack) }),
  () => ({ type: "received", bytes: fromHex("9005000100" + "0201") }),
  () => publish(2, 5),
  () => publish(2, 6),
  () => command(1),
  () => command(2),
  () => ({ type: "received", bytes: fromHex("50020006") }),
];

function publish(qos: QoS, token: number): SessionEvent {
  return { type: "publish", message: { topic, payload: new Uint8Array(payloadBytes), qos }, token };
}

/** A QoS 2 message with an alias and a payload of 100 bytes. */
function command(packetId: number): SessionEvent {
  const name = "0015646f726d6f7573652f303030312f636f6d6d616e64";
  const head = `347f${name}000${packetId}0323000${packetId}`;
  return { type: "received", bytes: fromHex(head + "00".repeat(0x7f - (head.length / 2 - 2))) };
}

export class BusySession {
  #state: SessionState | undefined;
  #at = 0;

  /** The next event; what was done, empty when there is no more. */
  next(): string {
    if (!this.#state) {
      this.#state = lastTime();
      return "created";
    }
    const event = scene[this.#at++]?.();
    if (!event) return "";
    this.#state = step(this.#state, event, 1000).state;
    return event.type;
  }

  get inFlight(): string {
    if (this.#state?.at !== "connected") return this.#state?.at ?? "";
    const { outgoing, incoming } = this.#state;
    return [...outgoing.map(({ qos, stage }) => `${stage} ${qos}`), `${incoming.length} received`].join(", ");
  }
}

/** The broker is known from an earlier connection. */
function lastTime(): SessionState {
  let state = createSession({ ...options, subscriptions: [] });
  state = step(state, { type: "start" }, 0).state;
  state = step(state, { type: "received", bytes: fromHex(connack) }, 0).state;
  const kept = keep(step(state, { type: "disconnect" }, 0).state);
  return createSession(options, kept && decodeKept(encodeKept(kept, options), options));
}
