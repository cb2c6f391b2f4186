/**
 * AEAD keys, ECDH and the memory they take: each single allocation that fails is told and leaves nothing behind; keys,
 * what comes of them and what is not authentic are in no memory that the process can write once they are done with.
 */
import assert from "node:assert/strict";
import { createCipheriv, createECDH, createHmac, hkdfSync, randomBytes } from "node:crypto";
import { test } from "node:test";
import { nodeCrypto } from "../../backend/node-crypto.js";
import { aeadLengths } from "../../lib/crypto/aead.js";
import type { AeadAlgorithm } from "../../lib/crypto/crypto.js";
import { pkcs8Of } from "../lib/crypto/p256-vectors.js";
import { combDigits } from "./comb-digits.js";
import { findPrivateKey, type Sought, searchMemory } from "./memory-search.js";
import { failingAllocations, stepThrough } from "./stepping-device.js";

const algorithms: readonly AeadAlgorithm[] = [1, 3, 10, 24];
const names = { 1: "A128GCM", 3: "A256GCM", 10: "AES-CCM-16-64-128", 24: "ChaCha20/Poly1305" } as const;

const secret = randomBytes(32);
const [info, salt, aad] = [Buffer.from("dormouse test"), randomBytes(16), Buffer.from("sensors/dormouse-1")];
const keys = new Map(algorithms.map((alg) => [alg, randomBytes(aeadLengths(alg).keyBytes)] as const));
const nonceOf = (alg: AeadAlgorithm) => Buffer.alloc(aeadLengths(alg).nonceBytes, alg);
/** What nobody may see but who opens it: the search would find it. */
const plaintext = randomBytes(100);

function sealed(alg: AeadAlgorithm): Uint8Array {
  const key = nodeCrypto.importAeadKey(keys.get(alg)!, alg);
  return nodeCrypto.encrypt(key, nonceOf(alg), aad, plaintext);
}

/** One block of AES. */
function block(key: Uint8Array, input: Uint8Array): Buffer {
  const cipher = createCipheriv(key.length === 16 ? "aes-128-ecb" : "aes-256-ecb", key, null);
  return cipher.setAutoPadding(false).update(input);
}

/** The key, and what forges a message as well as it (SP 800-38D §6.4 and §7.1, RFC 3610 §2.3, RFC 8439 §2.6). */
function secretsOf(alg: AeadAlgorithm, key: Uint8Array): Sought[] {
  const nonce = nonceOf(alg);
  const more =
    alg === 24
      ? {
          "one-time key": createCipheriv("chacha20", key, Buffer.concat([Buffer.alloc(4), nonce])).update(
            Buffer.alloc(32),
          ),
        }
      : alg === 10
        ? { "tag's mask": block(key, Buffer.concat([Buffer.of(1), nonce, Buffer.alloc(2)])) }
        : {
            "hash key": block(key, Buffer.alloc(16)),
            "tag's mask": block(key, Buffer.concat([nonce, Buffer.of(0, 0, 0, 1)])),
          };
  return Object.entries({ key, ...more }).map(([name, bytes]) => ({ name, bytes }));
}

/** RFC 5869 §2.2 */
const pseudorandomKey = createHmac("sha256", salt).update(secret).digest();
const derivedKey = (alg: AeadAlgorithm) =>
  Buffer.from(hkdfSync("sha256", secret, salt, info, aeadLengths(alg).keyBytes));

const pair = createECDH("prime256v1");
const other = createECDH("prime256v1");
pair.generateKeys();
other.generateKeys();
const number = Buffer.from(pair.getPrivateKey("hex").padStart(64, "0"), "hex");
const shared = pair.computeSecret(other.getPublicKey());

