/** `dormouse keys rekey`: the secret that the device makes, in a keyring or a file, and nothing overwritten. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { dormouse } from "./mqtt-command.js";

const folder = mkdtempSync(join(tmpdir(), "dormouse-rekey-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const secret = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const salt = "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf";
/** As in test/lib/sealed/next-secret.test.ts. */
const next = "3bb326fcd37a04039a0c4154a1d979acd631c4ff8ae4dcccb1fab90ebbc83993";
const env = { SECRET: secret };

function rekey(...words: string[]) {
  return dormouse(["keys", "rekey", ...words], { env, cwd: folder });
}

function keyring(name: string, ...entries: object[]): string {
  const path = join(folder, name);
  writeFileSync(path, JSON.stringify({ schema: 1, keys: entries }), { mode: 0o600 });
  return path;
}

const entry = { device: "d", epoch: 6, secret, topics: { "sensors/d/readings": "stamp" } };

test("a file of its owner's alone has the next secret, and is written once", async () => {
  const words = ["--secret", "env:SECRET", "--epoch", "7", "--salt", salt, "--out", "next.secret"];
  const { code, stdout, stderr } = await rekey(...words);
  assert.deepEqual([code, stdout, stderr], [0, `keys 7 ${salt}\n`, ""]);
  const path = join(folder, "next.secret");
  assert.equal(readFileSync(path, "utf8"), `${next}\n`);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const again = await rekey(...words);
  assert.equal(again.code, 2);
  assert.match(again.stderr, /--out next\.secret: is there already/);
});

test("a keyring has it beside the present one, which ends when it is told to", async () => {
  const path = keyring("all.keyring", { ...entry, device: "e" }, entry);
  const until = "2027-01-01T00:00:00Z";
  const { code, stdout, stderr } = await rekey(
    "--keyring",
    path,
    "--device",
    "d",
    "--salt",
    salt,
    "--until",
    until,
  );
  assert.deepEqual([code, stdout, stderr], [0, `keys 7 ${salt}\n`, ""]);
  assert.deepEqual(JSON.parse(readFileSync(path, "utf8")).keys, [
    { ...entry, device: "e" },
    { ...entry, until },
    { ...entry, epoch: 7, secret: next },
  ]);
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

test("without a salt there is a new one each time, and the next epoch is above the newest", async () => {
  const path = keyring("twice.keyring", entry);
  const first = await rekey("--keyring", path, "--device", "d");
  const second = await rekey("--keyring", path, "--device", "d");
  assert.match(first.stdout, /^keys 7 [0-9a-f]{32}\n$/);
  assert.match(second.stdout, /^keys 8 [0-9a-f]{32}\n$/);
  assert.notEqual(first.stdout.slice(7), second.stdout.slice(7));
});

test("what cannot be is refused in one line, and the keyring stays as it is", async () => {
  const path = keyring("refused.keyring", entry, { ...entry, device: "short", kid: "aabb" });
  const before = readFileSync(path, "utf8");
  for (const [words, code, line] of [
    [["--keyring", path, "--device", "d", "--epoch", "6"], 1, /"d" has a secret of epoch 6 already/],
    [["--keyring", path, "--device", "nobody"], 1, /the keyring has no secret of "nobody"/],
    [["--keyring", path, "--device", "short"], 1, /"short" has a short name \(kid\)/],
    [["--keyring", path], 2, /--keyring goes with --device/],
    [["--keyring", path, "--device", "d", "--salt", "00"], 2, /--salt: write 32 to 128 hex digits/],
    [["--secret", "env:SECRET"], 2, /give --keyring and --device; or --secret, --epoch and --out/],
  ] as const) {
    const ran = await rekey(...words);
    assert.equal(ran.code, code, ran.stderr);
    assert.match(ran.stderr, line);
    assert.doesNotMatch(ran.stderr, /\n./);
  }
  assert.equal(readFileSync(path, "utf8"), before);
});
