/** `dormouse nvs`: what its image holds, and what register and keyring know of it. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  createDecipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  X509Certificate,
} from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Command } from "commander";
import { Register } from "../../backend/fleet/register.js";
import type { KeyringJsonEntry } from "../../backend/keyring-file.js";
import { nodeCrypto } from "../../backend/node-crypto.js";
import { addNvsCommand } from "../../cli/nvs/command.js";
import { root } from "../../host-sim/paths.js";
import { openDeviceRecord } from "../../lib/store/device-record.js";
import { readProfile } from "../../lib/store/profile.js";
import type { Ran } from "./command.js";
import { inProcess } from "./in-process.js";
import { type NvsValue, readNvs } from "./nvs-reader.js";

const folder = mkdtempSync(join(tmpdir(), "dormouse-nvs-"));
const at = (name: string) => join(folder, name);
after(() => rmSync(folder, { recursive: true, force: true }));

const greenhouse = {
  schema: 1,
  device: { id: "dormouse-1" },
  wifi: { ssid: "burrow", password: "env:WIFI" },
  broker: {
    host: "broker.example.org",
    tls: { ca: "file:certs/private/ca/root.pem", certificate: "issued" },
  },
  mqtt: { sessionExpirySeconds: 600 },
  topics: { protection: "sign" },
  commands: { controllers: ["desk"] },
};
const env = { WIFI: "correct horse battery" };
process.env.WIFI = env.WIFI;

/** Names without a slash are files in the folder. */
const nvs = (...words: string[]): Promise<Ran> =>
  inProcess([
    ...["nvs", "--fleet", at("fleet"), "--certs", at("certs/private")],
    ...words.map((word) => (/^[a-z]+\.(json|bin)$|^elsewhere$/.test(word) ? at(word) : word)),
  ]);

function write(name: string, more: object): string {
  writeFileSync(at(name), JSON.stringify({ ...greenhouse, ...more }));
  return name;
}

async function made(...words: string[]): Promise<Ran> {
  const ran = await nvs(...words);
  assert.equal(ran.code, 0, ran.stderr);
  return ran;
}

const flash = (name: string): Map<string, NvsValue> => {
  const content = readNvs(new Uint8Array(readFileSync(at(name))));
  assert.deepEqual([...content.keys()], ["dormouse"]);
  return content.get("dormouse")!;
};
const bytesOf = (values: Map<string, NvsValue>, key: string): Uint8Array => {
  const { type, value } = values.get(key)!;
  assert.equal(type, "blob", key);
  return value as Uint8Array;
};
const keyring = (): KeyringJsonEntry[] => JSON.parse(readFileSync(at("fleet/keyring.json"), "utf8")).keys;

before(async () => {
  assert.equal((await inProcess(["certs", "init", "--dir", at("certs/private")])).code, 0);
  write("greenhouse.json", {});
});

