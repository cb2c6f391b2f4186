/** Each packet that a session accepts from a broker, with a session that it is in place for, and ways to damage it. */
import { emptyKept } from "../../../lib/mqtt/kept-session.js";
import { equal, fromHex, hex, ok } from "../../device/harness.js";
import { Judge } from "../../device/mqtt-fuzz-judge.js";
import { connected, line, Script } from "../../device/mqtt-script.js";
import { ack, auth, connack, disconnect, packet, publish } from "./conformance/broker-packets.js";

export interface Sample {
  /** What it is, and in hex. */
  readonly name: string;
  readonly packet: string;
  /** Brings a session to where the packet is in place. */
  readonly ready: () => Script;
  /** Lengths of shorter bodies that are packets too. */
  readonly also?: readonly number[];
}

const lasting = { cleanStart: false, sessionExpirySeconds: 60 } as const;
const words = "1f00026e6f" + "26000161000162";

function connecting(options: object = {}): Script {
  return new Script({ ...lasting, ...options }, emptyKept).start();
}

const first4 = () => connecting({ version: 4 });
const first5 = () => connecting();
const method = { authentication: { method: "m" } };
const challenged = () => connecting(method);
const proving = () => connected(method, connack(5, { properties: "1500016d" })).do({ type: "authenticate" });

/**
 * #1 of QoS 1 and #2 of QoS 2 are sent, #3 is released, #4 subscribes to two filters, #5 unsubscribes from them, #9 is
 * received, PINGREQ is out, and alias 1 is known.
 */
function busy(version: 4 | 5): Script {
  const script = connected({ ...lasting, version, keepAliveSeconds: 1, topicAliasMaximum: 3 });
  script.publish({}, 1).publish({ qos: 2 }, 2).publish({ qos: 2 }, 3).receive(ack("pubrec", 3));
  const filters = ["a", "b"];
  const subscriptions = filters.map((filter) => ({ filter, qos: 1 }) as const);
  script.do({ type: "subscribe", subscriptions, token: 4 });
  script.do({ type: "unsubscribe", filters, token: 5 });
  script.receive(publish(version, { qos: 2, packetId: 9, properties: "230001" }));
  return script.at(1500);
}

const busy4 = () => busy(4);
const busy5 = () => busy(5);

const granted = "1100000014" + "210003" + "2401" + "2500" + "27000000c8" + "12000161" + "220002" + "130009";
const more = "2800" + "2901" + "2a00" + "1a000172" + "26000161000162";
const described =
  "0101" + "0200000009" + "03000174" + "08000172" + "090002beef" + "0b8701" + "0b02" + "230002";

export const samples: readonly Sample[] = [
  { name: "CONNACK of 3.1.1", packet: connack(4, { present: true }), ready: first4 },
  { name: "refusing CONNACK of 3.1.1", packet: connack(4, { code: 5 }), ready: first4 },
  { name: "CONNACK", packet: connack(5, { present: true }), ready: first5 },
  { name: "CONNACK with limits", packet: connack(5, { properties: granted + more }), ready: first5 },
  {
    name: "refusing CONNACK",
    packet: connack(5, { code: 0x9d, properties: `${words}1c0003622e63` }),
    ready: first5,
  },
  {
    name: "CONNACK with authentication",
    packet: connack(5, { properties: "1500016d" + "160002beef" }),
    ready: challenged,
  },
  { name: "challenge", packet: auth(24, "m", "beef"), ready: challenged },
  { name: "AUTH", packet: auth(0, "m", "beef"), ready: proving },
  { name: "PUBLISH of 3.1.1", packet: publish(4), ready: busy4, also: [5, 6] },
  { name: "PUBLISH QoS 1 of 3.1.1", packet: publish(4, { qos: 1, dup: true }), ready: busy4, also: [7, 8] },
  { name: "PUBLISH QoS 2 of 3.1.1", packet: publish(4, { qos: 2, packetId: 8 }), ready: busy4, also: [7, 8] },
  { name: "PUBLISH", packet: publish(5, { properties: described }), ready: busy5, also: [34, 35] },
  {
    name: "PUBLISH QoS 1",
    packet: publish(5, { qos: 1, properties: "26000161000162" }),
    ready: busy5,
    also: [15, 16],
  },
  {
    name: "PUBLISH QoS 2 with an alias alone",
    packet: publish(5, { qos: 2, packetId: 9, dup: true, topic: "", properties: "230001" }),
    ready: busy5,
    also: [8, 9],
  },
  { name: "PUBACK of 3.1.1", packet: ack("puback", 1), ready: busy4 },
  { name: "PUBACK", packet: packet(0x40, `0001870c${words}`), ready: busy5, also: [2, 3] },
  { name: "PUBREC of 3.1.1", packet: ack("pubrec", 2), ready: busy4 },
  { name: "PUBREC", packet: packet(0x50, `0002100c${words}`), ready: busy5, also: [2, 3] },
  { name: "PUBREL of 3.1.1", packet: ack("pubrel", 9), ready: busy4 },
  { name: "PUBREL", packet: packet(0x62, `0009920c${words}`), ready: busy5, also: [2, 3] },
  { name: "PUBCOMP of 3.1.1", packet: ack("pubcomp", 3), ready: busy4 },
  { name: "PUBCOMP", packet: packet(0x70, `0003920c${words}`), ready: busy5, also: [2, 3] },
  { name: "SUBACK of 3.1.1", packet: packet(0x90, "00040180"), ready: busy4 },
  { name: "SUBACK", packet: packet(0x90, `00040c${words}0187`), ready: busy5 },
  { name: "UNSUBACK of 3.1.1", packet: packet(0xb0, "0005"), ready: busy4 },
  { name: "UNSUBACK", packet: packet(0xb0, `00050c${words}0011`), ready: busy5 },
  { name: "PINGRESP", packet: "d000", ready: busy4 },
  { name: "DISCONNECT", packet: disconnect(0x8e, `${words}1c0003622e63`), ready: busy5, also: [0, 1] },
];

