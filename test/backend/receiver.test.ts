import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { parseKeyring } from "../../backend/keyring.js";
import { nodeCrypto } from "../../backend/node-crypto.js";
import { maxMessageBytes, type Received, Receiver, type ReceiverOptions } from "../../backend/receiver.js";
import { SqliteReplayStore } from "../../backend/replay/sqlite.js";
import { encode } from "../../lib/cbor/encode.js";
import { decodeItem, strict } from "../../lib/cose/message.js";
import { type Draft, thaw } from "../../lib/sealed/frozen.js";
import { deriveSealKey, deriveStampKey, type SealKey, type StampKey } from "../../lib/sealed/keys.js";
import { protect } from "../../lib/sealed/protect.js";
import { encodePackCbor } from "../../lib/senml/cbor.js";
import { encodePackJson } from "../../lib/senml/json.js";
import { vectorMessages } from "./vector-messages.js";

const secretHex = "5e".repeat(32);
const secret = nodeCrypto.importSecret(Uint8Array.from(Buffer.from(secretHex, "hex")));
const sender = { id: "dormouse-1", epoch: 0 };
const readings = "sensors/dormouse-1/readings";
const records = [{ bn: "dormouse-1:", n: "temperature", u: "Cel", v: 21.5, bt: 1_790_000_000 }];
const reading = [{ name: "dormouse-1:temperature", unit: "Cel", value: 21.5, time: 1_790_000_000 }];
const pack = encodePackCbor(records);

const entry = { device: "dormouse-1", epoch: 0, secret: secretHex, topics: { [readings]: "stamp" } };
const stampKey = (topic = readings, epoch = 0) =>
  deriveStampKey(nodeCrypto, secret, { sender: { ...sender, epoch }, direction: "up", topic });

function message(key: StampKey | SealKey, counter: number, draft: Draft = { plaintext: pack }): Uint8Array {
  return protect(nodeCrypto, key, thaw({ ...draft, counter }));
}

const keyringOf = (...keys: object[]) => parseKeyring(JSON.stringify({ schema: 1, keys }));

async function receiving(
  keys: object[],
  check: (receiver: Receiver) => Promise<void>,
  options: Partial<ReceiverOptions> = {},
): Promise<void> {
  const replay = new SqliteReplayStore(":memory:");
  const receiver = new Receiver({ keyring: keyringOf(...keys), replay, ...options });
  try {
    await check(receiver);
  } finally {
    receiver.close();
    await replay.close();
  }
}

const outcome = ({ verdict, reason }: Received) => (reason === null ? verdict : `${verdict}: ${reason}`);

test("each message of the independent vectors is fresh with all that is in it, and then a duplicate", async () => {
  assert.ok(vectorMessages.length > 60);
  for (const vector of vectorMessages)
    await receiving([vector.entry], async (receiver) => {
      const { protection, topic, contentType, payload, epoch, counter } = vector;
      const got = await receiver.receive(topic, vector.message);
      const { reading: _, reason: __, ...rest } = got;
      const verdict = vector.sender === null ? "unauthenticated" : "fresh";
      const expected = {
        verdict,
        topic,
        sender: vector.sender,
        epoch,
        counter,
        salt: null,
        protection,
        contentType,
        payload,
      };
      assert.deepEqual(rest, expected, vector.name);
      const again = await receiver.receive(topic, vector.message);
      assert.equal(again.verdict, vector.sender === null ? "unauthenticated" : "duplicate", vector.name);
    });
});

test("one byte off anywhere, or another topic of the same key, is bad, and leaves the counter free", async () => {
  for (const vector of vectorMessages.filter(({ name }) => /first message|signed: a SenML/.test(name)))
    await receiving([vector.entry], async (receiver) => {
      for (let at = 0; at < vector.message.length; at++) {
        const damaged = Uint8Array.from(vector.message);
        damaged[at]! ^= 1;
        const got = await receiver.receive(vector.topic, damaged);
        assert.equal(got.verdict, "bad", `${vector.name}, byte ${at}`);
        assert.deepEqual([got.payload, got.reading, got.sender, got.counter], [null, null, null, null]);
      }
      const got = await receiver.receive(vector.topic, vector.message);
      assert.notEqual(got.verdict, "bad", vector.name);
    });
});