const bytes = (data: Uint8Array) => `Uint8Array.from([${[...data]}])`;
const program = `
const [info, salt, aad] = [${[info, salt, aad].map(bytes).join(", ")}];
const nonces = { ${algorithms.map((alg) => `${alg}: ${bytes(nonceOf(alg))}`).join(", ")} };
const sealed = { ${algorithms.map((alg) => `${alg}: ${bytes(sealed(alg))}`).join(", ")} };
const point = ${bytes(other.getPublicKey())};
let key, secret, pair, plaintext;

function imported(name, use) {
  const bytes = flash(name);
  try {
    return use(bytes);
  } finally {
    bytes.fill(0);
  }
}

const steps = {
  import(alg) {
    key = imported("key-" + alg, (bytes) => crypto.importAeadKey(bytes, Number(alg)));
  },
  importSecret() {
    secret = imported("secret", (bytes) => crypto.importSecret(bytes));
  },
  derive(alg) {
    key = crypto.deriveAeadKey(secret, info, Number(alg), salt);
  },
  deriveMac() {
    key = crypto.deriveMacKey(secret, info, 32, salt);
  },
  hmac: () => hex(crypto.hmac(key, aad)),
  encrypt(alg) {
    return hex(crypto.encrypt(key, nonces[alg], aad, info));
  },
  decrypt(alg) {
    plaintext = crypto.decrypt(key, nonces[alg], aad, sealed[alg]);
    return plaintext && "authentic";
  },
  forget() {
    plaintext.fill(0);
  },
  refuse(alg) {
    sealed[alg][sealed[alg].length - 1] ^= 1;
    try {
      return String(crypto.decrypt(key, nonces[alg], aad, sealed[alg]));
    } finally {
      sealed[alg][sealed[alg].length - 1] ^= 1;
    }
  },
  importPair() {
    pair = imported("pair", (bytes) => crypto.importAgreementKey(bytes));
  },
  makePair() {
    pair = crypto.generateAgreementKey();
  },
  point: () => hex(crypto.agreementPoint(pair)),
  agree() {
    secret = crypto.agree(pair, point);
  },
  close() {
    for (const one of [key, secret, pair]) one?.close();
    key = secret = pair = undefined;
  },
};
`;

const onDevice = (variant: "release" | "sanitize", steps: Parameters<typeof stepThrough>[1]) =>
  stepThrough(
    {
      variant,
      program,
      flash: {
        secret,
        pair: Buffer.from(pkcs8Of(number.toString("hex")), "hex"),
        ...Object.fromEntries(algorithms.map((alg) => [`key-${alg}`, keys.get(alg)!])),
      },
    },
    steps,
  );

function finder(pid: number, secrets: readonly Sought[]): () => string[] {
  return () => [...new Set(searchMemory(pid, secrets).map(({ name, region }) => `${name} ${region}`))].sort();
}

for (const alg of algorithms)
  test(`${names[alg]}: the key is in the library alone, and nowhere once it is closed`, () =>
    onDevice("release", async function* (device) {
      const found = finder(device.pid, secretsOf(alg, keys.get(alg)!));
      assert.deepEqual(found(), []);
      for (let round = 0; round < 3; round++) {
        assert.equal(yield `import ${alg}`, "done");
        assert.deepEqual(found(), ["key [heap]"], "imported");
        assert.match(yield `encrypt ${alg}`, /^[0-9a-f]+$/);
        assert.deepEqual(found(), ["key [heap]"], "after encryption");
        assert.equal(yield `decrypt ${alg}`, "authentic");
        assert.deepEqual(found(), ["key [heap]"], "after decryption");
        assert.equal(yield `refuse ${alg}`, "undefined");
        assert.deepEqual(found(), ["key [heap]"], "after a refusal");
        yield "close";
        assert.deepEqual(found(), [], "closed");
      }
      // what the machine's end gives back is wiped too
      assert.equal(yield `import ${alg}`, "done");
    }));

for (const alg of algorithms)
  test(`${names[alg]}: a derived key is never in the machine, nor what it comes of`, () =>
    onDevice("release", async function* (device) {
      const found = finder(device.pid, [
        { name: "secret", bytes: secret },
        { name: "pseudorandom key", bytes: pseudorandomKey },
        ...secretsOf(alg, derivedKey(alg)),
      ]);
      for (let round = 0; round < 3; round++) {
        assert.equal(yield "importSecret", "done");
        assert.deepEqual(found(), ["secret [heap]"]);
        assert.equal(yield `derive ${alg}`, "done");
        assert.match(yield `encrypt ${alg}`, /^[0-9a-f]+$/);
        assert.deepEqual(found(), ["key [heap]", "secret [heap]"]);
        yield "close";
        assert.deepEqual(found(), []);
      }
    }));

