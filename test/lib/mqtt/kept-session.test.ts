/** What sleeps: a session as bytes between two connections, and that no other bytes are believed. */
import { crc32 } from "../../../lib/crc32.js";
import { decodeKept, emptyKept, encodeKept, type KeptSession } from "../../../lib/mqtt/kept-session.js";
import type { Limits } from "../../../lib/mqtt/limits.js";
import { keep } from "../../../lib/mqtt/session.js";
import { bytes, equal, fromHex, hex, ok, test } from "../../device/harness.js";
import { ack, connack } from "./conformance/broker-packets.js";
import { Conversation, lasting, online } from "./conformance/conversation.js";

const client = { version: 5, clientId: "d1" } as const;
const limits: Limits = {
  receiveMaximum: 8,
  maxPacketBytes: 268_435_460,
  maximumQoS: 2,
  retainAvailable: true,
  topicAliasMaximum: 10,
  keepAliveSeconds: 60,
  sessionExpirySeconds: 3600,
  wildcardSubscriptions: true,
  sharedSubscriptions: true,
  subscriptionIdentifiers: true,
};
const full: KeptSession = {
  limits,
  pipeliningPause: 64,
  nextPacketId: 65535,
  subscriptionsHash: 0xdeadbeef,
  outgoing: [
    { packetId: 1, token: 0, qos: 1, released: false },
    { packetId: 65535, token: 2 ** 48 - 1, qos: 2, released: false },
    { packetId: 258, token: 2 ** 32, qos: 2, released: true },
  ],
  incoming: [1, 65535],
};

test("28 bytes when nothing is in flight, 9 more for each message sent and 2 for each received", () => {
  equal(encodeKept(emptyKept, client).length, 28);
  equal(encodeKept({ ...full, outgoing: [], incoming: [] }, client).length, 28);
  equal(encodeKept(full, client).length, 28 + 3 * 9 + 2 * 2);
});

test("byte for byte, so that an old version is known by its first byte", () => {
  bytes(encodeKept(emptyKept, client).subarray(0, 24), `01${"00".repeat(16)}01${"00".repeat(6)}`);
  const encoded = encodeKept(full, client);
  bytes(encoded.subarray(0, 24), "015f" + "08000a003c00000e1010000004" + "40ffffdeadbeef0302");
  bytes(
    encoded.subarray(24, -4),
    "000101000000000000" + "ffff02ffffffffffff" + "010203000100000000" + "0001ffff",
  );
});

test("what was encoded is decoded, each limit by itself and tokens up to 2^48 - 1", () => {
  const all: KeptSession[] = [emptyKept, full, { ...full, limits: undefined }];
  const changes: Partial<Limits>[] = [
    { receiveMaximum: 1 },
    { receiveMaximum: 255 },
    { maxPacketBytes: 1 },
    { maxPacketBytes: 0xffff_ffff },
    { maximumQoS: 0 },
    { maximumQoS: 1 },
    { retainAvailable: false },
    { topicAliasMaximum: 0 },
    { topicAliasMaximum: 65535 },
    { keepAliveSeconds: 0 },
    { keepAliveSeconds: 65535 },
    { sessionExpirySeconds: 0 },
    { sessionExpirySeconds: 0xffff_ffff },
    { wildcardSubscriptions: false },
    { sharedSubscriptions: false },
    { subscriptionIdentifiers: false },
  ];
  for (const change of changes) all.push({ ...full, limits: { ...limits, ...change } });
  for (const token of [1, 2 ** 31, 2 ** 32 - 1, 2 ** 47, 2 ** 48 - 1])
    all.push({ ...full, outgoing: [{ packetId: 2, token, qos: 1, released: false }] });
  for (const kept of all) equal(decodeKept(encodeKept(kept, client), client), kept);
});

test("every truncation, and anything behind, is not believed", () => {
  const encoded = encodeKept(full, client);
  for (let length = 0; length < encoded.length; length++)
    equal(decodeKept(encoded.subarray(0, length), client), undefined, `${length} bytes`);
  const longer = new Uint8Array(encoded.length + 1);
  longer.set(encoded);
  equal(decodeKept(longer, client), undefined);
  equal(decodeKept(longer.subarray(0, encoded.length), client), full);
});

test("every flipped bit is noticed", () => {
  for (const kept of [emptyKept, full]) {
    const encoded = encodeKept(kept, client);
    for (let bit = 0; bit < encoded.length * 8; bit++) {
      encoded[bit >> 3]! ^= 1 << (bit & 7);
      equal(decodeKept(encoded, client), undefined, `bit ${bit}`);
      encoded[bit >> 3]! ^= 1 << (bit & 7);
    }
    equal(decodeKept(encoded, client), kept);
  }
});

/** With the right checksum, as somebody who can write to the memory would have it. */
function forged(kept: KeptSession, changes: Readonly<Record<number, number>>): Uint8Array {
  const encoded = encodeKept(kept, client);
  for (const [at, byte] of Object.entries(changes)) encoded[Number(at)] = byte;
  const end = encoded.length - 4;
  new DataView(encoded.buffer).setUint32(end, crc32(encoded, 0, end, crc32(fromHex("056431"))));
  return encoded;
}

