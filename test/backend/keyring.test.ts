import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Keyring, KeyringError, parseKeyring, readKeyring } from "../../backend/keyring.js";
import { type Entry, readEntry } from "../../backend/keyring-entries.js";
import { Fields } from "../../backend/keyring-fields.js";
import { nodeCrypto } from "../../backend/node-crypto.js";
import type { Key } from "../../lib/crypto/crypto.js";
import type { SealKey, StampKey } from "../../lib/sealed/keys.js";
import { deriveContextIv, deriveStampKey, encodeKid } from "../../lib/sealed/keys.js";

const folder = await mkdtemp(join(tmpdir(), "dormouse-keyring-"));
after(() => rm(folder, { recursive: true, force: true }));

const secret = `${"c0ffee".repeat(10)}c0ff`;
const topic = "sensors/dormouse-1/readings";
const entry = { device: "dormouse-1", epoch: 0, secret, topics: { [topic]: "stamp" } };
const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
const publicKey = pair.publicKey.export({ type: "spki", format: "pem" }) as string;
const privateKey = pair.privateKey.export({ type: "pkcs8", format: "pem" }) as string;
const signed = { device: "dormouse-1", epoch: 0, publicKey, topics: { [topic]: "sign" } };
const recipient = { recipient: "plant-7", privateKey, topics: ["sensors/+/readings"] };
const one = {
  device: "dormouse-1",
  epoch: 0,
  direction: "up",
  topic,
  algorithm: "a128gcm",
  key: "ab".repeat(16),
  contextIv: "cd".repeat(12),
};

const textOf = (...keys: unknown[]) => JSON.stringify({ schema: 1, keys });
const parse = (...keys: unknown[]) => parseKeyring(textOf(...keys));

/** The complaint about these entries; nothing of `hidden` may be in it. */
function complaint(keys: unknown[], ...hidden: string[]): string {
  try {
    parse(...keys).close();
  } catch (error) {
    assert.ok(error instanceof KeyringError, String(error));
    assert.doesNotMatch(error.message, /\n/);
    for (const text of [secret, ...hidden]) assert.ok(!error.message.includes(text), error.message);
    return error.message;
  }
  return "accepted";
}

test("every kind of entry is accepted", () => {
  const short = { ...entry, epoch: 1, kid: "a1b2", until: "2027-01-01T00:00:00Z" };
  const choice = { protection: "seal", algorithm: "aes-ccm-16-64-128" };
  const seals = { ...entry, epoch: 2, topics: { [topic]: "seal", "sensors/dormouse-1/will": choice } };
  const { contextIv: _, ...stampOnly } = { ...one, epoch: 3, algorithm: "hmac-256-64", key: "ab".repeat(32) };
  const signers = [{ device: "dormouse-1", epoch: 0, publicKey }];
  const another = { ...recipient, recipient: "plant-8", signers };
  const sec1 = pair.privateKey.export({ type: "sec1", format: "pem" });
  const third = { ...recipient, recipient: "plant-9", privateKey: sec1 };
  const signs = { ...signed, epoch: 4 };
  const { topics: _topics, ...silent } = { ...entry, epoch: 6 };
  const commanded = { ...silent, epoch: 7, commands: { "sensors/dormouse-1/command": "seal" } };
  const last = [recipient, another, third, silent, commanded];
  assert.equal(complaint([entry, short, seals, { ...one, epoch: 5 }, stampOnly, signs, ...last]), "accepted");
});