test("an image holds what a board is provisioned with, its keys made here, its secret a factory image's", async () => {
  const { stdout, stderr } = await made("--profile", "greenhouse.json", "--out", "one.bin");
  assert.equal(statSync(at("one.bin")).size, 0x6000);
  assert.equal(statSync(at("one.bin")).mode & 0o777, 0o600);
  const values = flash("one.bin");
  const names = ["ca", "profile", "record", "sign-key", "tls-cert", "tls-key", "wifi-password"];
  assert.deepEqual([...values.keys()].sort(), names);
  assert.deepEqual(values.get("wifi-password"), { type: "string", value: env.WIFI });
  const profile = readProfile(values.get("profile")!.value as string);
  assert.ok(
    !("kind" in profile) && profile.broker.tls !== false && profile.broker.tls.ca,
    JSON.stringify(profile),
  );

  const secret = bytesOf(values, "record").slice(16, 48);
  const record = openDeviceRecord(nodeCrypto, bytesOf(values, "record"))!;
  record.secret.close();
  assert.deepEqual([record.fromFactory, record.epoch, record.reservedEnd], [true, 0, 0]);

  const key = createPrivateKey({
    key: Buffer.from(bytesOf(values, "tls-key")),
    format: "der",
    type: "pkcs8",
  });
  const chain = Buffer.from(bytesOf(values, "tls-cert")).toString();
  const certificate = new X509Certificate(chain);
  assert.ok(certificate.checkPrivateKey(key));
  writeFileSync(at("chain.pem"), chain);
  const words = ["verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", "certs/private/ca/root.pem"];
  execFileSync("openssl", [...words, "-untrusted", "chain.pem", "chain.pem"], { cwd: folder });

  const signKey = { key: Buffer.from(bytesOf(values, "sign-key")), format: "der", type: "pkcs8" } as const;
  const signs = createPublicKey(createPrivateKey(signKey)).export({ type: "spki", format: "pem" });
  const device = { device: "dormouse-1", epoch: 0, factory: true };
  const topics = { "sensors/dormouse-1/readings": "sign", "sensors/dormouse-1/result": "sign" };
  assert.deepEqual(keyring(), [
    { ...device, secret: Buffer.from(secret).toString("hex") },
    { ...device, publicKey: signs, topics },
  ]);
  assert.equal(statSync(at("fleet/keyring.json")).mode & 0o777, 0o600);

  const register = new Register(at("fleet/register.sqlite"));
  const row = register.find("dormouse-1")!;
  register.close();
  assert.deepEqual(
    [row.state, row.origin, row.epoch, row.profile, row.certificate?.serial, row.certificate?.fingerprint],
    [
      "complete",
      "image",
      0,
      at("greenhouse.json"),
      certificate.serialNumber.toLowerCase(),
      createHash("sha256").update(certificate.raw).digest("hex"),
    ],
  );
  const told = stdout + stderr;
  assert.match(told, /one\.bin: the NVS partition of dormouse-1, 24576 bytes/);
  for (const one of [env.WIFI, Buffer.from(secret).toString("hex"), Buffer.from(secret).toString("base64")])
    assert.ok(!told.includes(one));
});

test("each id has an image of its own, and a second one of it must be forced", async () => {
  const words = ["--profile", "greenhouse.json", "--id", "dormouse-7"];
  const { stdout } = await made(...words, "--out", "seven.bin", "--json", "--size", "16384");
  const told = JSON.parse(stdout);
  assert.deepEqual(
    [told.file, told.bytes, told.id, told.epoch, told.encrypted],
    [at("seven.bin"), 16_384, "dormouse-7", 0, false],
  );
  assert.equal(statSync(at("seven.bin")).size, 16_384);
  const first = bytesOf(flash("seven.bin"), "record");
  const before = keyring();
  const again = await nvs(...words, "--out", "again.bin");
  assert.equal(again.code, 1);
  assert.match(again.stderr, /^dormouse: there is a factory image of dormouse-7 already/);
  const over = await nvs(...words, "--out", "seven.bin", "--force");
  assert.equal(over.code, 2);
  assert.match(over.stderr, /--out .*seven\.bin: is there already/);
  assert.deepEqual(keyring(), before);
  assert.ok(!existsSync(at("again.bin")));
  await made(...words, "--out", "again.bin", "--force");
  const record = openDeviceRecord(nodeCrypto, bytesOf(flash("again.bin"), "record").slice())!;
  assert.equal(record.epoch, 1);
  assert.notDeepEqual(bytesOf(flash("again.bin"), "record").slice(16, 48), first.slice(16, 48));
  const entries = keyring().filter(({ device }) => device === "dormouse-7");
  assert.deepEqual(
    entries.map(({ epoch }) => epoch),
    [1, 1],
  );
});

