/** What a profile says of protecting messages and commands: its mistakes, its defaults, the keys that it refers to. */
import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { checkProfile } from "../../../cli/profile/check.js";
import { newP256, publicHalf, readP256 } from "../../../cli/profile/key-pairs.js";
import { loadProfile } from "../../../cli/profile/load.js";
import { p256PrivateNumber } from "../../../lib/crypto/p256-key.js";
import { readProfile } from "../../../lib/store/profile.js";

const minimal = { schema: 1, device: { id: "d-1" }, wifi: { ssid: "s" }, broker: { host: "b.example" } };
const recipient = { kid: "plant-7", key: "file:plant.pem" };
const kept = { sessionExpirySeconds: 86_400 };
const plain = { broker: { host: "h", tls: false, insecure: true } };

/** [what is wrong, the profile's differing part, the path blamed, what the line says] */
type Case = [string, object, string, RegExp];
const mistakes: Case[] = [
  ...["checksum", "crc", "CRC32", "md5", "sha256", "hash"].map(
    (protection): Case => [
      `a ${protection} as protection`,
      { topics: { protection } },
      "topics.protection",
      /is a checksum.*whoever changes a message computes it anew\. Write "stamp": the same with a key/,
    ],
  ),
  [
    "a checksum without TLS",
    { ...plain, topics: { protection: "checksum" } },
    "topics.protection",
    /is a checksum/,
  ],
  [
    "no protection over plain TCP",
    { ...plain, topics: { protection: "none" } },
    "topics.protection",
    /anyone on the way could change a message or make one up\. Write "stamp", "seal" or "sign", or let/,
  ],
  [
    "sealed to somebody by anybody, over plain TCP",
    { ...plain, topics: { protection: "sealTo", recipient } },
    "topics.sign",
    /anyone on the way could seal a message of their own\. Write "sign": true/,
  ],
  [
    "readings where the will goes, by a base that is not written",
    { topics: { readings: "sensors/d-1/will" } },
    "topics.readings",
    /another use for\. Name another: BASE\/will/,
  ],
  [
    "readings where answers to commands go",
    { topics: { base: "b", readings: "b/result" } },
    "topics.readings",
    /another use for/,
  ],
  [
    "sealed over plain TCP, unacknowledged",
    { broker: { host: "h", tls: false }, topics: { protection: "seal" } },
    "broker.insecure",
    /is missing though broker.tls is false/,
  ],
  [
    "an algorithm that encrypts, to stamp",
    { topics: { algorithm: "a128gcm" } },
    "topics.algorithm",
    /does not go with protection "stamp"\. Write "hmac-256" or "hmac-256-64"/,
  ],
  [
    "an algorithm that stamps, to seal",
    { topics: { protection: "seal", algorithm: "hmac-256" } },
    "topics.algorithm",
    /does not go with protection "seal"\. Write "chacha20-poly1305" or/,
  ],
  [
    "an algorithm for what has one",
    { topics: { protection: "sign", algorithm: "a128gcm" } },
    "topics.algorithm",
    /there is only one/,
  ],
  ["an unknown algorithm", { topics: { algorithm: "aes" } }, "topics.algorithm", /"a128gcm"/],
  ["sealed to nobody", { topics: { protection: "sealTo" } }, "topics.recipient", /whom the messages are for/],
  ["a recipient of stamps", { topics: { recipient } }, "topics.recipient", /protection is not "sealTo"/],
  [
    "a recipient's key in the profile",
    { topics: { protection: "sealTo", recipient: { kid: "k", key: "hunter2" } } },
    "topics.recipient.key",
    /"file:PATH"/,
  ],
  ["a signed stamp", { topics: { sign: true } }, "topics.sign", /"protection": "sign"/],
  ["a key that signs nothing", { topics: { signKey: "env:K" } }, "topics.signKey", /nothing is signed/],
  [
    "a key that signs nothing inside",
    { topics: { protection: "sealTo", recipient, signKey: "env:K" } },
    "topics.signKey",
    /nothing is signed/,
  ],
  [
    "the signing key itself",
    { topics: { protection: "sign", signKey: "hunter2" } },
    "topics.signKey",
    /never the key itself/,
  ],
  ["SenML as XML", { topics: { format: "xml" } }, "topics.format", /"cbor" or "json"/],
  ["an unknown state", { topics: { state: ["mood"] } }, "topics.state.0", /"battery"/],
  ["a state twice", { topics: { state: ["rssi", "rssi"] } }, "topics.state", /the same twice/],
  ["a short name too short", { device: { id: "d", kid: "0f" } }, "device.kid", /4 to 16 hex digits/],
  [
    "commands from nobody",
    { mqtt: kept, commands: {} },
    "commands.controllers",
    /1 to 4 different sender ids/,
  ],
  [
    "a command's checksum",
    { mqtt: kept, commands: { controllers: ["a"], protection: "crc16" } },
    "commands.protection",
    /is a checksum/,
  ],
  [
    "signed commands, with nobody to sign them",
    { mqtt: kept, commands: { controllers: ["a"], onlySigned: true } },
    "commands.operator",
    /whose signature a command needs/,
  ],
  [
    "commands over MQTT 3.1.1",
    { mqtt: { ...kept, version: "3.1.1" }, commands: { controllers: ["a"] } },
    "mqtt.version",
    /would end every connection/,
  ],
  [
    "commands for a session that ends at once",
    { commands: { controllers: ["a"] } },
    "mqtt.sessionExpirySeconds",
    /how long the broker is to keep commands/,
  ],
  [
    "a fifth controller",
    { mqtt: kept, commands: { controllers: ["a", "b", "c", "d", "e"] } },
    "commands.controllers",
    /more than 4/,
  ],
];
for (const [what, part, path, line] of mistakes)
  test(`${what} is blamed on ${path}, in one line with a remedy`, () => {
    const checked = checkProfile(JSON.stringify({ ...minimal, ...part }));
    assert.ok(!checked.ok);
    assert.deepEqual(
      checked.mistakes.map((mistake) => mistake.path),
      [path],
    );
    const [{ problem, remedy }] = checked.mistakes as [(typeof checked.mistakes)[number]];
    assert.match(`${problem}. ${remedy}`, line);
    assert.doesNotMatch(JSON.stringify(checked), /hunter2|\n/);
  });