test("SenML is read, as CBOR and as JSON", () =>
  receiving([entry], async (receiver) => {
    const cbor = await receiver.receive(readings, message(stampKey(), 0));
    assert.deepEqual(cbor.reading, reading);
    assert.equal(cbor.contentType, null);
    const draft = { plaintext: encodePackJson(records), contentType: 110 } as const;
    const json = await receiver.receive(readings, message(stampKey(), 1, draft));
    assert.deepEqual(json.reading, reading);
    assert.equal(json.contentType, 110);
  }));

test("a result of a command is no reading", () =>
  receiving([entry], async (receiver) => {
    const plaintext = encode(["laptop", 5, "done", null, null]);
    const got = await receiver.receive(readings, message(stampKey(), 0, { plaintext, contentType: 60 }));
    assert.deepEqual([got.verdict, got.contentType, got.reading, got.reason], ["fresh", 60, null, null]);
    assert.deepEqual(got.payload, plaintext);
  }));

test("what verifies but cannot be read has used its counter: it is fresh, unreadable, and then a duplicate", () =>
  receiving([entry], async (receiver) => {
    const garbage = message(stampKey(), 3, { plaintext: Uint8Array.of(0xff) });
    const got = await receiver.receive(readings, garbage);
    assert.equal(outcome(got), "fresh: unreadable");
    assert.equal(got.sender, "dormouse-1");
    assert.deepEqual(got.payload, Uint8Array.of(0xff));
    assert.equal(outcome(await receiver.receive(readings, garbage)), "duplicate: unreadable");
    assert.equal(outcome(await receiver.receive(readings, message(stampKey(), 3))), "conflict");
  }));

test("duplicate, conflict and stale are told apart", () =>
  receiving([entry], async (receiver) => {
    const receive = async (counter: number, draft?: Draft) =>
      outcome(await receiver.receive(readings, message(stampKey(), counter, draft)));
    assert.equal(await receive(5000), "fresh");
    assert.equal(await receive(5000), "duplicate");
    assert.equal(await receive(5000, { plaintext: encodePackCbor([{ n: "a", v: 1 }]) }), "conflict");
    assert.equal(await receive(5000 - 4095), "fresh");
    assert.equal(await receive(5000 - 4096), "stale");
  }));

test("the algorithm is the keyring's, never the message's", () =>
  receiving([entry], async (receiver) => {
    const channel = { sender, direction: "up", topic: readings } as const;
    const compact = message(deriveStampKey(nodeCrypto, secret, channel, 4), 0);
    assert.equal(outcome(await receiver.receive(readings, compact)), "bad: unknown-key");
    const sealed = message(deriveSealKey(nodeCrypto, secret, channel), 0);
    assert.equal(outcome(await receiver.receive(readings, sealed)), "bad: unknown-key");
    const down = deriveStampKey(nodeCrypto, secret, { ...channel, direction: "down" });
    assert.equal(outcome(await receiver.receive(readings, message(down, 0))), "bad: not-authentic");
    assert.equal(outcome(await receiver.receive(readings, message(stampKey(), 0))), "fresh");
  }));

test("each reason has its case", () =>
  receiving(
    [entry, { ...entry, epoch: 1, until: "2026-01-01T00:00:00Z" }],
    async (receiver) => {
      const reason = async (bytes: Uint8Array, topic = readings) => {
        const got = await receiver.receive(topic, bytes);
        assert.equal(got.verdict, "bad");
        return `${got.protection}: ${got.reason}`;
      };
      assert.equal(await reason(new Uint8Array(0)), "null: malformed");
      assert.equal(await reason(Buffer.from('{"temperature":21.5}')), "null: malformed");
      assert.equal(await reason(message(stampKey(readings, 2), 0)), "stamp: unknown-key");
      assert.equal(await reason(message(stampKey(), 0), "sensors/dormouse-1/will"), "stamp: unknown-key");
      assert.equal(await reason(message(stampKey(readings, 1), 0)), "stamp: expired");
      assert.equal(await reason(message(stampKey("sensors/dormouse-1/will"), 0)), "stamp: not-authentic");
    },
    { now: () => Date.parse("2026-01-01T00:00:00.001Z") },
  ));

