/** Every packet a broker sends, field by field; every refusal beside the nearest packet that is accepted. */
import { decode } from "../../../../lib/mqtt/wire/decode.js";
import { equal, fromHex, ok, test } from "../../../device/harness.js";

type Version = 4 | 5;

/** Hex with spaces, which show the fields. */
function read(text: string, version: Version) {
  return decode(fromHex(text.replace(/ /g, "")), version);
}

function refused(text: string, version: Version, code: number): void {
  const result = read(text, version);
  ok(!("type" in result), `${text} is refused`);
  equal(result.code, code, text);
  ok(result.detail.length > 0, "says why");
}

function accepted(text: string, version: Version): void {
  const result = read(text, version);
  ok("type" in result, `${text} is accepted: ${JSON.stringify(result)}`);
}

const ack = { code: 0, text: "" };

test("CONNACK of 3.1.1: session present, return codes 0 to 5", () => {
  const reasons = [0, 132, 133, 136, 134, 135];
  reasons.forEach((reason, code) => {
    const expected = { type: "connack", sessionPresent: false, code, reason, properties: {} };
    equal(read(`20 02 00 0${code}`, 4), expected);
  });
  equal(read("20 02 01 00", 4), {
    type: "connack",
    sessionPresent: true,
    code: 0,
    reason: 0,
    properties: {},
  });
  refused("20 02 00 06", 4, 0x81);
  refused("20 02 02 00", 4, 0x81);
  refused("20 03 00 00 00", 4, 0x81);
  refused("20 01 00", 4, 0x81);
});

test("CONNACK of 5 with every property (§3.2.2.3)", () => {
  const connack = read(
    `20 54 01 00 51 11 ffffffff 21 0014 24 00 25 00 27 00000400 12 0001 63 22 0003 1f 0002 c3a4
      26 0001 62 0001 31 26 0001 61 0000 26 0001 62 0000 28 00 29 01 2a 00 13 00c8 1a 0001 72
      1c 0001 73 15 0001 6d 16 0002 00ff 26 0001 31 0001 7a`.replace(/\s/g, ""),
    5,
  );
  equal(connack, {
    type: "connack",
    sessionPresent: true,
    code: 0,
    reason: 0,
    properties: {
      sessionExpirySeconds: 0xffffffff,
      receiveMaximum: 20,
      maximumQoS: 0,
      retainAvailable: false,
      maxPacketBytes: 1024,
      assignedClientId: "c",
      topicAliasMaximum: 3,
      reasonString: "ä",
      wildcardSubscriptions: false,
      subscriptionIdentifiers: true,
      sharedSubscriptions: false,
      keepAliveSeconds: 200,
      responseInformation: "r",
      serverReference: "s",
      authentication: { method: "m", data: fromHex("00ff") },
      userProperties: [
        ["b", "1"],
        ["a", ""],
        ["b", ""],
        ["1", "z"],
      ],
    },
  });
});

test("CONNACK of 5: exactly flags, code and properties", () => {
  equal(read("20 03 00 87 00", 5), {
    type: "connack",
    sessionPresent: false,
    code: 0x87,
    reason: 0x87,
    properties: {},
  });
  accepted("20 03 01 00 00", 5);
  refused("20 03 01 87 00", 5, 0x82);
  refused("20 03 02 00 00", 5, 0x81);
  refused("20 02 00 00", 5, 0x81);
  refused("20 04 00 00 00 00", 5, 0x81);
  refused("20 03 00 00 80", 5, 0x81);
  refused("20 04 00 00 80 00", 5, 0x81);
});

test("a broker without MQTT 5 may refuse in 3.1.1's form only (3.1.1 §3.2.2.3)", () => {
  equal(read("20 02 00 01", 5), {
    type: "connack",
    sessionPresent: false,
    code: 1,
    reason: 132,
    properties: {},
  });
  refused("20 02 00 00", 5, 0x81);
});

test("authentication data needs a method", () => {
  accepted("20 0b 00 00 08 15 0001 6d 16 0001 ee", 5);
  const connack = read("20 07 00 00 04 15 0001 6d", 5);
  ok("type" in connack && connack.type === "connack", "accepted");
  equal(connack.properties, { authentication: { method: "m", data: undefined } });
  refused("20 07 00 00 04 16 0001 ee", 5, 0x82);
});

const hello = { type: "publish", payload: fromHex("0102"), subscriptionIdentifiers: [] };
const flags = { qos: 0, retain: false, duplicate: false, packetId: 0 };

