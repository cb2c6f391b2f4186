/** The stream of bytes (§4.2, 3.1.1's §7.1.2), errors (§4.8 of 3.1.1, §4.13 of 5), and no extensions (3.1.1's §7). */
import { equal, fromHex, hex } from "../../../device/harness.js";
import { ack, connack, pingresp, publish, suback, unsuback } from "./broker-packets.js";
import type { Version } from "./brokers-eye.js";
import { type Conversation, inBoth, online, only5, only311 } from "./conversation.js";

/** In flight: #1 at QoS 1, #2 at QoS 2, SUBSCRIBE #3, UNSUBSCRIBE #4, PINGREQ. */
function busy(version: Version): Conversation {
  const script = online(version, { keepAliveSeconds: 1 }).at(1_000).publish({}, 1).publish({ qos: 2 }, 2);
  script.do({ type: "subscribe", subscriptions: [{ filter: "c/d", qos: 2 }], token: 3 });
  return script.do({ type: "unsubscribe", filters: ["c/d"], token: 4 }).skip();
}

function answers(version: Version): string {
  return [
    publish(version, { qos: 0 }),
    ack("puback", 1),
    publish(version, { qos: 1, payload: "00".repeat(150) }),
    ack("pubrec", 2),
    ack("pubcomp", 2),
    suback(version, 3, 2),
    unsuback(version, 4, 0),
    pingresp,
    publish(version, { qos: 2, packetId: 2 }),
    ack("pubrel", 2),
  ].join("");
}

function outcome(script: Conversation): unknown {
  const sent = script.all.map((one) => (one.type === "send" ? hex(one.bytes) : one));
  return [sent, script.state.at];
}

inBoth(
  "7.1.2-1",
  "4.2-1",
  "a stream of bytes is all that it needs: packets in one piece, byte by byte, and cut anywhere",
  (version) => {
    const bytes = answers(version);
    const whole = busy(version).receive(bytes);
    whole.sees("PUBACK #1", "PUBREL #2", "PUBREC #2", "PUBCOMP #2");
    equal(whole.state.at, "connected");
    const single = busy(version);
    for (let at = 0; at < bytes.length; at += 2) single.receive(bytes.slice(at, at + 2));
    equal(outcome(single), outcome(whole));
    for (let cut = 2; cut < bytes.length; cut += 2) {
      const parts = busy(version).receive(bytes.slice(0, cut)).receive(bytes.slice(cut));
      equal(outcome(parts), outcome(whole), `cut at ${cut / 2}`);
    }
  },
);

only311("4.8.0-1", "what a broker must not do closes the connection", () => {
  const violations = {
    "a packet only clients send": [
      "100c00044d5154540402003c0000",
      "8206000100016100",
      "a205000100016100",
      "c000",
      "e000",
    ],
    "a packet type that is reserved": ["0000", "f000"],
    "an answer to nothing": [ack("puback", 1), suback(4, 1, 0), unsuback(4, 1), pingresp],
    "a packet identifier of 0": [publish(4, { qos: 1, packetId: 0 }), publish(4, { qos: 2, packetId: 0 })],
    "a wrong length": ["400100", "4003000100", "d00100", "9002000a", "30020003", "200100"],
    "a remaining length of five bytes": ["30ffffffff01"],
  };
  for (const [what, packets] of Object.entries(violations))
    for (const packet of packets) {
      const script = online(4).receive(packet);
      equal([what, packet, ...script.lines()], [what, packet, "closed"]);
    }
});

only5("4.13.2-1", "a malformed packet or a protocol error closes the connection with its reason code", () => {
  const violations: Record<number, string[]> = {
    129: [
      "0000",
      "400100",
      "4003000101",
      "d00100",
      publish(5, { qos: 1, packetId: 0 }),
      "30ffffffff01",
      "30020003",
    ],
    130: ["c000", "100c00044d5154540502003c0000", pingresp, ack("puback", 1), connack(5)],
  };
  for (const [code, packets] of Object.entries(violations))
    for (const packet of packets) {
      const script = online(5, { maxPacketBytes: 268_435_460 }).receive(packet);
      equal([packet, ...script.lines()], [packet, `DISCONNECT ${code}`, "closed"]);
    }
});

only311("7.0.0-2", "a broker that does only what it must is enough for everything", () => {
  const script = online(4).publish({ qos: 0 }, 1).publish({}, 2).publish({ qos: 2 }, 3);
  script.do({ type: "subscribe", subscriptions: [{ filter: "#", qos: 2 }], token: 4 });
  script.do({ type: "unsubscribe", filters: ["#"], token: 5 }).skip();
  script.receive(
    `${ack("puback", 1)}${ack("pubrec", 2)}${ack("pubcomp", 2)}${suback(4, 3, 0)}${unsuback(4, 4)}`,
  );
  script.sees("PUBREL #2");
  script.tells("acked 2 #1 0", "acked 3 #2 0", "completed 3 #2", "subscribed 4 [0]", "unsubscribed 5 []");
  // And it sends no more than the standard's fields.
  equal(script.connect.properties.size, 0);
  const [first] = script.all;
  equal(first?.type === "send" && hex(first.bytes), "100e00044d5154540402003c00026431");
  equal(fromHex("").length, 0);
});
