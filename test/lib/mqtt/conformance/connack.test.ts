/** CONNACK, §3.2 of both standards: what the client makes of it, and of what a broker must not do before and in it. */
import { ok } from "../../../device/harness.js";
import {
  ack,
  auth,
  connack,
  disconnect,
  packet,
  pingresp,
  publish,
  suback,
  unsuback,
} from "./broker-packets.js";
import { Conversation, closing, inBoth, lasting, online, only5 } from "./conversation.js";

inBoth("3.2.0-1", "3.2.0-1", "anything before CONNACK closes the connection", (version) => {
  const early = [
    publish(version),
    ack("puback", 1),
    ack("pubrec", 1),
    ack("pubrel", 1),
    ack("pubcomp", 1),
    suback(version, 1, 0),
    unsuback(version, 1, 0),
    pingresp,
  ];
  for (const one of early) {
    const script = new Conversation(version).start().skip().receive(one);
    script.sees(...closing(version, 130)).tells("failed protocol-error 130");
  }
  new Conversation(version).start().skip().receive(connack(version)).sees().tells("connected");
});

only5("3.14.0-1", "DISCONNECT before CONNACK closes the connection too", () => {
  new Conversation(5).start().skip().receive(disconnect(137)).sees("DISCONNECT 130", "closed");
});

inBoth("4.8.0-1", "3.2.0-2", "a second CONNACK closes the connection", (version) => {
  online(version)
    .receive(connack(version))
    .sees(...closing(version, 130));
});

inBoth("2.2.2-2", "3.2.2-1", "reserved flags in CONNACK close the connection", (version) => {
  for (const flags of ["02", "80"]) {
    const body = version === 5 ? `${flags}0000` : `${flags}00`;
    const script = new Conversation(version, lasting).start().skip().receive(packet(0x20, body));
    script.sees(...closing(version, 129));
  }
});

inBoth("3.2.2-1", "3.2.2-2", "session present after a clean start closes the connection", (version) => {
  const script = new Conversation(version)
    .start()
    .skip()
    .receive(connack(version, { present: true }));
  script.sees(...closing(version, 130));
});

inBoth("3.2.2-4", "3.2.2-6", "session present in a refusal closes the connection as an error", (version) => {
  const code = version === 5 ? 135 : 5;
  const script = new Conversation(version, lasting).start().skip();
  script.receive(connack(version, { present: true, code })).sees(...closing(version, 130));
});

inBoth("3.2.2-5", "3.2.2-7 4.13.2-1", "a refusal closes the connection and is told", (version) => {
  const codes = version === 5 ? [128, 134, 135, 138, 156, 159] : [1, 2, 3, 4, 5];
  for (const code of codes) {
    const script = new Conversation(version).start().skip().receive(connack(version, { code }));
    script.sees("closed").tells(`failed broker-refused ${code}`);
  }
});

inBoth("3.2.2-6", "3.2.2-8", "a code that CONNACK does not have closes the connection", (version) => {
  const codes = version === 5 ? [1, 24, 127, 255] : [6, 128, 255];
  for (const code of codes) {
    const script = new Conversation(version).start().skip().receive(connack(version, { code }));
    script.sees(...closing(version, 129));
  }
});

only5("4.13.2-1", "DISCONNECT from 128 up closes the connection, and so does the client's own", () => {
  for (const code of [128, 130, 141, 142, 157]) {
    online(5).receive(disconnect(code)).sees("closed").tells(`failed broker-refused ${code}`);
  }
  online(5).receive("00").sees("DISCONNECT 129", "closed");
});

only5("3.1.2-24", "a packet above the client's maximum packet size: DISCONNECT 149", () => {
  const script = new Conversation(5, { maxPacketBytes: 40 }).start();
  ok(script.connect.properties.get(39)?.[0] === 40, "the broker was told");
  script.receive(connack(5)).skip();
  script
    .receive(publish(5, { payload: "00".repeat(32) }))
    .sees()
    .skip();
  script.receive(publish(5, { payload: "00".repeat(33) })).sees("DISCONNECT 149", "closed");
});

only5("3.1.2-29", "reason strings and user properties are refused where they were not asked for", () => {
  const quiet = { requestProblemInformation: false };
  const told = new Conversation(5, quiet).start();
  ok(told.connect.properties.get(23)?.[0] === 0, "the broker was told");
  for (const property of ["1f000161", "26000161000162"]) {
    const length = (property.length / 2).toString(16).padStart(2, "0");
    const puback = packet(0x40, `000100${length}${property}`);
    online(5).publish().skip().receive(puback).sees();
    online(5, quiet).publish().skip().receive(puback).sees("DISCONNECT 130", "closed");
    online(5, quiet)
      .receive(publish(5, { properties: "26000161000162" }))
      .sees();
  }
});

only5("4.12.0-6", "AUTH, or a method in CONNACK, that nobody asked for closes the connection", () => {
  new Conversation(5).start().skip().receive(auth(24, "M")).sees("DISCONNECT 130", "closed");
  online(5).receive(auth(24, "M")).sees("DISCONNECT 130", "closed");
  const script = new Conversation(5)
    .start()
    .skip()
    .receive(connack(5, { properties: "1500014d" }));
  script.sees("DISCONNECT 130", "closed");
});