test("what no session could go on from is not believed, whatever its checksum", () => {
  const cases: [string, Readonly<Record<number, number>>, Readonly<Record<number, number>>][] = [
    ["another layout", { 0: 2 }, { 0: 1 }],
    ["maximum QoS 3", { 1: 0x7f }, { 1: 0x5f }],
    ["receive maximum 0", { 2: 0 }, { 2: 1 }],
    ["packet identifier 0 next", { 16: 0, 17: 0 }, { 16: 0, 17: 1 }],
    ["packet identifier 0 in flight", { 24: 0, 25: 0 }, { 24: 0, 25: 1 }],
    ["a message in stage 0", { 26: 0 }, { 26: 1 }],
    ["a message in stage 4", { 26: 4 }, { 26: 3 }],
  ];
  for (const [what, wrong, right] of cases) {
    equal(decodeKept(forged(full, wrong), client), undefined, what);
    ok(decodeKept(forged(full, right), client), `the neighbour of ${what}`);
  }
  // Without limits there is no receive maximum.
  equal(decodeKept(forged({ ...full, limits: undefined }, { 2: 0 }), client)?.limits, undefined);
});

test("more in flight than may be now is not believed", () => {
  const encoded = encodeKept(full, client);
  equal(decodeKept(encoded, { ...client, maxInFlight: 3 }), full);
  equal(decodeKept(encoded, { ...client, maxInFlight: 2 }), undefined);
  const many = (count: number): KeptSession => ({
    ...full,
    outgoing: Array.from({ length: count }, (_, i) => ({
      packetId: i + 1,
      token: i,
      qos: 1,
      released: false,
    })),
  });
  equal(decodeKept(encodeKept(many(8), client), client)?.outgoing.length, 8);
  equal(decodeKept(encodeKept(many(9), client), client), undefined, "8 is the default");
});

test("memory that was never written, or erased, is not believed", () => {
  for (const fill of [0, 1, 0xff])
    for (const length of [28, 64]) equal(decodeKept(new Uint8Array(length).fill(fill), client), undefined);
});

test("another client's, or another version's, is not believed", () => {
  const encoded = encodeKept(full, client);
  for (const clientId of ["d2", "d", "d11", "D1", ""])
    equal(decodeKept(encoded, { ...client, clientId }), undefined);
  equal(decodeKept(encoded, { ...client, version: 4 }), undefined);
  equal(decodeKept(encoded, { clientId: "d1" }), full, "5 is the default");
  const umlaut = encodeKept(full, { clientId: "dé€😀" });
  equal(decodeKept(umlaut, { clientId: "dé€😀" }), full);
  equal(decodeKept(umlaut, { clientId: "dé€😁" }), undefined);
});

test("bytes are read where they lie in a larger memory", () => {
  const encoded = encodeKept(full, client);
  const memory = new Uint8Array(encoded.length + 13).fill(0xa5);
  memory.set(encoded, 7);
  equal(decodeKept(memory.subarray(7, 7 + encoded.length), client), full);
  equal(hex(memory.subarray(0, 7)), "a5".repeat(7), "what is beside it");
});

/** A sleeping device: the session goes through its bytes between two connections. */
function sleep(script: Conversation, options: object): Conversation {
  const { version } = script;
  const kept = keep(script.do({ type: "transport-closed" }).state);
  ok(kept, "kept");
  const restored = decodeKept(encodeKept(kept, { version, clientId: "d1" }), { version, clientId: "d1" });
  return new Conversation(version, options, restored).start().skip();
}

test("a session goes on from its bytes as it would have without", () => {
  const options = { ...lasting, subscriptions: [{ filter: "c/d", qos: 1 }] } as const;
  for (const version of [4, 5] as const) {
    const script = online(version, options).receive(version === 5 ? "900400010001" : "9003000101");
    script
      .publish({}, 2 ** 40)
      .publish({ qos: 2 }, 2)
      .publish({ qos: 2 }, 3)
      .receive(ack("pubrec", 4));
    const next = sleep(script, options);
    next.publish({}, 2 ** 40).sees("PUBLISH DUP QoS1 #2 a/b 6869");
    next.receive(connack(version, { present: true })).publish({ qos: 2 }, 2);
    next.sees("PUBREL #4", "PUBLISH DUP QoS2 #3 a/b 6869");
    next.receive(ack("pubcomp", 4)).publish({}, 5).sees("PUBLISH QoS1 #5 a/b 6869");
    next.tells("connected present", "completed 3 #4");
    const idle = sleep(next.receive(ack("puback", 2) + ack("pubrec", 3) + ack("pubcomp", 3)), options);
    equal(
      idle
        .receive(connack(version, { present: true }))
        .resend()
        .lines(),
      ["PUBLISH DUP QoS1 #5 a/b 6869"],
    );
  }
});