test("epochs overlap until the old one's time is over", async () => {
  let now = Date.parse("2026-01-01T00:00:00Z");
  const old = { ...entry, until: "2026-01-01T00:00:00Z" };
  await receiving(
    [old, { ...entry, epoch: 1 }],
    async (receiver) => {
      assert.equal(outcome(await receiver.receive(readings, message(stampKey(), 7))), "fresh");
      assert.equal(outcome(await receiver.receive(readings, message(stampKey(readings, 1), 7))), "fresh");
      now++;
      assert.equal(outcome(await receiver.receive(readings, message(stampKey(), 8))), "bad: expired");
      assert.equal(outcome(await receiver.receive(readings, message(stampKey(readings, 1), 8))), "fresh");
    },
    { now: () => now },
  );
});

const sealedTo = (name: string) => vectorMessages.find((vector) => vector.name === `sealTo: ${name}`)!;

test("a recipient's key opens what arrives on its topics alone", async () => {
  const { entry: recipient, topic, message: bytes } = sealedTo("signed: a SenML reading");
  const elsewhere = { ...recipient, topics: ["sensors/+/will", `${topic}/more`] };
  await receiving([elsewhere], async (receiver) =>
    assert.equal(outcome(await receiver.receive(topic, bytes)), "bad: unknown-key"),
  );
});

test("a recipient with signers takes no other's message, none that nobody signed, and none when a signer's time is over", async () => {
  const signed = sealedTo("signed: a SenML reading");
  const unsigned = sealedTo("unsigned: a SenML reading");
  const [signer] = signed.entry.signers as [object];
  const check = async (signers: object[], bytes: Uint8Array, expected: string) =>
    receiving(
      [{ ...signed.entry, signers }],
      async (receiver) => assert.equal(outcome(await receiver.receive(signed.topic, bytes)), expected),
      { now: () => Date.parse("2026-01-01T00:00:01Z") },
    );
  await check([{ ...signer, until: "2026-01-01T00:00:01Z" }], signed.message, "fresh");
  await check([{ ...signer, until: "2026-01-01T00:00:00Z" }], signed.message, "bad: unknown-key");
  await check([{ ...signer, device: "dormouse-9" }], signed.message, "bad: unknown-key");
  await check([signer], unsigned.message, "bad: not-authentic");
  await check([{ ...signer, topics: ["elsewhere", signed.topic] }], signed.message, "fresh");
  await check([{ ...signer, topics: ["elsewhere/#"] }], signed.message, "bad: unknown-key");
});

