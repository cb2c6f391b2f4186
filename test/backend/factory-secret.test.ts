/** Receivers and a device whose secret replaced its factory image's. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { KeyringError, parseKeyring } from "../../backend/keyring.js";
import { nodeCrypto } from "../../backend/node-crypto.js";
import { Receiver } from "../../backend/receiver.js";
import { SqliteReplayStore } from "../../backend/replay/sqlite.js";
import { root } from "../../host-sim/paths.js";
import { thaw } from "../../lib/sealed/frozen.js";
import { deriveSealKey, signKey } from "../../lib/sealed/keys.js";
import { protect } from "../../lib/sealed/protect.js";

interface Case {
  readonly secret: string;
  readonly salt: string;
  readonly epoch: number;
  readonly nextSecret: string;
  readonly topic: string;
  readonly counter: number;
  readonly payload: string;
  readonly message: string;
}

const { cases } = JSON.parse(readFileSync(join(root, "test/vectors/sealed/next-secret.json"), "utf8")) as {
  readonly cases: readonly Case[];
};
const [first, , third] = cases as readonly [Case, Case, Case];
const fromHex = (text: string) => Uint8Array.from(Buffer.from(text, "hex"));
const device = "dormouse-1";
const image = (topics: object = { [first.topic]: "stamp" }, more: object = {}) => ({
  ...{ device, epoch: 0, secret: first.secret, factory: true, topics },
  ...more,
});

async function judged(keys: object[], topic: string, ...messages: Uint8Array[]) {
  const replay = new SqliteReplayStore(":memory:");
  const receiver = new Receiver({ keyring: parseKeyring(JSON.stringify({ schema: 1, keys })), replay });
  const all = [];
  for (const message of messages) all.push(await receiver.receive(topic, message));
  receiver.close();
  await replay.close();
  return all;
}

const verdicts = async (...given: Parameters<typeof judged>) =>
  (await judged(...given)).map(({ verdict, reason }) => (reason ? `${verdict}: ${reason}` : verdict));

test("who has the image's secret opens what the device makes of it, and is told by which salt", async () => {
  const [got, again] = await judged([image()], first.topic, fromHex(first.message), fromHex(first.message));
  assert.deepEqual(
    [got!.verdict, got!.sender, got!.epoch, got!.counter],
    ["fresh", device, first.epoch, first.counter],
  );
  assert.equal(Buffer.from(got!.salt!).toString("hex"), first.salt);
  assert.equal(Buffer.from(got!.payload!).toString("hex"), first.payload);
  assert.equal(again!.verdict, "duplicate");
});

test("another flashing of the image is another epoch, with a window of its own", async () => {
  // made of the same secret
  assert.equal(third.secret, first.secret);
  const own = nodeCrypto.importSecret(fromHex(third.nextSecret));
  const sender = { id: device, epoch: third.epoch, salt: fromHex(third.salt) };
  const channel = { sender, direction: "up", topic: first.topic } as const;
  const key = deriveSealKey(nodeCrypto, own, channel);
  const seal = (counter: number) =>
    protect(nodeCrypto, key, thaw({ counter, plaintext: fromHex(first.payload) }));
  const seals = image({ [first.topic]: "seal" });
  assert.deepEqual(await verdicts([seals], first.topic, seal(5), seal(0), seal(5)), [
    ...["fresh", "fresh", "duplicate"],
  ]);
  assert.deepEqual(await verdicts([image()], first.topic, fromHex(first.message), fromHex(third.message)), [
    ...["fresh", "fresh"],
  ]);
});

test("an entry of the device's own secret and epoch opens the same", async () => {
  const own = { ...image(), epoch: first.epoch, secret: first.nextSecret, factory: undefined };
  assert.deepEqual(await verdicts([own], first.topic, fromHex(first.message)), ["fresh"]);
  // the image's beside it, for the next flashing
  assert.deepEqual(
    await verdicts([image(), own], first.topic, fromHex(first.message), fromHex(third.message)),
    ["fresh", "fresh"],
  );
});

test("only what is said to be a factory image's secret is used so", async () => {
  const plain = { ...image(), factory: undefined };
  assert.deepEqual(await verdicts([plain], first.topic, fromHex(first.message)), ["bad: unknown-key"]);
});

test("another salt, epoch or secret is not authentic, or of no key", async () => {
  const at = (hex: string) => Buffer.from(first.message, "hex").indexOf(Buffer.from(hex, "hex"));
  const salt = at(first.salt);
  // The first four bytes of the salt are the epoch's.
  for (const [offset, verdict] of [
    [15, "bad: not-authentic"],
    [4, "bad: not-authentic"],
    [0, "bad: unknown-key"],
    [-2, "bad: unknown-key"],
  ] as const) {
    const message = fromHex(first.message);
    message[salt + offset]! ^= 2;
    assert.deepEqual(await verdicts([image()], first.topic, message), [verdict], `${offset}`);
  }
  const other = image(undefined, { secret: "5e".repeat(32) });
  assert.deepEqual(await verdicts([other], first.topic, fromHex(first.message)), ["bad: not-authentic"]);
});

test("a signature says whose the salt is, sealed or not", async () => {
  const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const key = nodeCrypto.importSigningKey(
    new Uint8Array(pair.privateKey.export({ type: "pkcs8", format: "der" })),
  );
  const publicKey = pair.publicKey.export({ type: "spki", format: "pem" });
  const sender = { id: device, epoch: first.epoch, salt: fromHex(first.salt) };
  const message = protect(
    nodeCrypto,
    signKey(sender, first.topic, key),
    thaw({ counter: 7, plaintext: fromHex(first.payload) }),
  );
  const entry = { device, epoch: 0, publicKey, topics: { [first.topic]: "sign" } };
  const [got] = await judged([{ ...entry, factory: true }], first.topic, message);
  assert.deepEqual([got!.verdict, got!.epoch, got!.counter], ["fresh", first.epoch, 7]);
  assert.equal(Buffer.from(got!.salt!).toString("hex"), first.salt);
  assert.deepEqual(await verdicts([entry], first.topic, message), ["bad: unknown-key"]);

  const recipient = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const privateKey = recipient.privateKey.export({ type: "pkcs8", format: "pem" });
  const { x, y } = recipient.publicKey.export({ format: "jwk" });
  const recipientPoint = Buffer.concat([
    Buffer.of(4),
    Buffer.from(x!, "base64url"),
    Buffer.from(y!, "base64url"),
  ]);
  const sealed = protect(
    nodeCrypto,
    {
      protection: "sealTo",
      recipientKid: new TextEncoder().encode("plant"),
      recipientPoint,
      topic: first.topic,
      signer: signKey(sender, first.topic, key),
    },
    thaw({ counter: 8, plaintext: fromHex(first.payload) }),
  );
  const to = (signer: object) => ({
    recipient: "plant",
    privateKey,
    topics: [first.topic],
    signers: [signer],
  });
  const known = { device, epoch: 0, publicKey };
  const [opened] = await judged([to({ ...known, factory: true })], first.topic, sealed);
  assert.deepEqual([opened!.verdict, opened!.epoch, opened!.counter], ["fresh", first.epoch, 8]);
  assert.deepEqual(await verdicts([to(known)], first.topic, sealed), ["bad: unknown-key"]);
});

test("an image's secret commands nobody", () => {
  const keyring = parseKeyring(JSON.stringify({ schema: 1, keys: [image()] }));
  assert.equal(keyring.commandKey(device, "office", "sensors/command", undefined, 0), undefined);
  keyring.close();
});

test("two images of a device for one topic, a short name and another word than true are refused", () => {
  const complaint = (...keys: object[]) => {
    try {
      parseKeyring(JSON.stringify({ schema: 1, keys })).close();
    } catch (error) {
      if (error instanceof KeyringError) return error.message;
    }
    return "accepted";
  };
  assert.match(complaint(image(), image(undefined, { epoch: 1 })), /entry 2: there is an entry of that key/);
  assert.match(complaint(image(undefined, { kid: "a1b2" })), /entry 1: kid: /);
  assert.match(complaint(image(undefined, { factory: false })), /entry 1: factory: /);
});