test("PUBLISH of 3.1.1: every first byte that there is", () => {
  equal(read("30 07 0003 612f62 0102", 4), { ...hello, ...flags, topic: "a/b" });
  equal(read("31 07 0003 612f62 0102", 4), { ...hello, ...flags, topic: "a/b", retain: true });
  equal(read("32 09 0003 612f62 000a 0102", 4), { ...hello, ...flags, topic: "a/b", qos: 1, packetId: 10 });
  equal(read("3d 09 0003 612f62 ffff 0102", 4), {
    ...hello,
    topic: "a/b",
    qos: 2,
    retain: true,
    duplicate: true,
    packetId: 65535,
  });
});

test("QoS 3, and DUP at QoS 0, are malformed [MQTT-3.3.1-4, MQTT-3.3.1-2]", () => {
  for (const version of [4, 5] as const) {
    for (const first of ["36", "37", "3e", "3f", "38", "39"])
      refused(`${first} 06 0001 61 0001 00`, version, 0x81);
    for (const first of ["30", "31", "32", "33", "34", "35", "3a", "3b", "3c", "3d"])
      accepted(`${first} 06 0001 61 0001 00`, version);
  }
});

test("PUBLISH of 5 with every property (§3.3.2.3)", () => {
  const publish = read(
    `32 39 0001 74 0102 31 23 ffff 01 01 02 00000005 03 0001 63 08 0001 72 09 0002 00ff
      26 0001 62 0001 31 26 0001 61 0000 26 0001 62 0000 0b ffffff7f 0b 01 0102`.replace(/\s/g, ""),
    5,
  );
  equal(publish, {
    ...hello,
    ...flags,
    topic: "t",
    qos: 1,
    packetId: 258,
    topicAlias: 65535,
    payloadIsText: true,
    messageExpirySeconds: 5,
    contentType: "c",
    responseTopic: "r",
    correlationData: fromHex("00ff"),
    userProperties: [
      ["b", "1"],
      ["a", ""],
      ["b", ""],
    ],
    subscriptionIdentifiers: [268_435_455, 1],
  });
});

test("values of zero and of no length are values", () => {
  equal(read("30 18 0001 74 14 01 00 02 00000000 03 0000 09 0000 26 0000 0000 0b 07", 5), {
    ...hello,
    ...flags,
    topic: "t",
    payload: fromHex(""),
    payloadIsText: false,
    messageExpirySeconds: 0,
    contentType: "",
    correlationData: fromHex(""),
    userProperties: [["", ""]],
    subscriptionIdentifiers: [7],
  });
});

test("a payload may be empty", () => {
  equal(read("30 03 0001 74", 4), { ...hello, ...flags, topic: "t", payload: fromHex("") });
  equal(read("30 04 0001 74 00", 5), { ...hello, ...flags, topic: "t", payload: fromHex("") });
  refused("30 03 0001 74", 5, 0x81);
});

test("a message that is to be acknowledged has a packet identifier that is not 0 [MQTT-2.2.1-4]", () => {
  for (const version of [4, 5] as const) {
    refused("32 06 0001 74 0000 00", version, 0x81);
    refused("34 06 0001 74 0000 00", version, 0x81);
    accepted("32 06 0001 74 0001 00", version);
    accepted("32 06 0001 74 0100 00", version);
    refused("32 04 0001 74 00", version, 0x81);
    refused("32 04 0001 74 01", version, 0x81);
  }
});

test("a topic may be empty with an alias only (§3.3.2.1)", () => {
  accepted("30 06 0000 03 23 0001", 5);
  refused("30 03 0000 00", 5, 0x82);
  accepted("30 04 0001 74 00", 5);
  refused("30 02 0000", 4, 0x82);
  accepted("30 03 0001 74", 4);
});

test("topic alias 0 is refused with a code of its own (§3.3.4)", () => {
  refused("30 07 0001 74 03 23 0000", 5, 0x94);
  accepted("30 07 0001 74 03 23 0001", 5);
});

test("a topic name has no wildcards [MQTT-3.3.2-2]", () => {
  for (const version of [4, 5] as const) {
    for (const wildcard of ["2b", "23"]) {
      refused(`30 06 0003 61${wildcard}62 00`, version, 0x90);
      refused(`30 04 0001 ${wildcard} 00`, version, 0x90);
    }
    for (const near of ["22", "24", "2a", "2c"]) accepted(`30 06 0003 61${near}62 00`, version);
  }
});