test("a mistake is named by entry and field, in one line without any value", () => {
  const cases: [unknown, RegExp][] = [
    [{ ...entry, secret: "c0ffee" }, /^entry 2: secret: 64 hexadecimal digits are needed$/],
    [{ ...entry, secret: `${secret.slice(1)}x` }, /^entry 2: secret: 64/],
    [{ ...entry, secret: "00".repeat(32) }, /^entry 2: secret: all zeros$/],
    [{ ...entry, device: "" }, /^entry 2: device: a text is needed$/],
    [{ ...entry, device: "x".repeat(65) }, /^entry 2: device: longer than 64 bytes$/],
    [{ ...entry, epoch: -1 }, /^entry 2: epoch: a whole number from 0 to 4294967295 is needed$/],
    [{ ...entry, epoch: "0" }, /^entry 2: epoch: a whole number/],
    [{ ...entry, epoch: 2 ** 32 }, /^entry 2: epoch: a whole number/],
    [{ ...entry, kid: "a1" }, /^entry 2: kid: 4 to 16 hexadecimal digits are needed$/],
    [{ ...entry, kid: "a1b2c3d4e5f6a7b8c9" }, /^entry 2: kid: 4 to 16/],
    [{ ...entry, until: "tomorrow" }, /^entry 2: until: a time such as 2027-01-01T00:00:00Z is needed$/],
    [{ ...entry, until: "2027-13-01T00:00:00Z" }, /^entry 2: until: a time/],
    [{ ...entry, topics: {} }, /^entry 2: topics: it is empty$/],
    [{ ...entry, commands: {} }, /^entry 2: commands: it is empty$/],
    [{ ...entry, commands: { "a/+": "seal" } }, /^entry 2: commands: .*must not contain/],
    [{ ...entry, commands: { a: "sign" } }, /^entry 2: commands: "stamp", "seal"/],
    [
      { ...entry, topics: { "sensors/+/readings": "stamp" } },
      /^entry 2: topics: .*must not contain \+ or #$/,
    ],
    [{ ...entry, topics: { [topic]: "sign" } }, /^entry 2: topics: "stamp", "seal"/],
    [
      { ...entry, topics: { [topic]: { protection: "stamp", algorithm: "a128gcm" } } },
      /^entry 2: topics: "stamp"/,
    ],
    [
      { ...entry, topics: { [topic]: { protection: "seal", algorithm: "rot13" } } },
      /one of hmac-256, .* is needed$/,
    ],
    [{ ...entry, sekret: "x" }, /^entry 2: "sekret": no such field/],
    [{ ...entry, key: "ab".repeat(16) }, /^entry 2: "key": no such field/],
    [
      { device: "a", epoch: 0, topics: {} },
      /^entry 2: secret: an entry has a secret, a key, a publicKey, or a/,
    ],
    [{ ...one, key: "ab".repeat(32) }, /^entry 2: key: 32 hexadecimal digits are needed$/],
    [{ ...one, contextIv: "cd".repeat(13) }, /^entry 2: contextIv: 24 hexadecimal/],
    [{ ...one, direction: "sideways" }, /^entry 2: direction: "up" or "down" is needed$/],
    [{ ...one, topic: "#" }, /^entry 2: topic: /],
    [{ ...one, algorithm: "constructor" }, /^entry 2: algorithm: one of/],
    [{ ...signed, publicKey: privateKey }, /^entry 2: publicKey: a P-256 public key in PEM/],
    [{ ...signed, publicKey: "nonsense" }, /^entry 2: publicKey: a P-256/],
    [{ ...signed, topics: { [topic]: "seal" } }, /^entry 2: topics: .*: with a publicKey this is "sign"$/],
    [{ ...recipient, privateKey: publicKey }, /^entry 2: privateKey: a P-256 private key in PEM/],
    [{ ...recipient, topics: [] }, /^entry 2: topics: a list of one or more is needed$/],
    [{ ...recipient, topics: ["a/#/b"] }, /^entry 2: topics: /],
    [{ ...recipient, signers: [] }, /^entry 2: signers: a list of one or more/],
    [
      { ...recipient, signers: [{ device: "a", epoch: 0, publicKey, topics: ["a#"] }] },
      /^entry 2: signers: 1: topics: /,
    ],
    [
      { ...recipient, signers: [{ device: "a", epoch: 0, publicKey: "x" }] },
      /^entry 2: signers: 1: publicKey: /,
    ],
    [
      { ...recipient, signers: [{ device: "a", epoch: 0, publicKey, secret }] },
      /^entry 2: signers: 1: "secret": no/,
    ],
    ["c0ffee", /^entry 2: not an object$/],
    [null, /^entry 2: not an object$/],
  ];
  const first = { ...entry, device: "another" };
  const hidden = [privateKey.slice(40, 80), "ab".repeat(16), "tomorrow", "nonsense", "rot13", "sideways"];
  for (const [wrong, message] of cases) assert.match(complaint([first, wrong], ...hidden), message);
});

