/** What a profile's broker.password and broker.jwt.key lead to, and what a device could not use of it. */
import assert from "node:assert/strict";
import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { readAccount } from "../../../cli/profile/account.js";
import { defaultTls } from "../../../cli/profile/check.js";
import { p256PrivateNumber } from "../../../lib/crypto/p256-key.js";
import type { Profile } from "../../../lib/store/profile.js";

const folder = mkdtempSync(join(tmpdir(), "dormouse-account-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function written(name: string, content: string | Uint8Array): string {
  writeFileSync(join(folder, name), content, { mode: 0o600 });
  return `file:${name}`;
}

const broker: Profile["broker"] = { host: "h", port: 1, tls: defaultTls(), auth: "none" };
const withToken = (algorithm: "HS256" | "ES256"): Profile["broker"] => ({
  ...broker,
  username: "u",
  auth: "jwt",
  jwt: { algorithm, lifetimeSeconds: 60 },
});
const tokenKey = (algorithm: "HS256" | "ES256", jwtKey: string) =>
  readAccount(withToken(algorithm), { jwtKey }, folder).then((account) => account.jwtKey!);

test("only what the device needs is read", async () => {
  const references = { brokerPassword: "file:nowhere", jwtKey: "file:nowhere" };
  const nothing = { brokerPassword: null, jwtKey: null };
  assert.deepEqual(await readAccount(broker, references, folder), nothing);
  assert.deepEqual(await readAccount({ ...broker, auth: "derived" }, references, folder), nothing);
  const password = await readAccount(
    { ...broker, username: "u", auth: "password" },
    { ...references, brokerPassword: written("password", "acorn\n") },
    folder,
  );
  assert.deepEqual(password, { brokerPassword: "acorn", jwtKey: null });
});

test("an HS256 key is the text that the broker has, of 32 to 64 bytes, without its last line feed", async () => {
  for (const text of ["k".repeat(32), "ü".repeat(16), "k".repeat(64)])
    assert.deepEqual(Buffer.from(await tokenKey("HS256", written("text", `${text}\n`))).toString(), text);
  for (const wrong of ["k".repeat(31), "k".repeat(65), "ü".repeat(33)])
    await assert.rejects(tokenKey("HS256", written("text", `${wrong}\n`)), {
      name: "OperatorError",
      message: "broker.jwt.key: text must hold a text of 32 to 64 bytes, as the broker's does",
    });
  // bytes that are no text would come to the device as others
  await assert.rejects(tokenKey("HS256", written("bytes", new Uint8Array(16).fill(0xff))), {
    name: "OperatorError",
  });
});

const p256 = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
const number = Buffer.from(p256.export({ format: "jwk" }).d!, "base64url");
const numberOf = (der: Uint8Array) => Buffer.from(p256PrivateNumber(der));

test("an ES256 key is read in every form that tools write, and stored as PKCS #8", async () => {
  const forms = [
    p256.export({ type: "pkcs8", format: "pem" }),
    p256.export({ type: "sec1", format: "pem" }),
    p256.export({ type: "pkcs8", format: "der" }),
    p256.export({ type: "sec1", format: "der" }),
  ];
  for (const form of forms) {
    const stored = await tokenKey("ES256", written("key", form));
    assert.deepEqual(numberOf(stored), number);
    createPrivateKey({ key: Buffer.from(stored), format: "der", type: "pkcs8" });
  }
});

const pem = (key: KeyObject) => key.export({ type: "pkcs8", format: "pem" });
const noKeys: [string, () => string | Buffer, RegExp][] = [
  ["P-384", () => pem(generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey), /is no P-256 key/],
  [
    "secp256k1",
    () => pem(generateKeyPairSync("ec", { namedCurve: "secp256k1" }).privateKey),
    /is no P-256 key/,
  ],
  ["RSA", () => pem(generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey), /is no P-256 key/],
  ["Ed25519", () => pem(generateKeyPairSync("ed25519").privateKey), /is no P-256 key/],
  ["a text", () => "k".repeat(32), /is no private key in PEM or DER/],
  [
    "an encrypted key",
    () => p256.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "p" }),
    /is encrypted/,
  ],
];
for (const [what, made, line] of noKeys)
  test(`ES256 with ${what}: refused in one line that names the setting`, async () => {
    await assert.rejects(tokenKey("ES256", written("key", made())), (error: Error) => {
      assert.equal(error.name, "OperatorError");
      assert.match(error.message, /^broker\.jwt\.key: key [^\n]*$/);
      assert.match(error.message, line);
      return true;
    });
  });
