/** `dormouse sim`: the protection of profile and flags, and the keys of a run. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { publicHalf } from "../../cli/profile/key-pairs.js";
import { type SimFlags, simOptions } from "../../cli/sim.js";
import { p256PrivateNumber } from "../../lib/crypto/p256-key.js";

const folder = mkdtempSync(join(tmpdir(), "dormouse-sim-protection-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: string | Buffer): string {
  writeFileSync(join(folder, name), content, { mode: 0o600 });
  return join(folder, name);
}

const embedded = { host: "broker.dormouse.test" };
function profile(topics: object, more: object = {}): string {
  const least = { schema: 1, device: { id: "d" }, wifi: { ssid: "s" }, mqtt: { version: "3.1.1" } };
  return file("profile.json", JSON.stringify({ ...least, broker: embedded, topics, ...more }));
}

const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
const der = pair.privateKey.export({ format: "der", type: "pkcs8" });
const privateFile = file("key.pem", pair.privateKey.export({ format: "pem", type: "pkcs8" }));
file("key.pub", pair.publicKey.export({ format: "pem", type: "spki" }));
const recipient = { kid: "plant-7", key: "file:key.pub" };

const refused = (flags: SimFlags, name: "UsageError" | "OperatorError", message: RegExp) =>
  assert.rejects(simOptions(flags), { name, message });

test("each protection is one flag away, with the keys that it needs", async () => {
  for (const [flags, up] of [
    [{ protection: "none" }, { protection: "none" }],
    [{ protection: "stamp" }, { protection: "stamp", algorithm: "hmac-256" }],
    [
      { protection: "stamp", algorithm: "hmac-256-64" },
      { protection: "stamp", algorithm: "hmac-256-64" },
    ],
    [{ protection: "seal" }, { protection: "seal", algorithm: "chacha20-poly1305" }],
    [
      { protection: "seal", algorithm: "a128gcm" },
      { protection: "seal", algorithm: "a128gcm" },
    ],
  ] as const) {
    const options = await simOptions(flags);
    assert.deepEqual(options.profile.topics.up, up);
    assert.deepEqual([options.secrets.signKey, options.recipientKey], [null, null]);
  }
  const signed = await simOptions({ protection: "sign" });
  assert.deepEqual(signed.profile.topics.up, { protection: "sign" });
  p256PrivateNumber(signed.secrets.signKey!);
  for (const sign of [true, undefined]) {
    const { profile, secrets, recipientKey } = await simOptions({
      protection: "sealTo",
      ...(sign && { sign }),
    });
    assert.deepEqual(profile.topics.up, {
      protection: "sealTo",
      recipientKid: "simulator",
      recipientKey: publicHalf(recipientKey!),
      sign: sign === true,
    });
    assert.equal(secrets.signKey !== null, sign === true);
  }
});

test("flags that do not suit each other are refused", async () => {
  await refused({ protection: "crc32" }, "UsageError", /^--protection/);
  await refused({ protection: "seal", algorithm: "rot13" }, "UsageError", /^--algorithm/);
  await refused(
    { protection: "stamp", algorithm: "a128gcm" },
    "UsageError",
    /^--algorithm does not go with protection "stamp"/,
  );
  await refused({ protection: "sign", algorithm: "a128gcm" }, "UsageError", /there is only one/);
  await refused({ algorithm: "a128gcm" }, "UsageError", /^--algorithm goes with --protection/);
  await refused({ sign: true }, "UsageError", /^--sign goes with --protection sealTo/);
  await refused(
    { protection: "seal", sign: true },
    "UsageError",
    /^--sign is there though protection is not/,
  );
  await refused({ recipientKey: `file:${privateFile}` }, "UsageError", /goes with the protection "sealTo"/);
});

test("a protection too weak for plain TCP is refused, wherever the one or the other comes from", async () => {
  const plain = { broker: { ...embedded, tls: false, insecure: true } };
  const why = /anyone on the way could (change a message|seal a message)/;
  for (const protection of ["none", "sealTo"]) {
    await refused({ protection, profile: profile({}, plain) }, "OperatorError", why);
    await refused(
      { protection, broker: "mqtt://localhost", recipientKey: `file:${privateFile}` },
      "OperatorError",
      why,
    );
  }
  const own = profile({ protection: "none" });
  await refused({ profile: own, broker: "mqtt://localhost" }, "OperatorError", why);
  const { topics } = (await simOptions({ protection: "sealTo", sign: true, profile: profile({}, plain) }))
    .profile;
  assert.equal(topics.up.protection, "sealTo");
});

test("an ESP8266 stamps and seals only, and checks no signature", async () => {
  const board = "esp8266";
  for (const protection of ["sign", "sealTo"])
    await refused(
      { board, protection },
      "OperatorError",
      /an ESP8266 has no P-256, so it can stamp and seal/,
    );
  const mqtt = { sessionExpirySeconds: 86_400 };
  const taking = (commands: object) => ({
    board,
    broker: "mqtt://localhost",
    profile: profile({}, { mqtt, commands: { controllers: ["desk"], ...commands } }),
  });
  await refused(
    taking({ operator: recipient }),
    "OperatorError",
    /^commands.operator: an ESP8266 has no P-256/,
  );
  await simOptions(taking({}));
  for (const protection of ["none", "stamp", "seal"]) await simOptions({ board, protection });
});

test("the profile's signing key is used where there is one", async () => {
  const { secrets } = await simOptions({ profile: profile({ protection: "sign", signKey: "file:key.pem" }) });
  assert.deepEqual(p256PrivateNumber(secrets.signKey!), p256PrivateNumber(der));
});

test("the listener opens with --recipient-key, which is the recipient's", async () => {
  const sealed = profile({ protection: "sealTo", recipient });
  const options = await simOptions({ profile: sealed, recipientKey: `file:${privateFile}` });
  assert.deepEqual(p256PrivateNumber(options.recipientKey!), p256PrivateNumber(der));
  const { up } = options.profile.topics;
  assert.ok(up.protection === "sealTo");
  assert.deepEqual([up.recipientKid, up.recipientKey], ["plant-7", publicHalf(der)]);
  const other = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  const otherFile = file("other.pem", other.export({ format: "pem", type: "pkcs8" }));
  await refused(
    { profile: sealed, recipientKey: `file:${otherFile}` },
    "OperatorError",
    /does not belong to the public key in topics.recipient/,
  );
});

test("with a broker of one's own the recipient's key must be given", async () => {
  const broker = "mqtt://localhost";
  const signed = profile({ protection: "sealTo", recipient, sign: true });
  await refused({ profile: signed, broker }, "UsageError", /--recipient-key is missing.*"plant-7"/);
  const options = await simOptions({ profile: signed, broker, recipientKey: `file:${privateFile}` });
  assert.deepEqual(p256PrivateNumber(options.recipientKey!), p256PrivateNumber(der));
});
