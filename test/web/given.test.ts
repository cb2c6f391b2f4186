/** What the page reads of picked files is what `dormouse` reads of the same files through Node. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createAuthority, createDevice } from "../../certs/pki/authority.js";
import { validFor } from "../../certs/pki/validity.js";
import { checkProfile } from "../../cli/profile/check.js";
import { loadProfile } from "../../cli/profile/load.js";
import { readSecrets } from "../../cli/profile/secrets.js";
import { planOf } from "../../cli/provision/plan.js";
import { readGiven } from "../../web/profile/given.js";
import { privateKey } from "../../web/profile/keys.js";
import { type Need, type NeedName, needsOf } from "../../web/profile/needs.js";

const folder = mkdtempSync(join(tmpdir(), "dormouse-given-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const p256 = generateKeyPairSync("ec", { namedCurve: "P-256" });
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const pkcs8 = (key: KeyObject) => key.export({ type: "pkcs8", format: "pem" }).toString();
const sec1 = (key: KeyObject) => key.export({ type: "sec1", format: "pem" }).toString();

function file(name: string, content: string | Uint8Array): string {
  writeFileSync(join(folder, name), content, { mode: 0o600 });
  return `file:${name}`;
}

before(async () => {
  const validity = validFor(100, Date.now());
  await createAuthority(folder, { name: "Test", root: validity, issuing: validity, replace: false });
  await createDevice(folder, { id: "d", validity, replace: false });
  const config = join(folder, "crl.cnf");
  writeFileSync(
    config,
    `[ca]\ndefault_ca=i\n[i]\ndatabase=${folder}/index.txt\ncrlnumber=${folder}/number\ncertificate=${folder}/ca/issuing.pem\nprivate_key=${folder}/ca/issuing.key.pem\ndefault_md=sha256\ndefault_crl_days=9\n`,
  );
  writeFileSync(join(folder, "index.txt"), "");
  writeFileSync(join(folder, "number"), "01\n");
  execFileSync("openssl", ["ca", "-config", config, "-gencrl", "-out", join(folder, "list.crl")], {
    stdio: "ignore",
  });
  file("point.pub", p256.publicKey.export({ type: "spki", format: "pem" }).toString());
});

const tls = { ca: "file:ca/root.pem" };
const broker = { host: "b.example.org", tls };
const cases: readonly [
  name: string,
  settings: () => { broker?: object; topics?: object; commands?: object; mqtt?: object; wifi?: object },
][] = [
  [
    "passwords from files and the environment",
    () => ({
      wifi: { ssid: "burrow", password: file("wifi.txt", "acorns & nüts\r\n") },
      broker: { ...broker, username: "d", password: "env:DORMOUSE_GIVEN" },
    }),
  ],
  [
    "a CA, a CRL, a chain and its key",
    () => ({
      broker: {
        ...broker,
        tls: {
          ...tls,
          crl: "file:list.crl",
          certificate: "file:devices/d/chain.pem",
          key: "file:devices/d/key.pem",
        },
      },
    }),
  ],
  [
    "the same in DER",
    () => ({
      broker: {
        ...broker,
        tls: {
          ...tls,
          certificate: "file:devices/d/certificate.der",
          key: "file:devices/d/key.der",
        },
      },
    }),
  ],
  [
    "a PSK",
    () => ({
      broker: { ...broker, tls: { psk: { identity: "d", key: file("psk", `${"0aB1".repeat(8)}\n`) } } },
    }),
  ],
  [
    "a token's shared key",
    () => ({ broker: { ...broker, jwt: { algorithm: "HS256", key: file("hs", "k".repeat(33)) } } }),
  ],
  [
    "a token's private key, in SEC 1",
    () => ({
      broker: { ...broker, jwt: { algorithm: "ES256", key: file("es", sec1(p256.privateKey)) } },
    }),
  ],
  [
    "a key to sign with, and the public keys of others",
    () => ({
      broker,
      mqtt: { sessionExpirySeconds: 9000 },
      topics: {
        protection: "sealTo",
        recipient: { kid: "r", key: "file:point.pub" },
        sign: true,
        signKey: file("sign.pem", pkcs8(p256.privateKey)),
      },
      commands: { controllers: ["desk"], operator: { kid: "o", key: "file:point.pub" } },
    }),
  ],
  [
    "keys that the board makes",
    () => ({
      broker: { ...broker, tls: { ...tls, certificate: "issued" } },
      topics: { protection: "sign", signKey: "device" },
    }),
  ],
];

for (const [name, settings] of cases)
  test(`${name}: the same as dormouse reads`, async () => {
    process.env.DORMOUSE_GIVEN = "hibernaculum-77";
    const path = join(folder, "profile.json");
    const written = { schema: 1, device: { id: "d" }, wifi: { ssid: "burrow" }, ...settings() };
    writeFileSync(path, JSON.stringify(written));
    const loaded = await loadProfile(path);
    const expected = await readSecrets(loaded, () => assert.fail("nothing is asked for"));

    const checked = checkProfile(readFileSync(path, "utf8"));
    assert.ok(checked.ok);
    const needs = needsOf(checked.profile, checked.references, checked.atProvisioning);
    const given = new Map(needs.map((need) => [need.name, contentOf(need)]));
    const read = await readGiven(checked.profile, given);
    const bytes = (secrets: object) =>
      Object.fromEntries(
        Object.entries(secrets).map(([key, value]) => [
          key,
          value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value,
        ]),
      );
    assert.deepEqual(bytes(read.secrets), bytes(expected));
    assert.deepEqual(read.profile, loaded.profile);
    // A board would take it.
    planOf(read.profile, checked.atProvisioning, read.secrets, read.publicKeys);
  });

/** As a person would give it: what the hint says. */
function contentOf({ name, hint, kind }: Need): Uint8Array<ArrayBuffer> {
  if (name === "issuingCertificate") return Uint8Array.from(readFileSync(join(folder, "ca/issuing.pem")));
  if (name === "issuingKey") return Uint8Array.from(readFileSync(join(folder, "ca/issuing.key.pem")));
  if (kind === "text") return new TextEncoder().encode("hibernaculum-77");
  assert.match(hint, /^file /, name);
  return Uint8Array.from(readFileSync(join(folder, hint.slice("file ".length))));
}

