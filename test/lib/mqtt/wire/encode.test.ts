import {
  encodeAck,
  encodeAuth,
  encodeConnect,
  encodeDisconnect,
  encodePingreq,
  encodePublish,
  encodeSubscribe,
  encodeUnsubscribe,
} from "../../../../lib/mqtt/wire/encode.js";
import type { AckType, Connect, Publish, Subscription } from "../../../../lib/mqtt/wire/packet-types.js";
import { bytes, equal, fromHex, ok, test, throws } from "../../../device/harness.js";

const plain: Connect = {
  version: 5,
  clientId: "c",
  userName: undefined,
  password: undefined,
  keepAliveSeconds: 60,
  cleanStart: true,
  will: undefined,
  sessionExpirySeconds: 0,
  receiveMaximum: 65535,
  maxPacketBytes: 1024,
  topicAliasMaximum: 0,
  requestResponseInformation: false,
  requestProblemInformation: true,
  userProperties: undefined,
  authentication: undefined,
};
const message: Publish = {
  topic: "a/b",
  payload: fromHex("010203"),
  qos: 0,
  retain: false,
  duplicate: false,
  packetId: 0,
};
const any = 1 << 20;
/** A board has no memory for the largest fields. */
const hasRoom = "Buffer" in globalThis;

/** Hex with spaces, which show the fields. */
function is(actual: Uint8Array | number, expected: string): void {
  ok(typeof actual !== "number", "a packet, not a size");
  bytes(actual, expected.replace(/ /g, ""));
}

test("CONNECT of 3.1.1 has no properties, whatever is asked for", () => {
  is(encodeConnect({ ...plain, version: 4 }), "10 0d 0004 4d515454 04 02 003c 0001 63");
  const all = { sessionExpirySeconds: 9, receiveMaximum: 1, requestProblemInformation: false };
  is(encodeConnect({ ...plain, ...all, version: 4 }), "10 0d 0004 4d515454 04 02 003c 0001 63");
});

test("CONNECT of 5 leaves out what is the standard's default", () => {
  is(encodeConnect(plain), "10 13 0004 4d515454 05 02 003c 05 27 00000400 0001 63");
});

test("CONNECT of 5 with everything (§3.1.2.11, §3.1.3.2)", () => {
  const connect: Connect = {
    ...plain,
    userName: "u",
    password: fromHex("00ff"),
    keepAliveSeconds: 65535,
    cleanStart: false,
    will: {
      topic: "w",
      payload: fromHex("aa"),
      qos: 2,
      retain: true,
      delaySeconds: 0x01020304,
      payloadIsText: true,
      messageExpirySeconds: 5,
      contentType: "t",
      responseTopic: "r",
      correlationData: fromHex("dd"),
      userProperties: [["k", "v"]],
    },
    sessionExpirySeconds: 0xffffffff,
    receiveMaximum: 20,
    topicAliasMaximum: 3,
    requestResponseInformation: true,
    requestProblemInformation: false,
    userProperties: [
      ["b", "1"],
      ["a", ""],
      ["b", "2"],
    ],
    authentication: { method: "m", data: fromHex("ee") },
  };
  is(
    encodeConnect(connect),
    `10 6b 0004 4d515454 05 f4 ffff
     30 11ffffffff 210014 2700000400 220003 1901 1700
        26 0001 62 0001 31 26 0001 61 0000 26 0001 62 0001 32 15 0001 6d 16 0001 ee
     0001 63
     1f 18 01020304 0101 02 00000005 03 0001 74 08 0001 72 09 0001 dd 26 0001 6b 0001 76
     0001 77 0001 aa
     0001 75 0002 00ff`.replace(/\s/g, ""),
  );
});

test("a will without properties, and of 3.1.1", () => {
  const will = { topic: "w", payload: fromHex(""), qos: 1, retain: false, delaySeconds: 7 } as const;
  const atOnce = encodeConnect({ ...plain, will: { ...will, delaySeconds: 0 } });
  is(atOnce, "10 19 0004 4d515454 05 0e 003c 05 27 00000400 0001 63 00 0001 77 0000");
  is(encodeConnect({ ...plain, version: 4, will }), "10 12 0004 4d515454 04 0e 003c 0001 63 0001 77 0000");
});

test("the client id may be empty with a clean start only", () => {
  is(encodeConnect({ ...plain, clientId: "", version: 4 }), "10 0c 0004 4d515454 04 02 003c 0000");
  throws(() => encodeConnect({ ...plain, clientId: "", cleanStart: false }), RangeError);
});

test("CONNECT is one exact buffer, so that its password can be zeroed", () => {
  const password = fromHex("5ec2e7");
  const packet = encodeConnect({ ...plain, userName: "u", password });
  equal(packet.byteOffset, 0);
  equal(packet.buffer.byteLength, packet.length);
  bytes(password, "5ec2e7", "the caller's password");
});