/** What comes out, judged by what went before. */
function feed({ ready }: Sample, parts: readonly Uint8Array[]): string[] {
  const script = ready();
  const from = script.all.length;
  const { state } = script;
  ok(state.at === "connecting" || state.at === "connected", "open");
  const judge = new Judge(state);
  for (const bytes of parts) script.do({ type: "received", bytes });
  const effects = script.all.slice(from);
  for (const effect of effects) judge.see(effect);
  equal(script.state.at === "ended", judge.ended, "ended");
  return effects.map(line);
}

function refused(result: readonly string[]): boolean {
  return /^failed protocol-error (129|130)$/.test(result.at(-2) ?? "") && result.at(-1) === "closed";
}

/** It does the same however it arrives. */
export function arrives(sample: Sample): void {
  const data = fromHex(sample.packet);
  const expected = feed(sample, [data]);
  ok(!refused(expected), String(expected));
  const bytewise = Array.from(data, (_, at) => data.subarray(at, at + 1));
  equal(feed(sample, bytewise), expected, "byte by byte");
  for (let cut = 1; cut < data.length; cut++)
    equal(feed(sample, [data.subarray(0, cut), data.subarray(cut)]), expected, `split at ${cut}`);
}

/** Without its end it does nothing, whatever is missing. */
export function waits(sample: Sample): void {
  const data = fromHex(sample.packet);
  const script = sample.ready();
  const from = script.all.length;
  for (let length = 0; length < data.length; length++) {
    equal(feed(sample, [data.subarray(0, length)]), [], `cut at ${length}`);
    if (length > 0) script.do({ type: "received", bytes: data.subarray(length - 1, length) });
  }
  script.do({ type: "transport-closed" });
  equal(script.all.slice(from).map(line), ["failed connection-lost 0", "closed"]);
}

/** With a length that fits the cut it is no packet, or one that says less. */
export function shrinks(sample: Sample): void {
  const data = fromHex(sample.packet);
  for (let body = 0; body < data.length - 2; body++) {
    const short = data.slice(0, body + 2);
    short[1] = body;
    const result = feed(sample, [short]);
    equal(refused(result), !sample.also?.includes(body), `${hex(short)}: ${result}`);
  }
}

/** With any bit or byte flipped it does what a packet may do, or ends the session. */
export function flips(sample: Sample): void {
  const data = fromHex(sample.packet);
  for (let at = 0; at < data.length; at++)
    for (let bits = 1; bits < 0x200; bits = bits === 0x80 ? 0xff : bits << 1) {
      data[at]! ^= bits;
      const result = feed(sample, [data]);
      if (result.some((one) => one.startsWith("failed"))) equal(result.at(-1), "closed", hex(data));
      data[at]! ^= bits;
    }
}