test("other curves are refused", () => {
  const other = generateKeyPairSync("ec", { namedCurve: "P-384" });
  const wrongPublic = other.publicKey.export({ type: "spki", format: "pem" });
  assert.match(complaint([{ ...signed, publicKey: wrongPublic }]), /publicKey: a P-256/);
  const wrongPrivate = other.privateKey.export({ type: "pkcs8", format: "pem" });
  assert.match(complaint([{ ...recipient, privateKey: wrongPrivate }]), /privateKey: a P-256/);
});

test("a file that is no keyring is refused without quoting it", () => {
  const broken = textOf(entry).slice(0, -1);
  assert.throws(() => parseKeyring(broken), { message: "the keyring is not JSON" });
  assert.throws(() => parseKeyring(`{"secret": ${secret}}`), { message: "the keyring is not JSON" });
  assert.throws(() => parseKeyring('{"schema":2,"keys":[]}'), { message: "keyring: schema: 1 is needed" });
  assert.throws(() => parseKeyring('{"schema":1,"keys":[]}'), /^KeyringError|keys: a list of one or more/);
  assert.throws(() => parseKeyring("[]"), { message: "keyring: not an object" });
});

test("one key identifier on one topic stands once: also when a short one equals another's long one", () => {
  assert.match(
    complaint([entry, { ...entry, secret: "ab".repeat(32) }]),
    /^entry 2: there is an entry of that key id/,
  );
  const long = Buffer.from(encodeKid({ id: "abc", epoch: 0 })).toString("hex");
  const abc = { ...entry, device: "abc" };
  assert.match(
    complaint([abc, { ...entry, kid: long }]),
    /^entry 2: there is an entry of that key identifier/,
  );
  // A new secret under an old epoch would begin where the old one's counters are long past.
  for (const other of [
    { secret: "ab".repeat(32) },
    { secret: undefined, publicKey, topics: { [topic]: "sign" } },
  ])
    assert.match(
      complaint([entry, { ...entry, kid: "a1b2", ...other }]),
      /^entry 2: there is another entry of that device and epoch for .*: a new secret is a new epoch$/,
    );
  const twice = {
    ...recipient,
    signers: [0, 0].map((epoch) => ({ device: "dormouse-1", epoch, publicKey })),
  };
  assert.match(complaint([twice]), /^entry 1: signers: 2: there is one of that key identifier$/);
  assert.match(complaint([recipient, recipient]), /^entry 2: recipient: there is one of that name$/);
  assert.equal(complaint([entry, { ...entry, topics: { "sensors/dormouse-1/will": "stamp" } }]), "accepted");
});

test("a file that others may read or write is refused in one line that says what to do", async () => {
  const path = join(folder, "keyring.json");
  await writeFile(path, textOf(entry));
  for (const mode of [0o644, 0o640, 0o604, 0o620, 0o602, 0o610]) {
    await chmod(path, mode);
    assert.throws(() => readKeyring(path), {
      message: `${path} is open to others than its owner: chmod 600 ${path}`,
    });
  }
  for (const mode of [0o600, 0o400]) {
    await chmod(path, mode);
    readKeyring(path).close();
  }
  await chmod(path, 0o600);
  await writeFile(path, textOf({ ...entry, epoch: -1 }));
  assert.throws(() => readKeyring(path), { message: new RegExp(`^${path}: entry 1: epoch: `) });
  assert.throws(() => readKeyring(join(folder, "none.json")), /ENOENT/);
});

const claimOf = (epoch: number, protection: "stamp" | "seal" = "stamp") =>
  ({ protection, alg: 5, kid: encodeKid({ id: "dormouse-1", epoch }) }) as const;

function keyFound(keyring: Keyring, epoch: number, at = topic, protection: "stamp" | "seal" = "stamp") {
  const found = keyring.find(claimOf(epoch, protection), at, 0);
  assert.equal(found.outcome, "found");
  return (found as { key: StampKey | SealKey }).key;
}

const isClosed = (key: Key) => {
  try {
    nodeCrypto.hmac(key, new Uint8Array(1));
    return false;
  } catch {
    return true;
  }
};