test("with NVS encryption each entry is encrypted by itself, and nothing else", async () => {
  const keys = Buffer.from(Array.from({ length: 64 }, (_, n) => (n * 37 + 11) & 255));
  // What Espressif's generator wrote behind these keys: zlib.crc32(keys, 0xffffffff).
  const crc = Buffer.alloc(4);
  crc.writeUInt32LE(nvsCrc(keys));
  writeFileSync(at("keys.bin"), Buffer.concat([keys, crc, Buffer.alloc(4096 - 68, 0xff)]), { mode: 0o600 });
  const words = ["--profile", "greenhouse.json", "--id", "dormouse-8", "--encrypt", "keys.bin"];
  await made(...words, "--out", "eight.bin");
  const image = new Uint8Array(readFileSync(at("eight.bin")));
  assert.throws(() => readNvs(image), /the entry's CRC/);
  for (let entry = 64; entry < image.length; entry += 32) {
    if (entry % 4096 < 64 || image.subarray(entry, entry + 32).every((byte) => byte === 255)) continue;
    const sector = Buffer.alloc(16);
    sector.writeUInt32LE(entry);
    const cipher = createDecipheriv("aes-256-xts", keys, sector);
    image.set(cipher.update(image.subarray(entry, entry + 32)), entry);
  }
  assert.deepEqual(readNvs(image).get("dormouse")!.get("wifi-password")!.value, env.WIFI);
  writeFileSync(at("bad.bin"), Buffer.concat([keys, Buffer.alloc(4)]), { mode: 0o600 });
  const bad = await nvs(...words.slice(0, -1), "bad.bin", "--out", "nine.bin");
  assert.equal(bad.code, 1);
  assert.match(bad.stderr, /--encrypt .*bad\.bin: holds no keys for NVS encryption/);
});

test("what no factory image can serve is refused before anything is made", async () => {
  const before = readFileSync(at("fleet/keyring.json"), "utf8");
  const refused = async (more: object, code: number, why: RegExp, ...words: string[]) => {
    const ran = await nvs(
      "--profile",
      write("other.json", more),
      "--id",
      "other",
      "--out",
      "x.bin",
      ...words,
    );
    assert.deepEqual([ran.code, existsSync(at("x.bin"))], [code, false], ran.stderr);
    assert.match(ran.stderr, why);
  };
  await refused({ wifi: { improv: true } }, 1, /wifi\.improv: .*write wifi\.ssid/);
  const { broker } = greenhouse;
  await refused({ broker: { ...broker, password: "derived" } }, 1, /broker\.password: "derived"/);
  await refused({}, 1, /no certificate authority in .*elsewhere/, "--certs", "elsewhere");
  await refused({}, 2, /--size "1000": write a multiple of 4096/, "--size", "1000");
  await refused({}, 2, /--size "8192"/, "--size", "8192");
  assert.equal(readFileSync(at("fleet/keyring.json"), "utf8"), before);
});

test("docs/nvs.md has the command's options, and its example works", async () => {
  const page = readFileSync(join(root, "docs/nvs.md"), "utf8");
  const parent = new Command();
  addNvsCommand(parent);
  const options = parent.commands[0]!.options.map(({ long }) => long!);
  const table = page.slice(page.indexOf("| option |"), page.indexOf("- Keys that the profile"));
  const told = new Set([...table.matchAll(/`(--[a-z]+)/g)].map(([, name]) => name!));
  assert.deepEqual([...told].sort(), options.sort());
  const line = /^npx dormouse (nvs .*)$/m.exec(page)![1]!;
  const files = new Map([
    ["profiles/mine.json", "greenhouse.json"],
    ["dormouse-7.bin", "page.bin"],
  ]);
  const words = line.split(" ").map((word) => files.get(word) ?? word);
  await made(...words.slice(1), "--fleet", at("page-fleet"));
  assert.equal(flash("page.bin").size, 7);
});

/** CRC-32 (IEEE 802.3) as zlib's, begun with 0xffffffff. */
function nvsCrc(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc >>> 0;
}
