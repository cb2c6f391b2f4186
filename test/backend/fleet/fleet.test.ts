/** The folder: what its keyring holds at each step of a device's life. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { keyringEntriesOf, pointPem } from "../../../backend/fleet/device-entries.js";
import { Fleet } from "../../../backend/fleet/fleet.js";
import type { NewDevice } from "../../../backend/fleet/register.js";
import { readKeyring } from "../../../backend/keyring.js";
import type { KeyringJsonEntry } from "../../../backend/keyring-file.js";
import { checkProfile } from "../../../cli/profile/check.js";
import type { Profile } from "../../../lib/store/profile.js";

const folder = mkdtempSync(join(tmpdir(), "dormouse-fleet-"));
after(() => rmSync(folder, { recursive: true, force: true }));
let folders = 0;
const newFolder = () => join(folder, `fleet-${folders++}`);

const now = Date.UTC(2026, 10, 22, 12);
const secret = new Uint8Array(32).fill(0x5e);
const secretHex = "5e".repeat(32);
const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
const privatePem = pair.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
const publicPem = pair.publicKey.export({ type: "spki", format: "pem" }).toString();
const { x, y } = pair.publicKey.export({ format: "jwk" });
const point = Uint8Array.from([4, ...Buffer.from(x!, "base64url"), ...Buffer.from(y!, "base64url")]);

const device = (more: Partial<NewDevice> = {}): NewDevice => ({
  id: "d",
  origin: "serial",
  mac: "a0b1c2d3e4f5",
  board: "esp32",
  firmware: "0.1.0",
  profile: "p.json",
  ...more,
});

function profile(topics: object = {}, more: object = {}): Profile {
  const written = {
    schema: 1,
    device: { id: "d" },
    wifi: { ssid: "burrow" },
    broker: { host: "broker.example.org" },
    topics,
    ...more,
  };
  const checked = checkProfile(JSON.stringify(written));
  assert.ok(checked.ok, JSON.stringify(checked));
  return checked.profile;
}

const commands = {
  mqtt: { sessionExpirySeconds: 600, will: {} },
  commands: { controllers: ["desk"], protection: "seal" },
};
const entriesIn = (fleet: Fleet) =>
  (JSON.parse(readFileSync(fleet.keyring, "utf8")) as { keys: KeyringJsonEntry[] }).keys;

test("a device that stamps is one entry, with all that it publishes and how its commands go", () => {
  const { entries, signer } = keyringEntriesOf({
    profile: profile({}, commands),
    epoch: 3,
    secret,
    signPoint: null,
  });
  const stamp = { protection: "stamp", algorithm: "hmac-256" };
  const topics = { "sensors/d/readings": stamp, "sensors/d/result": stamp, "sensors/d/will": stamp };
  const toDevice = { "sensors/d/command": { protection: "seal", algorithm: "chacha20-poly1305" } };
  assert.deepEqual(entries, [{ device: "d", epoch: 3, secret: secretHex, topics, commands: toDevice }]);
  assert.equal(signer, undefined);
});

test("a device that signs has its public key there when it is known, and its secret for commands", () => {
  const keys = { profile: profile({ protection: "sign" }), epoch: 0, secret, signPoint: null };
  const ofSecret = { device: "d", epoch: 0, secret: secretHex };
  const ofKey = { device: "d", epoch: 0, publicKey: publicPem, topics: { "sensors/d/readings": "sign" } };
  assert.deepEqual(keyringEntriesOf(keys).entries, [ofSecret]);
  assert.deepEqual(keyringEntriesOf({ ...keys, secret: null, signPoint: point }).entries, [ofKey]);
  assert.deepEqual(keyringEntriesOf({ ...keys, signPoint: point, factory: true }).entries, [
    { device: "d", epoch: 0, factory: true, secret: secretHex },
    { device: "d", epoch: 0, factory: true, publicKey: publicPem, topics: { "sensors/d/readings": "sign" } },
  ]);
  assert.throws(() => pointPem(point.subarray(1)), RangeError);
  assert.throws(() => pointPem(new Uint8Array(65).fill(4)), RangeError);
});

test("folder, register and keyring are for their owner alone, git ignores them, and the register has no secret", async () => {
  const fleet = new Fleet(newFolder(), () => now);
  const row = fleet.register.begin(device());
  await fleet.addKeys({ profile: profile(), epoch: row.epoch, secret, signPoint: null });
  assert.equal(statSync(fleet.folder).mode & 0o777, 0o700);
  for (const name of readdirSync(fleet.folder))
    if (name !== ".gitignore") assert.equal(statSync(join(fleet.folder, name)).mode & 0o777, 0o600, name);
  assert.equal(readFileSync(join(fleet.folder, ".gitignore"), "utf8"), "*\n");
  await fleet.complete(row);
  fleet.close();
  for (const name of readdirSync(fleet.folder).filter((one) => one.startsWith("register"))) {
    const bytes = readFileSync(join(fleet.folder, name));
    assert.ok(!bytes.includes(Buffer.from(secret)) && !bytes.includes(secretHex), name);
  }
  assert.deepEqual(fleet.secretOf(row), secret);
  assert.equal(fleet.secretOf({ ...row, epoch: 1 }), undefined);
  assert.equal(fleet.secretOf({ ...row, id: "e" }), undefined);
});

test("what was begun and never came to the device is forgotten when another attempt succeeds", async () => {
  const fleet = new Fleet(newFolder(), () => now);
  for (let attempt = 0; attempt < 3; attempt++) {
    const { epoch } = fleet.register.begin(device());
    await fleet.addKeys({ profile: profile(), epoch, secret, signPoint: null });
  }
  assert.deepEqual(
    entriesIn(fleet).map(({ epoch }) => epoch),
    [0, 1, 2],
  );
  await fleet.complete({ id: "d", epoch: 1 });
  assert.deepEqual(
    entriesIn(fleet).map(({ epoch, until }) => [epoch, until]),
    [
      [1, undefined],
      [2, undefined],
    ],
  );
  assert.deepEqual(
    fleet.register.list().map(({ epoch }) => epoch),
    [2, 1],
  );
  await fleet.complete({ id: "d", epoch: 2 });
  assert.deepEqual(
    entriesIn(fleet).map(({ epoch, until }) => [epoch, until]),
    [
      [1, "2026-11-23T12:00:00Z"],
      [2, undefined],
    ],
  );
  await fleet.erase({ id: "d", epoch: 2 });
  assert.equal(entriesIn(fleet)[1]!.until, "2026-11-23T12:00:00Z");
  fleet.close();
});

test("an epoch is given that neither register nor keyring nor the device knows", async () => {
  const fleet = new Fleet(newFolder(), () => now);
  assert.equal(fleet.begin(device()).epoch, 0);
  // As `keys rekey` adds it.
  await fleet.addKeys({ profile: profile(), epoch: 4, secret, signPoint: null });
  assert.equal(fleet.begin(device()).epoch, 5);
  assert.equal(fleet.begin(device(), 8).epoch, 9);
  assert.equal(fleet.begin(device({ id: "e" })).epoch, 0);
  fleet.close();
});

test("a device that never got what was begun for it leaves nothing behind", async () => {
  const fleet = new Fleet(newFolder(), () => now);
  const { epoch } = fleet.register.begin(device());
  await fleet.addKeys({ profile: profile(), epoch, secret, signPoint: null });
  await fleet.withdraw({ id: "d", epoch });
  assert.ok(!existsSync(fleet.keyring));
  assert.deepEqual(fleet.register.list(), []);
  fleet.close();
});

test("of an attempt that came to nothing the certificate is known still, when another succeeds", async () => {
  const fleet = new Fleet(newFolder(), () => now);
  const first = fleet.begin(device());
  await fleet.addKeys({ profile: profile(), epoch: first.epoch, secret, signPoint: null });
  const certificate = { serial: "4a01", fingerprint: "ab", notAfterMs: 5, issuer: null, point: null };
  fleet.register.issued(first, certificate);
  const second = fleet.begin(device());
  await fleet.addKeys({ profile: profile(), epoch: second.epoch, secret, signPoint: null });
  await fleet.complete(second);
  assert.deepEqual(
    entriesIn(fleet).map(({ epoch }) => epoch),
    [1],
  );
  const [, former] = fleet.register.list("d");
  assert.deepEqual([former?.state, former?.certificate], ["erased", certificate]);
  fleet.close();
});

test("keys that another board may have stay when one of the same id is completed", async () => {
  const fleet = new Fleet(newFolder(), () => now);
  const named = profile({}, { device: { id: "d", kid: "a1b2" } });
  const begun = async (mac: string, of = profile()) => {
    const row = fleet.begin(device({ mac }));
    await fleet.addKeys({ profile: of, epoch: row.epoch, secret, signPoint: null });
    return row;
  };
  const other = await begun("b0b0b0b0b0b0", named);
  const same = await begun("a0b1c2d3e4f5");
  fleet.register.committing(other);
  fleet.register.committing(same);
  await fleet.complete(await begun("a0b1c2d3e4f5"));
  assert.deepEqual(
    entriesIn(fleet).map(({ epoch, until }) => [epoch, until]),
    [
      [0, undefined],
      [2, undefined],
    ],
  );
  await assert.rejects(begun("a0b1c2d3e4f5", named), /has had the short name a1b2 before/);
  await fleet.complete(other);
  assert.equal(fleet.register.find("d", other.epoch)?.state, "complete");
  fleet.close();
});

test("other devices, controllers and recipients keep their entries", async () => {
  const fleet = new Fleet(newFolder(), () => now);
  const others = [
    { device: "e", epoch: 0, secret: secretHex, topics: { t: "stamp" } },
    {
      device: "d",
      sender: "desk",
      epoch: 0,
      direction: "down",
      topic: "sensors/d/command",
      algorithm: "hmac-256",
      key: secretHex,
    },
    {
      recipient: "plant-7",
      privateKey: privatePem,
      topics: ["x"],
      signers: [{ device: "e", epoch: 0, publicKey: publicPem }],
    },
  ];
  writeFileSync(fleet.keyring, JSON.stringify({ schema: 1, keys: others }), { mode: 0o600 });
  const before = fleet.register.begin(device());
  await fleet.complete(before);
  await fleet.erase(before);
  assert.deepEqual(entriesIn(fleet), others);
  fleet.close();
});

test("a short name is one secret's: after a failed attempt it is free, else it is refused", async () => {
  const fleet = new Fleet(newFolder(), () => now);
  const named = profile({}, { device: { id: "d", kid: "a1b2" } });
  const begin = async () => {
    const row = fleet.register.begin(device({ shortKid: "a1b2" }));
    await fleet.addKeys({ profile: named, epoch: row.epoch, secret, signPoint: null });
    return row;
  };
  await begin();
  const second = await begin();
  assert.deepEqual(
    entriesIn(fleet).map(({ epoch, kid }) => [epoch, kid]),
    [[1, "a1b2"]],
  );
  await fleet.complete(second);
  await assert.rejects(begin(), /d has had the short name a1b2 before.*write another device\.kid/);
  assert.deepEqual(
    entriesIn(fleet).map(({ epoch }) => epoch),
    [1],
  );
  fleet.close();
});

test("one who seals to a recipient becomes a signer of its entry, where the keyring has that", async () => {
  const fleet = new Fleet(newFolder(), () => now);
  const sealed = profile({ protection: "sealTo", sign: true, recipient: { kid: "plant-7", key: "file:x" } });
  const keys = { profile: sealed, secret: null, signPoint: point };
  assert.equal(await fleet.addKeys({ ...keys, epoch: 0 }), "plant-7");
  assert.ok(!existsSync(fleet.keyring));
  await fleet.addRecipient("plant-7", privatePem, ["greenhouse/#"]);
  await assert.rejects(fleet.addRecipient("plant-7", privatePem, ["x"]), /there is one of that name/);
  await assert.rejects(fleet.addRecipient("plant-8", publicPem, ["x"]), /private key in PEM/);
  assert.equal(await fleet.addKeys({ ...keys, epoch: 0 }), undefined);
  const topics = ["sensors/d/readings"];
  assert.deepEqual(entriesIn(fleet), [
    {
      recipient: "plant-7",
      privateKey: privatePem,
      topics: ["greenhouse/#", ...topics],
      signers: [{ device: "d", epoch: 0, publicKey: publicPem, topics }],
    },
  ]);
  // With its secret first, as at a provisioning: the topic is there once.
  await fleet.addKeys({ profile: sealed, epoch: 1, secret, signPoint: null });
  assert.deepEqual(entriesIn(fleet)[0]!.topics, ["greenhouse/#", ...topics]);
  readKeyring(fleet.keyring).close();
  await fleet.erase({ ...fleet.register.begin(device()), epoch: 0 });
  const [{ signers }] = entriesIn(fleet) as unknown as [{ signers: KeyringJsonEntry[] }];
  assert.equal(signers[0]!.until, "2026-11-23T12:00:00Z");
  fleet.close();
});

test("of a device that was lost nothing is accepted any more, whatever its entries are", async () => {
  const fleet = new Fleet(newFolder(), () => now);
  await fleet.addRecipient("plant-7", privatePem, ["x"]);
  const signing = profile({ protection: "sign" });
  const sealing = profile({ protection: "sealTo", sign: true, recipient: { kid: "plant-7", key: "file:x" } });
  await fleet.addKeys({ profile: profile(), epoch: 0, secret, signPoint: null });
  await fleet.complete(fleet.begin(device()));
  await fleet.addKeys({ profile: signing, epoch: 2, secret, signPoint: point });
  await fleet.addKeys({ profile: sealing, epoch: 3, secret: null, signPoint: point });
  assert.equal(await fleet.distrust("e"), 0);
  assert.equal(await fleet.distrust("d"), 4);
  const [recipient, ...entries] = entriesIn(fleet);
  const all = [...entries, ...(recipient!.signers as KeyringJsonEntry[])];
  assert.deepEqual(
    all.map(({ until }) => until),
    Array.from({ length: 4 }, () => "2026-11-22T12:00:00Z"),
  );
  readKeyring(fleet.keyring).close();
  fleet.close();
});

test("what cannot stand in the keyring changes nothing", async () => {
  const fleet = new Fleet(newFolder(), () => now);
  await fleet.addKeys({ profile: profile(), epoch: 0, secret, signPoint: null });
  const before = readFileSync(fleet.keyring, "utf8");
  await assert.rejects(
    fleet.addKeys({ profile: profile(), epoch: 0, secret: new Uint8Array(32).fill(1), signPoint: null }),
    /there is an entry of that key identifier/,
  );
  assert.equal(readFileSync(fleet.keyring, "utf8"), before);
  assert.ok(!existsSync(`${fleet.keyring}.lock`));
  fleet.close();
});