test("derived keys are kept up to a number, then the one not used for longest is closed; close() closes all", () => {
  const topics = Object.fromEntries(["a", "b", "c"].map((name) => [name, "stamp"]));
  const entries: Entry[] = [readEntry(nodeCrypto, new Fields({ ...entry, topics }, "entry 1"))];
  const keyring = new Keyring(entries, nodeCrypto, 2);
  const a = keyFound(keyring, 0, "a");
  const b = keyFound(keyring, 0, "b");
  assert.equal(keyFound(keyring, 0, "a"), a, "kept");
  const c = keyFound(keyring, 0, "c");
  assert.deepEqual(
    [a, b, c].map(({ key }) => isClosed(key)),
    [false, true, false],
  );
  keyring.close();
  keyring.close();
  assert.deepEqual(
    [a, b, c].map(({ key }) => isClosed(key)),
    [true, true, true],
  );
});

test("a key derived elsewhere verifies what the secret does", () => {
  const bytes = Uint8Array.from(Buffer.from(secret, "hex"));
  const handle = nodeCrypto.importSecret(bytes);
  const channel = { sender: { id: "dormouse-1", epoch: 0 }, direction: "up", topic } as const;
  const keyring = parse({ ...entry, topics: { [topic]: "seal" } });
  const ours = keyFound(keyring, 0, topic, "seal") as SealKey;
  assert.deepEqual(ours.contextIv, deriveContextIv(nodeCrypto, handle, channel, 24));
  const stamps = parse(entry);
  const expected = deriveStampKey(nodeCrypto, handle, channel);
  const tag = (key: Key) => nodeCrypto.hmac(key, bytes);
  assert.deepEqual(tag(keyFound(stamps, 0).key), tag(expected.key));
  keyring.close();
  stamps.close();
});

test("the newest secret that is not over is the one to send with", () => {
  const until = "2026-01-01T00:00:00Z";
  const keyring = parse(entry, { ...entry, epoch: 2, until }, { ...entry, epoch: 1 });
  const epochOf = (device: string, nowMs: number) =>
    keyring.commandKey(device, "laptop", "sensors/dormouse-1/command", undefined, nowMs)?.epoch;
  assert.equal(epochOf("dormouse-1", Date.parse(until)), 2);
  assert.equal(epochOf("dormouse-1", Date.parse(until) + 1), 1);
  assert.equal(epochOf("dormouse-2", 0), undefined);
  keyring.close();
});

test("each device's command key is its own, on the same topic too", () => {
  const devices = ["dormouse-1", "dormouse-2"].map((device, n) => ({
    ...entry,
    device,
    secret: `${n + 1}`.repeat(64),
    topics: { [`sensors/${device}/readings`]: "stamp" },
  }));
  const keyring = parse(...devices);
  const [first, second] = devices.map(({ device }) => {
    const { key } = keyring.commandKey(device, "laptop", "sensors/command", undefined, 0)!;
    return nodeCrypto.hmac(key.key, Uint8Array.of(1));
  });
  assert.notDeepEqual(first, second);
  keyring.close();
});

test("the bytes that keys are imported from are zeroed", () => {
  const seen: Uint8Array[] = [];
  const watching = { ...nodeCrypto };
  for (const name of ["importSecret", "importMacKey", "importAgreementKey"] as const)
    watching[name] = (bytes) => {
      seen.push(bytes);
      return nodeCrypto[name](bytes);
    };
  watching.importAeadKey = (bytes, alg) => {
    seen.push(bytes);
    return nodeCrypto.importAeadKey(bytes, alg);
  };
  const { contextIv: _, ...stamp } = { ...one, epoch: 3, algorithm: "hmac-256", key: "ab".repeat(32) };
  parseKeyring(textOf(entry, { ...one, epoch: 5 }, stamp, recipient), watching).close();
  assert.equal(seen.length, 4);
  for (const bytes of seen) assert.ok(bytes.length > 15 && bytes.every((byte) => byte === 0));
});

test("when an entry is refused, the keys imported before it are closed", () => {
  const imported: Key[] = [];
  const counting = {
    ...nodeCrypto,
    importSecret: (bytes: Uint8Array) => {
      const key = nodeCrypto.importSecret(bytes);
      imported.push(key);
      return key;
    },
  };
  assert.throws(() => parseKeyring(textOf(entry, { ...entry, epoch: 1 }, { ...entry, epoch: -1 }), counting));
  assert.throws(() => parseKeyring(textOf(entry, entry), counting));
  assert.equal(imported.length, 4);
  for (const key of imported)
    assert.throws(() => nodeCrypto.deriveMacKey(key, new Uint8Array(1), 32), /closed/);
});