test("text in a PUBLISH is well-formed UTF-8 without U+0000 [MQTT-1.5.4-1, MQTT-1.5.4-2]", () => {
  const bad = ["610062", "61c080", "eda080", "efbfc0", "6180ff"];
  const good = ["610162", "61c280", "ed9f80", "efbfbf", "61c3bf"];
  bad.forEach((text, i) => {
    for (const version of [4, 5] as const) {
      refused(`30 06 0003 ${text} 00`, version, 0x81);
      accepted(`30 06 0003 ${good[i]} 00`, version);
    }
    for (const id of ["03", "08"]) {
      refused(`30 0a 0001 74 06 ${id} 0003 ${text}`, 5, 0x81);
      accepted(`30 0a 0001 74 06 ${id} 0003 ${good[i]}`, 5);
    }
    refused(`30 0d 0001 74 09 26 0001 6b 0003 ${text}`, 5, 0x81);
    refused(`30 0d 0001 74 09 26 0003 ${text} 0001 76`, 5, 0x81);
    accepted(`30 0d 0001 74 09 26 0003 ${good[i]} 0001 76`, 5);
    accepted(`30 0a 0001 74 06 09 0003 ${text}`, 5);
  });
});

test("a response topic is a topic name [MQTT-3.3.2-14]", () => {
  refused("30 08 0001 74 04 08 0001 2b", 5, 0x81);
  refused("30 08 0001 74 04 08 0001 23", 5, 0x81);
  accepted("30 08 0001 74 04 08 0001 2c", 5);
  refused("30 07 0001 74 03 08 0000", 5, 0x81);
});

test("what is handed on does not change with the receive buffer", () => {
  const { Buffer } = globalThis as { Buffer?: { from(data: Uint8Array): Uint8Array } };
  const received: [string, string[]][] = [
    ["30 08 0001 74 04 09 0001 ee", ["correlationData"]],
    ["30 06 0001 74 00 aabb", ["payload"]],
    ["f0 0a 18 08 15 0001 6d 16 0001 ee", ["data"]],
  ];
  const wraps = [(data: Uint8Array) => data, (data: Uint8Array) => Buffer?.from(data) ?? data];
  for (const wrap of wraps) {
    const packet = wrap(fromHex("200b0000081500016d160001ee"));
    const connack = decode(packet, 5);
    packet.fill(0);
    ok("type" in connack && connack.type === "connack", "accepted");
    equal(Array.from(connack.properties.authentication?.data ?? []), [0xee]);
  }
  for (const [text, fields] of received)
    for (const wrap of wraps) {
      const whole = wrap(fromHex(`ffff${text.replace(/ /g, "")}ff`));
      const packet = whole.subarray(2, whole.length - 1);
      const result = decode(packet, 5) as unknown as Record<string, Uint8Array>;
      for (const field of fields) {
        const before = Array.from(result[field]!);
        ok(before.length > 0, field);
        whole.fill(0);
        equal(Array.from(result[field]!), before);
        equal(result[field]!.buffer.byteLength, before.length, "no more than its own bytes");
      }
    }
});

test("names that anybody may choose do not stay in a board's memory", () => {
  for (let i = 0; i < 4000; i++) {
    const name = Array.from(String(100_000 + i), (digit) => `3${digit}`).join("");
    const user = `26 0007 6e${name} 0001 31`;
    for (const text of [`30 13 0001 74 0d ${user} aabb`, `20 10 00 00 0d ${user}`]) {
      const result = read(text, 5);
      ok("type" in result, JSON.stringify(result));
    }
  }
});

const acks = [
  ["puback", "40", "97"],
  ["pubrec", "50", "97"],
  ["pubrel", "62", "92"],
  ["pubcomp", "70", "92"],
] as const;

for (const [type, first, code] of acks)
  test(`${type}: code and property length may be left out in 5 (§3.4.2.1)`, () => {
    equal(read(`${first} 02 0102`, 4), { type, packetId: 258, ...ack });
    equal(read(`${first} 02 0102`, 5), { type, packetId: 258, ...ack });
    equal(read(`${first} 03 0102 00`, 5), { type, packetId: 258, ...ack });
    const known = { type, packetId: 258, code: Number.parseInt(code, 16) };
    equal(read(`${first} 03 0102 ${code}`, 5), { ...known, text: "" });
    equal(read(`${first} 04 0102 ${code} 00`, 5), { ...known, text: "" });
    equal(read(`${first} 10 0102 ${code} 0c 26 0001 61 0000 1f 0003 e282ac`, 5), { ...known, text: "€" });
    for (const version of [4, 5] as const) {
      refused(`${first} 00`, version, 0x81);
      refused(`${first} 01 01`, version, 0x81);
      refused(`${first} 02 0000`, version, 0x81);
      accepted(`${first} 02 0100`, version);
      accepted(`${first} 02 0001`, version);
    }
    refused(`${first} 03 0102 00`, 4, 0x81);
    refused(`${first} 05 0102 ${code} 00 00`, 5, 0x81);
    refused(`${first} 04 0102 ${code} 01`, 5, 0x81);
    refused(`${first} 0c 0102 ${code} 08 1f 0001 61 1f 0001 61`, 5, 0x82);
  });