function sound(part: object) {
  const checked = checkProfile(JSON.stringify({ ...minimal, ...part }));
  assert.ok(checked.ok, JSON.stringify(checked));
  assert.deepEqual(readProfile(JSON.stringify(checked.profile)), checked.profile);
  return checked;
}

test("each protection has an algorithm when none is named, and nothing that it does not need", () => {
  const up = (topics: object) => sound({ topics }).profile.topics.up;
  assert.deepEqual(up({}), { protection: "stamp", algorithm: "hmac-256" });
  assert.deepEqual(up({ protection: "stamp" }), { protection: "stamp", algorithm: "hmac-256" });
  assert.deepEqual(up({ protection: "seal" }), { protection: "seal", algorithm: "chacha20-poly1305" });
  const compact = { protection: "seal", algorithm: "aes-ccm-16-64-128" };
  assert.deepEqual(up(compact), compact);
  assert.deepEqual(up({ protection: "sign" }), { protection: "sign" });
  assert.deepEqual(up({ protection: "none" }), { protection: "none" });
});

test("over plain TCP goes what proves where it comes from", () => {
  for (const topics of [
    { protection: "stamp" },
    { protection: "seal" },
    { protection: "sign" },
    { protection: "sealTo", recipient, sign: true },
  ])
    sound({ ...plain, topics });
});

test("commands have their defaults, and their own protection", () => {
  const commands = (written: object) => sound({ mqtt: kept, commands: written }).profile.commands;
  const least = { protection: "stamp", algorithm: "hmac-256", controllers: ["desk"] };
  assert.deepEqual(commands({ controllers: ["desk"] }), least);
  assert.deepEqual(commands({ controllers: ["desk"], onlySigned: false }), least);
  assert.deepEqual(commands({ controllers: ["desk"], protection: "seal" }), {
    ...least,
    protection: "seal",
    algorithm: "chacha20-poly1305",
  });
});