test("a password without a user name is refused", () => {
  throws(() => encodeConnect({ ...plain, password: fromHex("01") }), RangeError, /[Uu]sername/);
});

test("PUBLISH of 3.1.1, all flags", () => {
  is(encodePublish(message, 4, any), "30 08 0003 612f62 010203");
  is(encodePublish({ ...message, retain: true }, 4, any), "31 08 0003 612f62 010203");
  is(encodePublish({ ...message, qos: 1, packetId: 10 }, 4, any), "32 0a 0003 612f62 000a 010203");
  is(
    encodePublish({ ...message, qos: 2, packetId: 65535, duplicate: true, retain: true }, 4, any),
    "3d 0a 0003 612f62 ffff 010203",
  );
  is(encodePublish({ ...message, contentType: "t", topicAlias: 1 }, 4, any), "30 08 0003 612f62 010203");
});

test("PUBLISH of 5, the standard's figure 3-9, and an empty payload", () => {
  const empty = { ...message, payload: fromHex("") };
  is(encodePublish({ ...empty, qos: 1, packetId: 10 }, 5, any), "32 08 0003 612f62 000a 00");
  is(encodePublish(empty, 5, any), "30 06 0003 612f62 00");
});

test("PUBLISH of 5 with every property (§3.3.2.3)", () => {
  const all: Publish = {
    ...message,
    topicAlias: 258,
    payloadIsText: true,
    messageExpirySeconds: 0,
    contentType: "",
    responseTopic: "r",
    correlationData: fromHex(""),
    userProperties: [
      ["b", "1"],
      ["a", ""],
      ["b", "1"],
    ],
  };
  is(
    encodePublish(all, 5, any),
    "30 31 0003 612f62 28 23 0102 0101 02 00000000 03 0000 08 0001 72 09 0000 " +
      "26 0001 62 0001 31 26 0001 61 0000 26 0001 62 0001 31 010203",
  );
});

test("false and empty properties are left out", () => {
  is(
    encodePublish({ ...message, payloadIsText: false, userProperties: [] }, 5, any),
    "30 09 0003 612f62 00 010203",
  );
});

test("a topic may be empty with an alias only", () => {
  is(encodePublish({ ...message, topic: "", topicAlias: 1 }, 5, any), "30 09 0000 03 23 0001 010203");
  throws(() => encodePublish({ ...message, topic: "" }, 5, any), RangeError, /empty/);
  throws(() => encodePublish({ ...message, topic: "", topicAlias: 1 }, 4, any), RangeError, /empty/);
});

test("DUP is not set at QoS 0 [MQTT-3.3.1-2]", () => {
  is(encodePublish({ ...message, duplicate: true }, 4, any), "30 08 0003 612f62 010203");
});

test("a packet larger than the broker takes is not built, only measured", () => {
  equal(encodePublish(message, 4, 9), 10);
  is(encodePublish(message, 4, 10), "30 08 0003 612f62 010203");
  const subscribe = { packetId: 1, subscriptions: [{ filter: "a", qos: 0 }] } as const;
  equal(encodeSubscribe(subscribe, 4, 7), 8);
  is(encodeSubscribe(subscribe, 4, 8), "82 06 0001 0001 61 00");
  equal(encodeUnsubscribe(1, ["a"], 4, 6), 7);
  is(encodeUnsubscribe(1, ["a"], 4, 7), "a2 05 0001 0001 61");
});

test("lengths of one to three bytes, text of one to four", () => {
  const sized = (count: number) => encodePublish({ ...message, payload: new Uint8Array(count) }, 4, any);
  const head = (packet: Uint8Array | number) => {
    ok(typeof packet !== "number", "a packet");
    return packet.subarray(0, 4);
  };
  is(head(sized(122)), "307f0003");
  is(head(sized(123)), "30800100");
  is(encodePublish({ ...message, topic: "aß€𝄞" }, 4, any), "30 0f 000a 61c39fe282acf09d849e 010203");
  if (!hasRoom) return;
  is(head(sized(16378)), "30ff7f00");
  is(head(sized(16379)), "30808001");
});

test("acknowledgements of code 0 are the same in both versions", () => {
  const types: [AckType, string][] = [
    ["puback", "40"],
    ["pubrec", "50"],
    ["pubrel", "62"],
    ["pubcomp", "70"],
  ];
  for (const [type, first] of types) {
    is(encodeAck(type, 1, 0, 4), `${first} 02 0001`);
    is(encodeAck(type, 0xfffe, 0, 5), `${first} 02 fffe`);
    is(encodeAck(type, 1, 0x92, 5), `${first} 04 0001 92 00`);
    is(encodeAck(type, 1, 0x92, 4), `${first} 02 0001`);
  }
});

