/** PINGREQ as a fence: its answer says that the broker has done what it was to do before. */
import { nextWakeAt } from "../../../lib/mqtt/session.js";
import { equal, test, throws } from "../../device/harness.js";
import { pingresp, publish } from "./conformance/broker-packets.js";
import { Conversation, closing, online } from "./conformance/conversation.js";

const versions = [4, 5] as const;

test("a ping is sent at once, and answered behind what came before", () => {
  for (const version of versions) {
    const script = online(version, { keepAliveSeconds: 0 }).do({ type: "ping" }).sees("PINGREQ");
    script.receive(publish(version) + pingresp).tells("message c/d 3031 q0", "pong");
    script
      .do({ type: "ping" })
      .receive(publish(version))
      .sees("PINGREQ")
      .tells("message c/d 3031 q0")
      .receive(pingresp)
      .tells("pong");
  }
});

test("a PINGRESP for the keep-alive is no pong", () => {
  for (const version of versions) {
    const script = online(version, { keepAliveSeconds: 10 }).at(10_000).sees("PINGREQ");
    script.receive(pingresp).tells();
    script.at(20_000).sees("PINGREQ").do({ type: "ping" }).sees("PINGREQ");
    script.receive(pingresp).tells().receive(pingresp).tells("pong");
  }
});

test("several pings have one pong, when the last is answered", () => {
  for (const version of versions) {
    const script = online(version).do({ type: "ping" }).do({ type: "ping" });
    script.receive(pingresp).tells().receive(pingresp).tells("pong");
    script.receive(pingresp).tells("failed protocol-error 130");
    script.sees("PINGREQ", "PINGREQ", ...closing(version, 130));
  }
});

test("each answer is awaited for so long, without a keep-alive too", () => {
  for (const version of versions) {
    const script = online(version, { keepAliveSeconds: 0, ackTimeoutMs: 500 }).at(0).do({ type: "ping" });
    equal(nextWakeAt(script.state), script.nowMs + 500);
    script.at(499).tells().at(500).tells("failed deadline 0");
    const twice = online(version, { keepAliveSeconds: 0, ackTimeoutMs: 500 }).at(0);
    twice.do({ type: "ping" }).do({ type: "ping" }).at(400).receive(pingresp).at(899).tells();
    twice.at(900).tells("failed deadline 0");
  }
});

test("the keep-alive goes on from a ping", () => {
  for (const version of versions) {
    const script = online(version, { keepAliveSeconds: 10 }).at(6_000).do({ type: "ping" });
    script.receive(pingresp).skip().at(15_999).sees().at(16_000).sees("PINGREQ");
  }
});

test("there is no ping without a connection", () => {
  for (const version of versions) {
    const script = new Conversation(version);
    throws(() => script.do({ type: "ping" }), RangeError, /idle/);
    throws(() => script.start().do({ type: "ping" }), RangeError, /connecting/);
    throws(() => online(version).do({ type: "disconnect" }).do({ type: "ping" }), RangeError, /ended/);
  }
});
