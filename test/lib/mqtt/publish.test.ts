import { nextWakeAt, sendQuota } from "../../../lib/mqtt/session.js";
import { equal, fromHex, ok, test, throws } from "../../device/harness.js";
import { connected } from "../../device/mqtt-script.js";

test("PUBLISH at QoS 0 and 1, byte for byte", () => {
  connected({ version: 4 })
    .publish({ qos: 0 }, 3)
    .expect("send 30070003612f626869", "published 3 #0")
    .publish({ qos: 1, retain: true }, 4)
    .expect("send 33090003612f6200016869", "published 4 #1");
  connected()
    .publish({ qos: 0, retain: true }, 3)
    .expect("send 31080003612f62006869", "published 3 #0")
    .publish({ qos: 1 }, 4)
    .expect("send 320a0003612f620001006869", "published 4 #1");
});

test("properties of a message, in 5 only", () => {
  const message = { contentType: "a", messageExpirySeconds: 60, qos: 0 } as const;
  connected().publish(message).expect("send 30110003612f6209020000003c030001616869", "published 7 #0");
  connected({ version: 4 }).publish(message).expect("send 30070003612f626869", "published 7 #0");
});

test("an empty payload, and one that needs two length bytes", () => {
  connected({ version: 4 })
    .publish({ payload: new Uint8Array(0), qos: 0 })
    .expect("send 30050003612f62", "published 7 #0")
    .publish({ payload: new Uint8Array(123), qos: 0 })
    .expect(`send 3080010003612f62${"00".repeat(123)}`, "published 7 #0");
});

test("PUBACK acknowledges its message, in any order", () => {
  connected()
    .publish({}, 11)
    .publish({}, 12)
    .skip()
    .receive("40020002")
    .expect("acked 12 #2 0")
    .receive("4003000110")
    .expect("acked 11 #1 16");
});

test("PUBACK in its three forms of MQTT 5", () => {
  for (const [puback, code] of [
    ["40020001", 0],
    ["4003000100", 0],
    ["400400011000", 16],
  ] as const)
    connected().publish().skip().receive(puback).expect(`acked 7 #1 ${code}`);
});

test("PUBACK with an error refuses the message and not the session", () => {
  const script = connected().publish({}, 11).skip().receive("4009000187051f00026e6f");
  script.expect("refused 11 #1 135");
  ok(script.detail().includes("not authorized (135)") && script.detail().endsWith('("no")'), script.detail());
  equal(sendQuota(script.state), 8);
  script.publish({}, 12).expect("send 320a0003612f620002006869", "published 12 #2");
});

test("PUBACK for a message that is not in flight is a protocol error", () => {
  connected()
    .publish()
    .skip()
    .receive("40020002")
    .expect("send e0028200", "failed protocol-error 130", "closed");
  connected({ version: 4 }).receive("40020001").expect("failed protocol-error 130", "closed");
  const twice = connected().publish().receive("40020001").skip().receive("40020001");
  twice.expect("send e0028200", "failed protocol-error 130", "closed");
});

test("PUBACK for packet identifier 0, with an unknown code or a wrong length is malformed", () => {
  for (const puback of ["40020000", "4003000101", "40030001ff", "400100", "4000", "40050001000000"])
    connected()
      .publish()
      .skip()
      .receive(puback)
      .expect("send e0028100", "failed protocol-error 129", "closed");
  connected({ version: 4 })
    .publish()
    .skip()
    .receive("4003000100")
    .expect("failed protocol-error 129", "closed");
});

test("no more in flight than the broker's receive maximum [MQTT-3.3.4-7]", () => {
  const script = connected({}, "2006000003210002").publish({}, 1).publish({}, 2);
  equal(sendQuota(script.state), 0);
  throws(() => script.publish({}, 3), RangeError, /quota/);
  script.skip().publish({ qos: 0 }, 4).expect("send 30080003612f62006869", "published 4 #0");
  script.receive("40020001").skip().publish({}, 5).expect("send 320a0003612f620003006869", "published 5 #3");
});

test("nor than the caller's own limit", () => {
  const script = connected({ version: 4, maxInFlight: 1 }).publish({}, 1);
  throws(() => script.publish({}, 2), RangeError, /quota/);
});

test("packet identifiers go round, past those in flight and never to 0 [MQTT-2.2.1-3]", () => {
  const script = connected({ version: 4 }).publish({}, 1);
  ok(script.state.at === "connected", "connected");
  script.state = { ...script.state, nextPacketId: 65535 };
  script.skip().publish({}, 2).publish({}, 3);
  script.expect(
    "send 32090003612f62ffff6869",
    "published 2 #65535",
    "send 32090003612f6200026869",
    "published 3 #2",
  );
});

