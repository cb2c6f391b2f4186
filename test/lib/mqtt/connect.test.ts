import { emptyKept } from "../../../lib/mqtt/kept-session.js";
import { createSession, nextWakeAt, sendQuota } from "../../../lib/mqtt/session.js";
import type { SessionEffect } from "../../../lib/mqtt/session-state.js";
import { equal, fromHex, ok, test, throws } from "../../device/harness.js";
import { connected, Script } from "../../device/mqtt-script.js";

test("CONNECT of 3.1.1 and of 5, byte for byte", () => {
  new Script({ version: 4 }).start().expect("send 100e00044d5154540402003c00026431");
  new Script().start().expect("send 101700044d5154540502003c08210008270000040000026431");
  new Script({ keepAliveSeconds: 0, cleanStart: false, sessionExpirySeconds: 3600, maxPacketBytes: 256 })
    .start()
    .expect("send 101c00044d515454050000000d1100000e10210008270000010000026431");
});

test("user name and password, which may be any bytes", () => {
  new Script({ version: 4, userName: "u€", password: fromHex("ff00") })
    .start()
    .expect("send 101800044d51545404c2003c000264310004" + "75e282ac" + "0002ff00");
  new Script({ userName: "u" })
    .start()
    .expect("send 101a00044d5154540582003c08210008270000040000026431000175");
});

test("the state keeps no password once CONNECT is out", () => {
  const script = new Script({ userName: "u", password: fromHex("c0ffee") }).start();
  ok(script.state.at === "connecting" && script.state.settings.password === undefined, "no password");
});