for (const alg of algorithms)
  test(`${names[alg]}: nothing is left of a plaintext that is not authentic`, () =>
    onDevice("release", async function* (device) {
      const found = finder(device.pid, [{ name: "plaintext", bytes: plaintext }]);
      assert.equal(yield `import ${alg}`, "done");
      assert.equal(yield `refuse ${alg}`, "undefined");
      assert.deepEqual(found(), []);
      assert.equal(yield `decrypt ${alg}`, "authentic");
      assert.equal(found().length, 1, "the search finds nothing at all");
      yield "forget";
      assert.deepEqual(found(), []);
    }));

test("ECDH: the key and what it is written in are nowhere but in the library, the secret never in the machine", () =>
  onDevice("release", async function* (device) {
    const found = finder(device.pid, [
      { name: "private key", bytes: number },
      { name: "shared secret", bytes: shared },
      ...combDigits("private key", number),
    ]);
    assert.deepEqual(found(), []);
    for (let round = 0; round < 3; round++) {
      assert.equal(yield "importPair", "done");
      assert.deepEqual(found(), ["private key [heap]"], "imported");
      assert.equal(yield "point", pair.getPublicKey("hex"));
      assert.deepEqual(found(), ["private key [heap]"], "after the point");
      assert.equal(yield "agree", "done");
      assert.deepEqual(found(), ["private key [heap]", "shared secret [heap]"], "after the agreement");
      assert.equal(yield "derive 24", "done");
      assert.deepEqual(found(), ["private key [heap]", "shared secret [heap]"], "after a derivation");
      yield "close";
      assert.deepEqual(found(), [], "closed");
    }
    assert.equal(yield "importPair", "done");
    assert.equal(yield "agree", "done");
  }));

test("a new ECDH key is nowhere but in the library", () =>
  onDevice("release", async function* (device) {
    for (let round = 0; round < 3; round++) {
      assert.equal(yield "makePair", "done");
      const point = Buffer.from(yield "point", "hex");
      const number = findPrivateKey(device.pid, point);
      assert.ok(number, "the search finds nothing at all");
      const found = finder(device.pid, [
        { name: "private key", bytes: number },
        ...combDigits("private key", number),
      ]);
      assert.deepEqual(found(), ["private key [heap]"]);
      yield "close";
      assert.deepEqual(found(), []);
    }
  }));

test("whichever allocation fails, the device is told so and keeps nothing", () =>
  onDevice("sanitize", async function* (device) {
    // PSA itself has started
    assert.equal(yield "importSecret", "done");
    yield "close";
    const close = ["close"];
    const cases: [step: string, before: readonly string[], atLeast: number][] = [
      ["importSecret", [], 1],
      ["deriveMac", ["importSecret"], 1],
      ["importPair", [], 1],
      ["makePair", [], 1],
      ["agree", ["importPair"], 10],
    ];
    for (const alg of algorithms)
      cases.push([`import ${alg}`, [], 1], [`derive ${alg}`, ["importSecret"], 1]);
    for (const [step, before, atLeast] of cases) {
      const allocations = yield* failingAllocations(device, step, "done", { before, after: close });
      assert.ok(allocations >= atLeast, `${step}: only ${allocations} allocations`);
    }
    yield* failingAllocations(device, "point", pair.getPublicKey("hex"), {
      before: ["importPair"],
      after: close,
    });
    for (const alg of algorithms) {
      const around = { before: [`import ${alg}`], after: close };
      const key = nodeCrypto.importAeadKey(keys.get(alg)!, alg);
      const expected = Buffer.from(nodeCrypto.encrypt(key, nonceOf(alg), aad, info)).toString("hex");
      yield* failingAllocations(device, `encrypt ${alg}`, expected, around);
      yield* failingAllocations(device, `decrypt ${alg}`, "authentic", around);
      yield* failingAllocations(device, `refuse ${alg}`, "undefined", around);
    }
  }));
