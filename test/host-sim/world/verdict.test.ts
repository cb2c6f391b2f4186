import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { SqliteReplayStore } from "../../../backend/replay/sqlite.js";
import type { Accepted, Sender } from "../../../host-sim/world/opener.js";
import { encodeDeterministic } from "../../../host-sim/world/strict-cbor.js";
import { Judge } from "../../../host-sim/world/verdict.js";
import { type Protecting, protect, secret, sender, senml, topic } from "./sealing.js";

async function withJudge(use: (judge: Judge) => Promise<void>, from: Sender = sender): Promise<void> {
  const store = new SqliteReplayStore(":memory:");
  try {
    await use(new Judge([from], store));
  } finally {
    await store.close();
  }
}

const readings = (value: number) => [{ name: "urn:dev:ops:dormouse-1/temperature", unit: "Cel", value }];

test("fresh, with the reading in it; the same again is a duplicate", () =>
  withJudge(async (judge) => {
    const message = protect({ counter: 0, payload: senml(21.5) });
    assert.deepEqual(await judge.judge(topic, message), {
      verdict: "fresh",
      topic,
      protection: "stamp hmac-256",
      sender: "dormouse-1",
      counter: 0,
      reading: readings(21.5),
      result: null,
      reason: null,
    });
    assert.equal((await judge.judge(topic, message)).verdict, "duplicate");
  }));

const verdict = async (judge: Judge, message: Protecting, on = topic) =>
  (await judge.judge(on, protect(message))).verdict;

test("the same counter with another reading that verifies is a conflict, the next counter is fresh", () =>
  withJudge(async (judge) => {
    await verdict(judge, { counter: 7, payload: senml(21.5) });
    assert.equal(await verdict(judge, { counter: 7, payload: senml(21.25) }), "conflict");
    assert.equal(await verdict(judge, { counter: 8, payload: senml(21.25) }), "fresh");
  }));

test("4,096 counters back is stale, 4,095 is fresh", () =>
  withJudge(async (judge) => {
    await verdict(judge, { counter: 10_000, payload: senml(1) });
    assert.equal(await verdict(judge, { counter: 10_000 - 4096, payload: senml(1) }), "stale");
    assert.equal(await verdict(judge, { counter: 10_000 - 4095, payload: senml(1) }), "fresh");
  }));

test("one bit off is bad, and leaves its counter free", () =>
  withJudge(async (judge) => {
    const message = protect({ counter: 3, payload: senml(21.5) });
    const damaged = Buffer.from(message);
    damaged[damaged.length - 1]! ^= 1;
    const judged = await judge.judge(topic, damaged);
    assert.equal(judged.verdict, "bad");
    assert.equal(judged.reading, null);
    assert.equal((await judge.judge(topic, message)).verdict, "fresh");
  }));

test("a message moved to another topic is bad; another topic's own message is fresh", () =>
  withJudge(async (judge) => {
    const will = "sensors/dormouse-1/will";
    assert.equal(await verdict(judge, { counter: 3, payload: senml(1) }, will), "bad");
    assert.equal(await verdict(judge, { to: will, counter: 3, payload: senml(1) }, will), "fresh");
    assert.equal(await verdict(judge, { counter: 3, payload: senml(1) }), "fresh");
  }));

test("an unknown sender is bad", () =>
  withJudge(async (judge) => {
    const by = { ...sender, id: "dormouse-2" };
    assert.equal(await verdict(judge, { by, counter: 0, payload: senml(1) }), "bad");
  }));

test("a payload that opens but is no SenML is bad, and leaves its counter free", () =>
  withJudge(async (judge) => {
    const judged = await judge.judge(topic, protect({ counter: 0, payload: Buffer.from("80", "hex") }));
    assert.equal(judged.verdict, "bad");
    assert.match(judged.reason!, /opens, but/);
    assert.equal(await verdict(judge, { counter: 0, payload: senml(1) }), "fresh");
  }));