test("options no session can have throw", () => {
  const make = (options: object) => () => createSession({ clientId: "d1", ...options });
  throws(make({ version: 3 }), RangeError, /version/);
  throws(make({ clientId: 5 }), TypeError, /client id/);
  throws(make({ clientId: "a\u0000" }), RangeError, /client id/);
  throws(make({ clientId: "", cleanStart: false }), RangeError, /client id/);
  throws(make({ password: fromHex("00") }), RangeError, /user name/);
  throws(make({ userName: "u", password: "secret" }), TypeError, /bytes/);
  throws(make({ userName: "u", password: fromHex("00") }), RangeError, /others can read/);
  throws(make({ userName: "u", password: fromHex("00"), encrypted: false }), RangeError, /others can read/);
  make({ userName: "u", password: fromHex("00"), encrypted: true })();
  throws(make({ keepAliveSeconds: 65536 }), RangeError, /keepAliveSeconds/);
  throws(make({ keepAliveSeconds: 1.5 }), RangeError, /keepAliveSeconds/);
  throws(make({ maxPacketBytes: 15 }), RangeError, /maxPacketBytes/);
  throws(make({ maxInFlight: 0 }), RangeError, /maxInFlight/);
  throws(make({ userName: "\ud800" }), RangeError, /user name/);
  throws(make({ userProperties: [["a", "\u0000"]] }), RangeError, /user property/);
  throws(make({ receiveMaximum: 0 }), RangeError, /receiveMaximum/);
  throws(make({ receiveMaximum: 256 }), RangeError, /receiveMaximum/);
  throws(make({ topicAliases: 65536 }), RangeError, /topicAliases/);
  throws(make({ topicAliasMaximum: -1 }), RangeError, /topicAliasMaximum/);
  throws(make({ ackTimeoutMs: 0 }), RangeError, /ackTimeoutMs/);
  throws(make({ ackTimeoutMs: 2 ** 31 }), RangeError, /ackTimeoutMs/);
  throws(make({ sessionExpirySeconds: 2 ** 32 }), RangeError, /sessionExpirySeconds/);
  const will = { topic: "a", payload: fromHex("00"), qos: 1, retain: false } as const;
  throws(make({ will: { ...will, topic: "a/#" } }), RangeError, /will's topic/);
  throws(make({ will: { ...will, payload: "late" } }), TypeError, /will's payload/);
  make({ receiveMaximum: 255, topicAliases: 65535, topicAliasMaximum: 65535, ackTimeoutMs: 1, will })();
  make({ clientId: "" })();
  make({ keepAliveSeconds: 65535, maxPacketBytes: 16, maxInFlight: 1 })();
});

test("CONNACK connects, and tells whether the broker has kept a session", () => {
  new Script({ version: 4 }).start().skip().receive("20020000").expect("connected");
  new Script().start().skip().receive("2003000000").expect("connected");
  const resume = { cleanStart: false };
  new Script(resume, emptyKept).start().skip().receive("2003010000").expect("connected present");
  new Script({ ...resume, version: 4 }).start().skip().receive("20020100").expect("connected present");
});

test("session present after a clean start is a protocol error [MQTT-3.2.2-4]", () => {
  new Script()
    .start()
    .skip()
    .receive("2003010000")
    .expect("send e0028200", "failed protocol-error 130", "closed");
  new Script({ version: 4 }).start().skip().receive("20020100").expect("failed protocol-error 130", "closed");
});

function connectedEffect(script: Script): Extract<SessionEffect, { type: "connected" }> {
  const effect = script.all.find((one) => one.type === "connected");
  ok(effect?.type === "connected", "connected");
  return effect;
}

test("without properties the defaults of the standard hold", () => {
  const { limits, assignedClientId } = connectedEffect(connected());
  equal(assignedClientId, undefined);
  equal(limits, {
    receiveMaximum: 8,
    maxPacketBytes: 268_435_460,
    maximumQoS: 2,
    retainAvailable: true,
    topicAliasMaximum: 0,
    keepAliveSeconds: 60,
    sessionExpirySeconds: 0,
    wildcardSubscriptions: true,
    sharedSubscriptions: true,
    subscriptionIdentifiers: true,
  });
});

test("in 3.1.1 there is nothing that only MQTT 5 has", () => {
  const script = connected({ version: 4, topicAliases: 3, requestProblemInformation: false });
  const { limits } = connectedEffect(script);
  equal(
    [limits.sharedSubscriptions, limits.subscriptionIdentifiers, limits.topicAliasMaximum],
    [false, false, 0],
  );
  equal([limits.wildcardSubscriptions, limits.sessionExpirySeconds], [true, 0]);
  script.publish().do({ type: "subscribe", subscriptions: [{ filter: "a", qos: 1 }], token: 8 });
  script
    .skip()
    .receive("40020001" + "9003000201")
    .expect("acked 7 #1 0", "subscribed 8 [1]");
});

test("the limits of an MQTT 5 CONNACK", () => {
  const properties = "1100000001" + "210003" + "2401" + "2500" + "2700000080" + "12000161" + "22000a";
  const more = "130005" + "2800" + "2900" + "2a00";
  const length = (properties.length + more.length) / 2;
  const script = connected(
    { topicAliases: 20 },
    `20${hexByte(length + 3)}0000${hexByte(length)}${properties}${more}`,
  );
  const { limits, assignedClientId } = connectedEffect(script);
  equal(assignedClientId, "a");
  equal(limits, {
    receiveMaximum: 3,
    maxPacketBytes: 128,
    maximumQoS: 1,
    retainAvailable: false,
    topicAliasMaximum: 10,
    keepAliveSeconds: 5,
    sessionExpirySeconds: 1,
    wildcardSubscriptions: false,
    sharedSubscriptions: false,
    subscriptionIdentifiers: false,
  });
  equal(sendQuota(script.state), 3);
});

function hexByte(value: number): string {
  return value.toString(16).padStart(2, "0");
}

test("refusals of 3.1.1 by name", () => {
  const names = [
    "",
    "unsupported protocol version",
    "client identifier not valid",
    "server unavailable",
    "bad user name or password",
    "not authorized",
  ];
  for (let code = 1; code <= 5; code++) {
    const script = new Script({ version: 4 }).start().skip().receive(`2002000${code}`);
    script.expect(`failed broker-refused ${code}`, "closed");
    ok(script.detail().includes(`${names[code]} (${code})`), script.detail());
  }
  new Script({ version: 4 }).start().skip().receive("20020006").expect("failed protocol-error 129", "closed");
});

test("refusals of 5 by name, with the broker's words", () => {
  const codes: Record<number, string> = {
    128: "unspecified error",
    132: "unsupported protocol version",
    133: "client identifier not valid",
    134: "bad user name or password",
    135: "not authorized",
    136: "server unavailable",
    137: "server busy",
    138: "banned",
    140: "bad authentication method",
    144: "topic name invalid",
    149: "packet too large",
    151: "quota exceeded",
    156: "use another server",
    157: "server moved",
    159: "connection rate exceeded",
  };
  for (const [code, name] of Object.entries(codes)) {
    const script = new Script()
      .start()
      .skip()
      .receive(`200300${hexByte(Number(code))}00`);
    script.expect(`failed broker-refused ${code}`, "closed");
    ok(script.detail().includes(`${name} (${code})`), script.detail());
  }
  const words = new Script().start().receive("20080087051f00026e6f");
  ok(words.detail().endsWith('("no")'), words.detail());
  const moved = new Script().start().receive("2009009d061c0003622e63");
  ok(moved.detail().endsWith('("b.c")'), moved.detail());
});

test("the broker's words cannot break the log's line", () => {
  const script = new Script().start().receive("20090087061f00030a1b41");
  ok(script.detail().endsWith('("??A")'), script.detail());
});

test("codes that no CONNACK has are malformed", () => {
  for (const code of ["01", "10", "7f", "a3", "ff"])
    new Script()
      .start()
      .skip()
      .receive(`200300${code}00`)
      .expect("send e0028100", "failed protocol-error 129", "closed");
});

test("a 3.1.1 broker's answer to an MQTT 5 CONNECT names the version", () => {
  const script = new Script().start().skip().receive("20020001").expect("failed broker-refused 1", "closed");
  ok(script.detail().includes("unsupported protocol version"), script.detail());
  new Script()
    .start()
    .skip()
    .receive("20020000")
    .expect("send e0028100", "failed protocol-error 129", "closed");
});

test("a refusal with session present is a protocol error [MQTT-3.2.2-6]", () => {
  new Script({ version: 4 }).start().skip().receive("20020105").expect("failed protocol-error 130", "closed");
});

test("the connection closed before CONNACK", () => {
  const script = new Script().start().skip().receive("2003").do({ type: "transport-closed" });
  script.expect("failed connection-lost 0", "closed");
  ok(script.detail().includes("before CONNACK"), script.detail());
});

test("no CONNACK within the time-out", () => {
  const script = new Script({ ackTimeoutMs: 500 }).start().skip();
  equal(nextWakeAt(script.state), 1500);
  script.at(499).expect().at(500).expect("failed deadline 0", "closed");
  ok(script.detail().includes("CONNACK"), script.detail());
  equal(nextWakeAt(script.state), undefined);
});

test("only CONNACK may come first", () => {
  for (const packet of ["40020001", "d000", "e000", "300400016100", "900400010000"])
    new Script()
      .start()
      .skip()
      .receive(packet)
      .expect("send e0028200", "failed protocol-error 130", "closed");
});

test("the caller's mistakes throw and change nothing", () => {
  const script = new Script();
  throws(() => script.receive("d000"), RangeError, /before start/);
  throws(() => script.publish(), RangeError, /idle/);
  script.start().skip();
  throws(() => script.start(), RangeError, /connecting/);
  throws(() => script.publish({}, -1), RangeError, /token/);
  script.receive("2003000000").expect("connected");
});

test("DISCONNECT is e0 00 in both versions", () => {
  connected().do({ type: "disconnect" }).expect("send e000", "closed");
  connected({ version: 4 }).do({ type: "disconnect" }).expect("send e000", "closed");
  new Script().do({ type: "disconnect" }).expect("closed");
  new Script().start().skip().do({ type: "disconnect" }).expect("send e000", "closed");
});

test("DISCONNECT may keep the will or change the expiry, in 5 only and not from nothing", () => {
  const expiry = (seconds: number) => ({ type: "disconnect", sessionExpirySeconds: seconds }) as const;
  connected().do({ type: "disconnect", withWill: true }).expect("send e0020400", "closed");
  const classic = connected({ version: 4 });
  throws(() => classic.do({ type: "disconnect", withWill: true }), RangeError, /MQTT 5/);
  classic.do(expiry(9)).expect("send e000", "closed");
  const passing = connected();
  throws(() => passing.do(expiry(1)), RangeError, /expiry/);
  passing.do(expiry(0)).expect("send e00700051100000000", "closed");
  connected({ sessionExpirySeconds: 5 }).do(expiry(9)).expect("send e00700051100000009", "closed");
});

test("after its end a session does nothing", () => {
  const script = connected().do({ type: "disconnect" }).skip();
  script.receive("40020001ffff").do({ type: "transport-closed" }).do({ type: "disconnect" }).at(1e9).expect();
  throws(() => script.publish(), RangeError, /ended/);
});