test("SUBACK: one code for each filter", () => {
  equal(read("90 06 0102 00 01 02 80", 4), {
    type: "suback",
    packetId: 258,
    codes: [0, 1, 2, 128],
    text: "",
  });
  equal(read("90 0a 0102 05 1f 0002 6e6f 00 a2", 5), {
    type: "suback",
    packetId: 258,
    codes: [0, 162],
    text: "no",
  });
  refused("90 02 0102", 4, 0x81);
  refused("90 03 0102 00", 5, 0x81);
  accepted("90 03 0102 00", 4);
  accepted("90 04 0102 00 00", 5);
  for (const version of [4, 5] as const) {
    refused("90 04 0000 00 00", version, 0x81);
    refused("90 01 01", version, 0x81);
    refused("90 00", version, 0x81);
    refused("90 04 0102 00 03", version, 0x81);
  }
});

test("UNSUBACK: codes in 5 only", () => {
  equal(read("b0 02 0102", 4), { type: "unsuback", packetId: 258, codes: [], text: "" });
  equal(read("b0 09 0102 04 1f 0001 21 00 11", 5), {
    type: "unsuback",
    packetId: 258,
    codes: [0, 17],
    text: "!",
  });
  refused("b0 03 0102 00", 4, 0x81);
  refused("b0 03 0102 00", 5, 0x81);
  refused("b0 02 0102", 5, 0x81);
  refused("b0 02 0000", 4, 0x81);
  accepted("b0 04 0102 00 00", 5);
});

test("PINGRESP has no body", () => {
  for (const version of [4, 5] as const) {
    equal(read("d0 00", version), { type: "pingresp" });
    refused("d0 01 00", version, 0x81);
  }
});

test("DISCONNECT comes from a broker in 5 only", () => {
  equal(read("e0 00", 5), { type: "disconnect", ...ack });
  equal(read("e0 01 8b", 5), { type: "disconnect", code: 0x8b, text: "" });
  equal(read("e0 02 8b 00", 5), { type: "disconnect", code: 0x8b, text: "" });
  equal(read("e0 07 8b 05 1f 0002 6e6f", 5), { type: "disconnect", code: 0x8b, text: "no" });
  equal(read("e0 0c 9d 0a 1f 0002 6e6f 1c 0002 6266", 5), { type: "disconnect", code: 0x9d, text: "bf" });
  refused("e0 00", 4, 0x82);
  refused("e0 03 8b 00 00", 5, 0x81);
  refused("e0 02 8b 01", 5, 0x81);
});

test("a broker's DISCONNECT has no session expiry [MQTT-3.14.2-2]", () => {
  refused("e0 07 00 05 11 00000009", 5, 0x81);
  accepted("e0 07 00 05 1f 0002 6e6f", 5);
});

test("AUTH: a code, a method, data (§3.15)", () => {
  equal(read("f0 0b 18 09 15 0001 6d 16 0002 00ff", 5), {
    type: "auth",
    code: 0x18,
    method: "m",
    data: fromHex("00ff"),
    text: "",
  });
  equal(read("f0 0a 00 08 1f 0001 21 15 0001 6d", 5), {
    type: "auth",
    code: 0,
    method: "m",
    data: undefined,
    text: "!",
  });
  equal(read("f0 00", 5), { type: "auth", code: 0, method: undefined, data: undefined, text: "" });
  refused("f0 00", 4, 0x82);
  refused("f0 01 18", 5, 0x81);
  refused("f0 02 18 00", 5, 0x82);
  refused("f0 02 00 00", 5, 0x82);
  refused("f0 07 18 05 16 0002 00ff", 5, 0x82);
  accepted("f0 07 18 05 15 0002 6d6d", 5);
});

test("packets that only a client sends are protocol errors", () => {
  for (const version of [4, 5] as const) {
    refused("10 0d 0004 4d515454 04 02 003c 0001 63", version, 0x82);
    refused("82 06 0001 0001 61 00", version, 0x82);
    refused("a2 05 0001 0001 61", version, 0x82);
    refused("c0 00", version, 0x82);
  }
});

test("the fixed header must be right too: type, flags, length", () => {
  for (const text of ["", "d0", "00 00", "d1 00", "60 02 0001", "d0 80 00", "d0 01", "40 03 0001"])
    refused(text, 4, 0x81);
  accepted("d0 00", 4);
  accepted("62 02 0001", 4);
});
