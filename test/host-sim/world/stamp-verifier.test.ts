import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../../../host-sim/paths.js";
import {
  type StampAlgorithm,
  senderKid,
  stampKey,
  verifyStamp,
} from "../../../host-sim/world/stamp-verifier.js";
import { sender, senml, stamp, topic } from "./stamping.js";

interface StampCase {
  name: string;
  secret: string;
  alg: StampAlgorithm;
  senderId: string;
  epoch: number;
  direction: "up" | "down";
  topic: string;
  counter: number;
  payload: string;
  contentType?: number;
  key: string;
  message: string;
}

function vectors<T>(name: string): T {
  return JSON.parse(readFileSync(join(root, "test/vectors/sealed", `${name}.json`), "utf8"));
}

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, "hex"));
const hex = (data: Uint8Array) => Buffer.from(data).toString("hex");

const senderOf = ({ senderId, epoch, secret, alg }: StampCase) => ({
  id: senderId,
  epoch,
  secret: bytes(secret),
  algorithm: alg,
});

for (const vector of vectors<{ cases: StampCase[] }>("stamp").cases.filter(
  ({ direction }) => direction === "up",
))
  test(`accepts the vector "${vector.name}"`, () => {
    const by = senderOf(vector);
    assert.equal(hex(stampKey(by, vector.alg, vector.topic)), vector.key);
    const found = verifyStamp(bytes(vector.message), vector.topic, [by]);
    assert.ok(!("refused" in found), JSON.stringify(found));
    assert.equal(found.counter, vector.counter);
    assert.equal(found.contentType, vector.contentType ?? null);
    assert.equal(hex(found.payload), vector.payload);
  });

const rejects = vectors<StampCase & { cases: { name: string; accept: boolean; message: string }[] }>(
  "stamp-reject",
);
for (const { name, accept, message } of rejects.cases)
  test(`${accept ? "accepts" : "refuses"} the vector "${name}"`, () => {
    const found = verifyStamp(bytes(message), rejects.topic, [senderOf(rejects)]);
    assert.equal("refused" in found, !accept, JSON.stringify(found));
  });

const message = stamp({ counter: 258, payload: senml(21.5) });

test("the message that the next tests damage is accepted as it is", () => {
  assert.ok(!("refused" in verifyStamp(message, topic, [sender])));
});

test("refuses every truncation", () => {
  for (let length = 0; length < message.length; length++)
    assert.ok("refused" in verifyStamp(message.subarray(0, length), topic, [sender]), `${length} bytes`);
});

test("refuses every flip of one bit", () => {
  for (let bit = 0; bit < message.length * 8; bit++) {
    const damaged = Buffer.from(message);
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    assert.ok("refused" in verifyStamp(damaged, topic, [sender]), `bit ${bit}`);
  }
});

test("refuses another topic, epoch, id and secret, each one step away", () => {
  assert.ok("refused" in verifyStamp(message, "sensors/dormouse-2/readings", [sender]));
  assert.ok("refused" in verifyStamp(message, topic, [{ ...sender, epoch: 2 }]));
  assert.ok("refused" in verifyStamp(message, topic, [{ ...sender, id: "dormouse-2" }]));
  const secret = sender.secret.map((byte, n) => (n === 31 ? byte ^ 1 : byte));
  assert.ok("refused" in verifyStamp(message, topic, [{ ...sender, secret }]));
  assert.ok("refused" in verifyStamp(message, topic, []));
});

test("refuses the compact algorithm from a sender that is not set to it, and the other way round", () => {
  const compact = { ...sender, algorithm: 4 } as const;
  const short = stamp({ by: compact, counter: 1, payload: senml(1) });
  assert.ok(!("refused" in verifyStamp(short, topic, [compact])));
  assert.ok("refused" in verifyStamp(short, topic, [sender]));
  assert.ok("refused" in verifyStamp(message, topic, [compact]));
});

test("a topic longer than any key may be bound to is refused, not a crash", () => {
  assert.ok("refused" in verifyStamp(message, "t".repeat(65_535), [sender]));
});

test("kids are those of the vectors", () => {
  for (const { senderId, epoch, kid } of vectors<{
    cases: { senderId: string; epoch: number; kid: string }[];
  }>("kid").cases)
    assert.equal(hex(senderKid({ id: senderId, epoch, secret: new Uint8Array() })), kid);
});