test("behind a bridge that renames, messages verify by the device's topic, in one window with the others", () =>
  receiving(
    [entry],
    async (receiver) => {
      const first = message(stampKey(), 0);
      const got = await receiver.receive(`site-7/${readings}`, first);
      assert.deepEqual([got.verdict, got.topic], ["fresh", readings]);
      assert.equal(outcome(await receiver.receive(readings, first)), "duplicate");
      assert.equal(outcome(await receiver.receive(`site-8/${readings}`, first)), "bad: unknown-key");
    },
    { topicMap: (topic) => topic.replace(/^site-7\//, "") },
  ));

test("a keyring that replaces another takes effect at once, and the other's keys are gone", () =>
  receiving([entry], async (receiver) => {
    assert.equal(outcome(await receiver.receive(readings, message(stampKey(), 0))), "fresh");
    receiver.replaceKeyring(keyringOf({ ...entry, epoch: 1 }));
    assert.equal(outcome(await receiver.receive(readings, message(stampKey(), 1))), "bad: unknown-key");
    assert.equal(outcome(await receiver.receive(readings, message(stampKey(readings, 1), 1))), "fresh");
  }));

test("a replay store that cannot be asked is an error, not a verdict", async () => {
  const replay = new SqliteReplayStore(":memory:");
  const receiver = new Receiver({ keyring: keyringOf(entry), replay });
  await replay.close();
  await assert.rejects(receiver.receive(readings, message(stampKey(), 0)));
  assert.equal(
    (await receiver.receive(readings, Uint8Array.of(1))).reason,
    "malformed",
    "that needs no store",
  );
  receiver.close();
});

test("nothing unverified reaches the replay store", async () => {
  let asked = 0;
  const replay = {
    admit: async () => {
      asked++;
      return "fresh" as const;
    },
    close: async () => {},
  };
  const receiver = new Receiver({ keyring: keyringOf(entry), replay });
  const damaged = message(stampKey(), 0);
  damaged[damaged.length - 1]! ^= 1;
  assert.equal((await receiver.receive(readings, damaged)).verdict, "bad");
  assert.equal(asked, 0);
  receiver.close();
});

test("the payload is the caller's: writing to the message afterwards does not change it", () =>
  receiving([entry], async (receiver) => {
    const bytes = message(stampKey(), 0);
    const got = await receiver.receive(readings, bytes);
    bytes.fill(0);
    assert.deepEqual(got.payload, pack);
  }));

test("a small pack that stands for a large one is unreadable, and used its counter", async () => {
  await receiving([entry], async (receiver) => {
    const packOf = (letters: number, count: number) =>
      encodePackCbor([
        { bn: "a".repeat(letters) },
        ...Array.from({ length: count }, (_, i) => ({ n: `${i % 10}`, v: 1 })),
      ]);
    const sent = message(stampKey(), 1, { plaintext: packOf(25_000, 50) });
    const { verdict, reason, reading: none } = await receiver.receive(readings, sent);
    assert.deepEqual([verdict, reason, none], ["fresh", "unreadable", null]);
    assert.equal((await receiver.receive(readings, sent)).verdict, "duplicate");
    const small = message(stampKey(), 2, { plaintext: packOf(25_000, 40) });
    assert.equal((await receiver.receive(readings, small)).reading?.length, 40);
    const unit = encodePackCbor([
      { bu: "u".repeat(25_000), n: "a", v: 1 },
      ...Array.from({ length: 50 }, () => ({ n: "a", v: 1 })),
    ]);
    const units = await receiver.receive(readings, message(stampKey(), 3, { plaintext: unit }));
    assert.equal(units.reason, "unreadable");
  });
});

test("what nobody has verified costs no more than its bytes: a bound on them, and on the items they may claim", async () => {
  const bomb = new Uint8Array(600).fill(0xa0);
  bomb.set([0xd1, 0x84, 0x99, 0x02, 0x53]);
  assert.throws(() => decodeItem(bomb.subarray(0, 38), strict), /too many items/);
  assert.throws(() => decodeItem(bomb, { unsorted: true }), /too many items/);
  await receiving([entry], async (receiver) => {
    const plaintext = encodePackCbor([{ n: "a", vs: "x".repeat(maxMessageBytes) }]);
    const got = await receiver.receive(readings, message(stampKey(), 1, { plaintext }));
    assert.equal(outcome(got), "bad: malformed");
    assert.equal(outcome(await receiver.receive(readings, message(stampKey(), 1))), "fresh");
  });
});

test("a topic that names nothing, from a broker or a map, is malformed and no error", async () => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const pem = privateKey.export({ format: "pem", type: "pkcs8" });
  const sealed = vectorMessages.find(({ protection }) => protection === "sealTo")!;
  const { recipient } = sealed.entry as { readonly recipient: string };
  await receiving([{ recipient, privateKey: pem, topics: ["#"] }], async (receiver) => {
    for (const topic of ["", "a/+", "a/#", "a\0", "a\ud800"])
      assert.equal(outcome(await receiver.receive(topic, sealed.message)), "bad: malformed", topic);
    assert.equal(outcome(await receiver.receive("a", sealed.message)), "bad: not-authentic");
  });
});
