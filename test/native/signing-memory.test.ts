/**
 * ES256 and the memory it takes: each single allocation that fails is told and leaves nothing behind, and key and
 * nonce are in no memory that the process can write once they are done with. Before that the same search finds the key.
 */
import assert from "node:assert/strict";
import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { nonceOf, signDeterministically } from "../node-ecdsa.js";
import { combDigits } from "./comb-digits.js";
import { searchMemory } from "./memory-search.js";
import { failingAllocations, stepThrough } from "./stepping-device.js";

const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const der = privateKey.export({ type: "pkcs8", format: "der" });
const key = Buffer.from(
  createPrivateKey({ key: der, format: "der", type: "pkcs8" }).export({ format: "jwk" }).d!,
  "base64url",
);
const point = publicKey.export({ type: "spki", format: "der" }).subarray(-65);
const message = Buffer.from("what a dormouse signs");
const signature = Buffer.from(signDeterministically(key, message));

const program = `
const message = Uint8Array.from([${[...message]}]);
const point = Uint8Array.from([${[...point]}]);
const signature = Uint8Array.from([${[...signature]}]);
let key;

const steps = {
  import() {
    const bytes = flash("key");
    try {
      key = crypto.importSigningKey(bytes);
    } finally {
      bytes.fill(0);
    }
  },
  sign: () => hex(crypto.sign(key, message)),
  importPublic() {
    key = crypto.importVerifyingKey(point);
  },
  verify: () => String(crypto.verify(key, message, signature)),
  close() {
    key?.close();
    key = undefined;
  },
};
`;

const onDevice = (variant: "release" | "sanitize", steps: Parameters<typeof stepThrough>[1]) =>
  stepThrough({ variant, program, flash: { key: der } }, steps);

test("whichever allocation fails, the device is told so, keeps nothing, and then signs as before", () =>
  onDevice("sanitize", async function* (device) {
    assert.equal(yield "import", "done");
    assert.equal(yield "sign", signature.toString("hex"));
    yield "close";
    const close = ["close"];
    for (const [step, expected, before, atLeast] of [
      ["import", "done", [], 1],
      ["sign", signature.toString("hex"), ["import"], 10],
      ["importPublic", "done", [], 1],
      ["verify", "true", ["importPublic"], 10],
    ] as const) {
      const allocations = yield* failingAllocations(device, step, expected, { before, after: close });
      assert.ok(allocations >= atLeast, `${step}: only ${allocations} allocations`);
    }
  }));

test("key and nonce are nowhere in memory once they are done with", () =>
  onDevice("release", async function* (device) {
    const nonce = nonceOf(key, message);
    const secrets = [
      { name: "key", bytes: key },
      { name: "nonce", bytes: nonce },
      ...combDigits("nonce", nonce),
    ];
    const found = () =>
      new Set(searchMemory(device.pid, secrets).map(({ name, region }) => `${name} ${region}`));
    assert.deepEqual([...found()], []);
    for (let round = 0; round < 3; round++) {
      assert.equal(yield "import", "done");
      assert.deepEqual([...found()], ["key [heap]"], "PSA holds it");
      assert.equal(yield "sign", signature.toString("hex"));
      assert.deepEqual([...found()], ["key [heap]"], "after a signature");
      yield "close";
      assert.deepEqual([...found()], [], "closed");
    }
    // what the machine's end gives back is wiped too
    assert.equal(yield "import", "done");
  }));