test("what the broker's limits exclude is refused unsent", () => {
  const small = connected({}, "200800000527" + "0000000c");
  small.publish({ qos: 1 }).expect("send 320a0003612f620001006869", "published 7 #1");
  small.publish({ payload: fromHex("686921") }, 8).expect("refused 8 #0 149");
  ok(small.detail().includes("13 bytes, the broker takes 12"), small.detail());
  const plain = connected({}, "200700000424002500");
  plain.publish({ qos: 0 }).expect("send 30080003612f62006869", "published 7 #0");
  plain.publish({ qos: 1 }, 8).expect("refused 8 #0 155");
  plain.publish({ qos: 0, retain: true }, 9).expect("refused 9 #0 154");
  equal(sendQuota(plain.state), 8);
});

test("messages no broker could take throw and change nothing", () => {
  const script = connected();
  throws(() => script.publish({ topic: "a/#" }), RangeError, /topic/);
  throws(() => script.publish({ topic: "" }), RangeError, /topic/);
  throws(() => script.publish({ topic: "a\u0000" }), RangeError, /topic/);
  throws(() => script.publish({ payload: "hi" as unknown as Uint8Array }), TypeError, /payload/);
  throws(() => script.publish({ qos: 3 as 2 }), RangeError, /qos/);
  throws(() => script.publish({ contentType: "\ud800" }), RangeError, /contentType/);
  throws(() => script.publish({ messageExpirySeconds: -1 }), RangeError, /messageExpirySeconds/);
  script.publish().expect("send 320a0003612f620001006869", "published 7 #1");
});

test("no PUBACK within the time-out", () => {
  const script = connected({ ackTimeoutMs: 500 });
  script.publish({}, 1).at(100).publish({}, 2).skip();
  equal(nextWakeAt(script.state), 1500);
  script.receive("40020001").expect("acked 1 #1 0");
  equal(nextWakeAt(script.state), 1600);
  script.at(599).expect().at(600).expect("failed deadline 0", "closed");
  ok(script.detail().includes("PUBACK"), script.detail());
});

test("the connection lost with a message in flight", () => {
  const script = connected().publish().skip().do({ type: "transport-closed" });
  script.expect("failed connection-lost 0", "closed");
  ok(script.detail().includes("1 message(s) not acknowledged"), script.detail());
});

test("PINGREQ after the keep-alive without a packet sent, and PINGRESP awaited [MQTT-3.1.2-20]", () => {
  const script = connected({ keepAliveSeconds: 10, ackTimeoutMs: 500 });
  script.at(4000).publish({ qos: 0 }).skip();
  script.at(13_999).expect().at(14_000).expect("send c000").receive("d000").expect();
  script.at(23_999).expect().at(24_000).expect("send c000").at(24_500).expect("failed deadline 0", "closed");
  ok(script.detail().includes("PINGRESP"), script.detail());
});

test("the broker's keep-alive counts, and 0 means none [MQTT-3.1.2-21]", () => {
  const script = connected({ keepAliveSeconds: 10 }, "2006000003130002");
  script.at(2000).expect("send c000");
  const never = connected({ keepAliveSeconds: 10 }, "2006000003130000");
  equal(nextWakeAt(never.state), undefined);
  never.at(1e8).expect();
});

test("PINGRESP without PINGREQ, or with a body, is an error", () => {
  connected().receive("d000").expect("send e0028200", "failed protocol-error 130", "closed");
  const script = connected({ keepAliveSeconds: 1 }).at(1000).skip();
  script.receive("d00100").expect("send e0028100", "failed protocol-error 129", "closed");
});

test("the broker's DISCONNECT by name, in 5 only", () => {
  const cases = { e000: "connection-lost 0", e0018b: "broker-refused 139", e0028e00: "broker-refused 142" };
  for (const [packet, failed] of Object.entries(cases))
    connected().receive(packet).expect(`failed ${failed}`, "closed");
  const script = connected().receive("e0028e00");
  ok(script.detail().includes("session taken over (142)"), script.detail());
  connected({ version: 4 }).receive("e000").expect("failed protocol-error 130", "closed");
  connected().receive("e0017f").expect("send e0028100", "failed protocol-error 129", "closed");
});

test("packets a client never gets, or that nothing asked for, are protocol errors", () => {
  const clients = [
    "100c00044d5154540402003c0000",
    "820700010000016100",
    "a2060001000001 61".replace(" ", ""),
    "c000",
  ];
  const outOfTurn = ["2003000000", "40020001", "900400010000", "b00400010000", "d000", "f000"];
  for (const packet of [...clients, ...outOfTurn])
    connected().receive(packet).expect("send e0028200", "failed protocol-error 130", "closed");
});

test("a packet above our limit is refused on its length header, with its reason in 5", () => {
  connected({ maxPacketBytes: 64 })
    .receive("303f")
    .expect("send e0029500", "failed protocol-error 149", "closed");
  connected({ version: 4, maxPacketBytes: 64 }).receive("303f").expect("failed protocol-error 149", "closed");
  connected({ maxPacketBytes: 64 }).receive("303e").expect();
});