const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const sealTo = { protection: "sealTo", recipientKid: Buffer.from("plant"), privateKey } as const;

const vouchedFor: [string, Accepted][] = [
  ["stamp hmac-256-64", { protection: "stamp", algorithm: 4, secret }],
  ["seal a128gcm", { protection: "seal", algorithm: 1, secret }],
  ["seal a256gcm", { protection: "seal", algorithm: 3, secret }],
  ["seal aes-ccm-16-64-128", { protection: "seal", algorithm: 10, secret }],
  ["seal chacha20-poly1305", { protection: "seal", algorithm: 24, secret }],
  ["sign", { protection: "sign", publicKey }],
  ["sealTo, signed", { ...sealTo, signer: publicKey }],
];
for (const [name, accepts] of vouchedFor) {
  const by: Sender = { ...sender, accepts };
  test(`${name}: fresh, duplicate, conflict`, () =>
    withJudge(async (judge) => {
      const first = { by, signingKey: privateKey, counter: 4, payload: senml(1) };
      const judged = await judge.judge(topic, protect(first));
      assert.deepEqual([judged.verdict, judged.protection, judged.counter], ["fresh", name, 4]);
      // A signature made anew, or a message sealed anew, has other bytes and says the same.
      assert.equal(await verdict(judge, first), "duplicate");
      assert.equal(await verdict(judge, { ...first, payload: senml(2) }), "conflict");
    }, by));
}

const byNobody: [string, Accepted][] = [
  ["none", { protection: "none", contentType: null }],
  ["sealTo", { ...sealTo, signer: null }],
];
for (const [name, accepts] of byNobody)
  test(`${name}: unauthenticated each time, with the reading in it`, () => {
    const by: Sender = { ...sender, accepts };
    return withJudge(async (judge) => {
      const message = protect({ by, counter: 0, payload: senml(21.5) });
      for (let times = 0; times < 2; times++)
        assert.deepEqual(await judge.judge(topic, message), {
          verdict: "unauthenticated",
          topic,
          protection: name,
          sender: null,
          counter: null,
          reading: readings(21.5),
          result: null,
          reason: null,
        });
      const nonsense = protect({ by, counter: 0, payload: Buffer.from("80", "hex") });
      assert.equal((await judge.judge(topic, nonsense)).verdict, "bad");
    }, by);
  });

test("none: what a command came to is told by the topic", () => {
  const by: Sender = { ...sender, accepts: { protection: "none", contentType: 110 } };
  const on = "sensors/dormouse-1/result";
  return withJudge(async (judge) => {
    const { verdict, result } = await judge.judge(on, encodeDeterministic(["boss", 3, "done", null, null]));
    assert.deepEqual([verdict, result?.status], ["unauthenticated", "done"]);
    assert.equal((await judge.judge(on, Buffer.from('[{"n":"a","v":1}]'))).verdict, "bad");
  }, by);
});

test("what a command came to is read, and anything else of that content type is bad", () =>
  withJudge(async (judge) => {
    const result = (counter: number, ...elements: unknown[]) =>
      judge.judge(topic, protect({ counter, contentType: 60, payload: encodeDeterministic(elements) }));
    const { verdict, result: told } = await result(0, "boss", 3, "done", 21.5, null);
    assert.deepEqual([verdict, told], ["fresh", { controller: "boss", counter: 3, status: "done" }]);
    assert.equal((await result(1, "boss", 3, "challenge", null, new Uint8Array(8))).verdict, "fresh");
    assert.equal((await result(2, "boss", 3, "finished", null, null)).verdict, "bad");
    assert.equal((await result(2, "boss", 3, "challenge", null, new Uint8Array(7))).verdict, "bad");
    assert.equal((await result(2, "boss", 3, "done", null)).verdict, "bad");
    assert.equal((await result(2, "boss", 3, "done", null, null)).verdict, "fresh");
  }));