test("SUBSCRIBE: the standard's example, in both versions", () => {
  const subscriptions = [
    { filter: "a/b", qos: 1 },
    { filter: "c/d", qos: 2 },
  ] as const;
  is(encodeSubscribe({ packetId: 10, subscriptions }, 4, any), "82 0e 000a 0003 612f62 01 0003 632f64 02");
  is(encodeSubscribe({ packetId: 10, subscriptions }, 5, any), "82 0f 000a 00 0003 612f62 01 0003 632f64 02");
});

test("SUBSCRIBE of 5: each option has its bits, the identifier one to four bytes (§3.8.3.1)", () => {
  const one = (subscription: Partial<Subscription>, identifier?: number) =>
    encodeSubscribe(
      { packetId: 1, subscriptions: [{ filter: "a", qos: 0, ...subscription }], identifier },
      5,
      any,
    );
  is(one({ noLocal: true }), "82 07 0001 00 0001 61 04");
  is(one({ retainAsPublished: true }), "82 07 0001 00 0001 61 08");
  is(one({ retainHandling: 1 }), "82 07 0001 00 0001 61 10");
  is(one({ retainHandling: 2, qos: 2 }), "82 07 0001 00 0001 61 22");
  is(one({}, 1), "82 09 0001 02 0b 01 0001 61 00");
  is(one({}, 128), "82 0a 0001 03 0b 8001 0001 61 00");
  is(one({}, 268_435_455), "82 0c 0001 05 0b ffffff7f 0001 61 00");
  throws(() => one({}, 0), RangeError, /identifier/);
  throws(() => one({}, 268_435_456), RangeError, /identifier/);
});

test("SUBSCRIBE of 3.1.1 has the QoS alone in its options", () => {
  const subscriptions = [{ filter: "a", qos: 1, noLocal: true, retainHandling: 2 }] as const;
  is(encodeSubscribe({ packetId: 1, subscriptions, identifier: 5 }, 4, any), "82 06 0001 0001 61 01");
});

test("a shared subscription cannot exclude its own messages [MQTT-3.8.3-4]", () => {
  const shared = { filter: "$share/g/a", qos: 0, noLocal: true } as const;
  throws(() => encodeSubscribe({ packetId: 1, subscriptions: [shared] }, 5, any), RangeError, /noLocal/);
  ok(encodeSubscribe({ packetId: 1, subscriptions: [{ ...shared, noLocal: false }] }, 5, any), "accepted");
  ok(
    encodeSubscribe({ packetId: 1, subscriptions: [{ ...shared, filter: "share/g/a" }] }, 5, any),
    "accepted",
  );
});

test("UNSUBSCRIBE: the standard's example, in both versions", () => {
  is(encodeUnsubscribe(10, ["a/b", "c/d"], 4, any), "a2 0c 000a 0003 612f62 0003 632f64");
  is(encodeUnsubscribe(10, ["a/b", "c/d"], 5, any), "a2 0d 000a 00 0003 612f62 0003 632f64");
});

test("at least one filter [MQTT-3.8.3-2, MQTT-3.10.3-2]", () => {
  throws(() => encodeSubscribe({ packetId: 1, subscriptions: [] }, 5, any), RangeError);
  throws(() => encodeUnsubscribe(1, [], 5, any), RangeError);
});

test("PINGREQ, DISCONNECT in its shortest form, AUTH", () => {
  is(encodePingreq(), "c0 00");
  is(encodeDisconnect(4, 0), "e0 00");
  is(encodeDisconnect(4, 0x82, 5), "e0 00");
  is(encodeDisconnect(5, 0), "e0 00");
  is(encodeDisconnect(5, 4), "e0 02 04 00");
  is(encodeDisconnect(5, 0, 0), "e0 07 00 05 11 00000000");
  is(encodeDisconnect(5, 4, 0xffffffff), "e0 07 04 05 11 ffffffff");
  is(encodeAuth(0x18, { method: "m" }), "f0 06 18 04 15 0001 6d");
  is(encodeAuth(0x19, { method: "", data: fromHex("") }), "f0 08 19 06 15 0000 16 0000");
  is(encodeAuth(0x19, { method: "m", data: fromHex("0001") }), "f0 0b 19 09 15 0001 6d 16 0002 0001");
});