test("keys are read in every form that people have, and written as a device stores them", async () => {
  const stored = (key: KeyObject) => key.export({ type: "pkcs8", format: "der" }).toString("hex");
  for (const [key, form] of [
    [p256.privateKey, Buffer.from(pkcs8(p256.privateKey))],
    [p256.privateKey, Buffer.from(sec1(p256.privateKey))],
    [p256.privateKey, p256.privateKey.export({ type: "pkcs8", format: "der" })],
    [rsa.privateKey, Buffer.from(pkcs8(rsa.privateKey))],
  ] as const) {
    const read = await privateKey(Uint8Array.from(form));
    assert.equal(Buffer.from(read.der).toString("hex"), stored(key));
    assert.equal(read.point?.length, key === rsa.privateKey ? undefined : 65);
  }
  const p384 = generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey;
  const encrypted = p256.privateKey.export({
    type: "pkcs8",
    format: "pem",
    cipher: "aes-128-cbc",
    passphrase: "x",
  });
  for (const [form, problem] of [
    [pkcs8(p384), /no key that a device can use/],
    [sec1(p384), /no key that a device can use/],
    [pkcs8(generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey), /no key that a device can use/],
    [String(encrypted), /encrypted/],
    ["-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", /no private key/],
    ["nothing", /no private key/],
  ] as const)
    await assert.rejects(privateKey(new TextEncoder().encode(form)), {
      name: "RangeError",
      message: problem,
    });
});

test("what cannot be used is named by its setting, and its value is not repeated", async () => {
  const checked = checkProfile(
    JSON.stringify({
      schema: 1,
      device: { id: "d" },
      wifi: { ssid: "s", password: "prompt" },
      broker: { host: "b", tls: { psk: { identity: "d", key: "prompt" } } },
    }),
  );
  assert.ok(checked.ok);
  const right: readonly [NeedName, string][] = [
    ["wifiPassword", "acorns & nuts"],
    ["psk", "0ab1".repeat(8)],
  ];
  const givenOf = (entries: readonly (readonly [NeedName, string])[]) =>
    new Map(entries.map(([name, text]) => [name, new TextEncoder().encode(text)]));
  await readGiven(checked.profile, givenOf(right));
  for (const [name, value, problem] of [
    ["psk", "0ab1".repeat(7), /^broker\.tls\.psk\.key must be 32 to 128 hex digits/],
    ["psk", "0ab1".repeat(8).replace("0", "g"), /^broker\.tls\.psk\.key must be/],
    ["wifiPassword", "", /^wifi\.password is empty/],
  ] as const)
    await assert.rejects(
      readGiven(checked.profile, givenOf([...right, [name, value]])),
      (error: Error) => problem.test(error.message) && (value === "" || !error.message.includes(value)),
    );
});