const folder = mkdtempSync(join(tmpdir(), "dormouse-protection-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function written(name: string, content: string | Uint8Array): string {
  writeFileSync(join(folder, name), content, { mode: 0o600 });
  return `file:${name}`;
}
const publicPem = (key: KeyObject) => key.export({ format: "pem", type: "spki" });
const privatePem = (key: KeyObject) => key.export({ format: "pem", type: "pkcs8" });
const profileFile = (part: object) => {
  written("profile.json", JSON.stringify({ ...minimal, ...part }));
  return join(folder, "profile.json");
};

const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
const { x, y, d } = pair.privateKey.export({ format: "jwk" });
const hex = (number: string | undefined) => Buffer.from(number!, "base64url").toString("hex");

test("the public keys of recipient and operator stand in the device's profile, as points", async () => {
  const key = written("public.pem", publicPem(pair.publicKey));
  const { profile, references } = await loadProfile(
    profileFile({
      topics: { protection: "sealTo", recipient: { kid: "plant-7", key }, sign: true, signKey: "env:SIGN" },
      mqtt: kept,
      commands: { controllers: ["desk"], operator: { kid: "ops", key }, onlySigned: true },
    }),
  );
  const { up } = profile.topics;
  assert.ok(up.protection === "sealTo");
  assert.equal(Buffer.from(up.recipientKey, "base64url").toString("hex"), `04${hex(x)}${hex(y)}`);
  assert.deepEqual(up, {
    protection: "sealTo",
    recipientKid: "plant-7",
    recipientKey: up.recipientKey,
    sign: true,
  });
  assert.deepEqual(profile.commands?.operator, { kid: "ops", key: up.recipientKey });
  assert.deepEqual(references, { recipient: key, operator: key, signKey: "env:SIGN" });
  assert.deepEqual(readProfile(JSON.stringify(profile)), profile);
});

test("a file that holds no P-256 public key is blamed, in one line", async () => {
  const p384 = generateKeyPairSync("ec", { namedCurve: "P-384" }).publicKey;
  const pem = publicPem(pair.publicKey).toString();
  const wrong: [string, string | Buffer, RegExp][] = [
    ["p384.pem", publicPem(p384), /p384.pem is no P-256 key/],
    ["private.pem", privatePem(pair.privateKey), /private.pem is a private key: it stays with its owner/],
    ["note.txt", "hunter2", /note.txt holds no public key in PEM/],
    [
      "cut.pem",
      pem.replace(/.{20}\n-----END/, "\n-----END"),
      /cut.pem holds no public key in PEM, or a damaged/,
    ],
  ];
  for (const [name, content, message] of wrong) {
    const key = written(name, content);
    const topics = { protection: "sealTo", recipient: { kid: "k", key } };
    await assert.rejects(loadProfile(profileFile({ topics })), { name: "OperatorError", message });
    const operator = { controllers: ["a"], operator: { kid: "k", key } };
    await assert.rejects(loadProfile(profileFile({ mqtt: kept, commands: operator })), {
      name: "OperatorError",
      message: new RegExp(`^commands.operator.key: ${message.source}`),
    });
  }
  const topics = { protection: "sealTo", recipient: { kid: "k", key: "file:nowhere.pem" } };
  await assert.rejects(loadProfile(profileFile({ topics })), { name: "UsageError" });
});

test("a signing key is P-256, and stored as PKCS #8", async () => {
  const number = (der: Uint8Array) => Buffer.from(p256PrivateNumber(der)).toString("hex");
  const sec1 = pair.privateKey.export({ format: "pem", type: "sec1" });
  for (const pem of [privatePem(pair.privateKey), sec1])
    assert.equal(number(await readP256("topics.signKey", written("sign.pem", pem), folder)), hex(d));
  const p384 = generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey;
  await assert.rejects(readP256("topics.signKey", written("p384.key", privatePem(p384)), folder), {
    name: "OperatorError",
    message: "topics.signKey: p384.key is no P-256 key, which it must be",
  });
});

test("a key made for a run is a new one, and its public half is its own", () => {
  const [one, other] = [newP256(), newP256()];
  assert.notDeepEqual(p256PrivateNumber(one), p256PrivateNumber(other));
  assert.notEqual(publicHalf(one), publicHalf(other));
  assert.equal(
    publicHalf(pair.privateKey.export({ format: "der", type: "pkcs8" })),
    Buffer.from(`04${hex(x)}${hex(y)}`, "hex").toString("base64url"),
  );
});