test("numbers have their field's range", () => {
  const refused = (call: () => unknown) => throws(call, RangeError);
  for (const packetId of [0, 65536, 1.5, -1]) {
    refused(() => encodeAck("puback", packetId, 0, 5));
    refused(() => encodePublish({ ...message, qos: 1, packetId }, 5, any));
    refused(() => encodeSubscribe({ packetId, subscriptions: [{ filter: "a", qos: 0 }] }, 5, any));
    refused(() => encodeUnsubscribe(packetId, ["a"], 5, any));
  }
  for (const keepAliveSeconds of [65536, 0.5, -1])
    refused(() => encodeConnect({ ...plain, keepAliveSeconds }));
  for (const receiveMaximum of [0, 65536]) refused(() => encodeConnect({ ...plain, receiveMaximum }));
  for (const topicAliasMaximum of [-1, 65536, 0.5])
    refused(() => encodeConnect({ ...plain, topicAliasMaximum }));
  for (const maxPacketBytes of [0, 2 ** 32]) refused(() => encodeConnect({ ...plain, maxPacketBytes }));
  for (const expiry of [-1, 1.5, 2 ** 32]) {
    refused(() => encodeConnect({ ...plain, sessionExpirySeconds: expiry }));
    refused(() => encodeDisconnect(5, 0, expiry));
    refused(() => encodePublish({ ...message, messageExpirySeconds: expiry }, 5, any));
    refused(() => encodeConnect({ ...plain, will: { ...message, delaySeconds: expiry } }));
  }
  for (const topicAlias of [0, 65536]) refused(() => encodePublish({ ...message, topicAlias }, 5, any));
  for (const qos of [3, -1, 0.5] as unknown as 0[]) {
    refused(() => encodePublish({ ...message, qos, packetId: 1 }, 5, any));
    refused(() => encodeSubscribe({ packetId: 1, subscriptions: [{ filter: "a", qos }] }, 5, any));
    refused(() => encodeConnect({ ...plain, will: { ...message, qos } }));
  }
  const retainHandling = 3 as unknown as 2;
  refused(() =>
    encodeSubscribe({ packetId: 1, subscriptions: [{ filter: "a", qos: 0, retainHandling }] }, 5, any),
  );
});

test("text is well-formed and at most 65,535 bytes, in every field", () => {
  const fields: ((text: string) => unknown)[] = [
    (text) => encodeConnect({ ...plain, clientId: text }),
    (text) => encodeConnect({ ...plain, userName: text }),
    (text) => encodeConnect({ ...plain, userProperties: [["a", text]] }),
    (text) => encodeConnect({ ...plain, userProperties: [[text, "a"]] }),
    (text) => encodeConnect({ ...plain, authentication: { method: text } }),
    (text) => encodeConnect({ ...plain, will: { ...message, topic: text } }),
    (text) => encodeConnect({ ...plain, will: { ...message, contentType: text } }),
    (text) => encodePublish({ ...message, topic: text }, 4, any),
    (text) => encodePublish({ ...message, contentType: text }, 5, any),
    (text) => encodePublish({ ...message, responseTopic: text }, 5, any),
    (text) => encodeSubscribe({ packetId: 1, subscriptions: [{ filter: text, qos: 0 }] }, 5, any),
    (text) => encodeUnsubscribe(1, [text], 5, any),
    (text) => encodeAuth(0x18, { method: text }),
  ];
  for (const write of fields) {
    ok(write("a\u0001"), "accepted");
    throws(() => write("a\u0000"), RangeError, /U\+0000/);
    throws(() => write("a\ud800"), RangeError, /surrogate/);
  }
  if (!hasRoom) return;
  const long = "a".repeat(65535);
  ok(encodePublish({ ...message, topic: long }, 4, any), "accepted");
  throws(() => encodePublish({ ...message, topic: `${long}a` }, 4, any), RangeError, /65535/);
});

test("binary fields are bytes, at most 65,535", () => {
  const fields: ((data: Uint8Array) => unknown)[] = [
    (data) => encodeConnect({ ...plain, userName: "u", password: data }),
    (data) => encodeConnect({ ...plain, will: { ...message, payload: data } }),
    (data) => encodePublish({ ...message, correlationData: data }, 5, any),
    (data) => encodeAuth(0x18, { method: "m", data }),
  ];
  for (const write of fields) {
    ok(write(new Uint8Array(2)), "accepted");
    throws(() => write("text" as unknown as Uint8Array), TypeError, /bytes/);
    if (!hasRoom) continue;
    ok(write(new Uint8Array(65535)), "accepted");
    throws(() => write(new Uint8Array(65536)), RangeError, /65535/);
  }
  throws(() => encodePublish({ ...message, payload: "x" as unknown as Uint8Array }, 5, any), TypeError);
});

test("topics have no wildcards, also the will's and the one for responses [MQTT-3.3.2-2, MQTT-3.3.2-14]", () => {
  for (const topic of ["a/+", "#", ""]) {
    throws(() => encodePublish({ ...message, topic }, 5, any), RangeError, /topic/);
    throws(() => encodePublish({ ...message, responseTopic: topic }, 5, any), RangeError, /responseTopic/);
    throws(() => encodeConnect({ ...plain, will: { ...message, topic } }), RangeError, /will/);
  }
});
