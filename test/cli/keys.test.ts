/** `dormouse keys password`: the vectors' passwords, and nothing that it should not say. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { build, root } from "../../host-sim/paths.js";
import { dormouse } from "./command.js";

const folder = mkdtempSync(join(tmpdir(), "dormouse-keys-"));
after(() => rmSync(folder, { recursive: true, force: true }));

interface Case {
  readonly secret: string;
  readonly deviceId: string;
  readonly epoch: number;
  readonly password: string;
}

const cases: readonly Case[] = JSON.parse(
  readFileSync(join(root, "test/vectors/auth/broker-password.json"), "utf8"),
).cases.filter(({ deviceId }: Case) => /^[\w.-]+$/.test(deviceId));
const { secret, password } = cases[0]!;
const first = ["keys", "password", "--device", "dormouse-1"];

test("the password is that of the vectors, whichever way the secret comes", async () => {
  assert.ok(cases.length >= 5);
  for (const { secret, deviceId, epoch, password } of cases) {
    const words = ["keys", "password", "--device", deviceId, "--epoch", `${epoch}`, "--secret", "env:SECRET"];
    const ran = await dormouse(words, { env: { SECRET: secret } });
    assert.deepEqual([ran.code, ran.stdout, ran.stderr], [0, `${password}\n`, ""]);
  }
  writeFileSync(join(folder, "secret"), `${secret}\n`, { mode: 0o600 });
  const byFile = await dormouse([...first, "--secret", "file:secret"], { cwd: folder });
  assert.deepEqual([byFile.code, byFile.stdout, byFile.stderr], [0, `${password}\n`, ""]);
  const main = join(build, "js/cli/main.js");
  const piped = spawnSync(process.execPath, [main, ...first, "--secret", "-"], {
    input: `${secret.toUpperCase()}\n`,
    encoding: "utf8",
  });
  assert.deepEqual([piped.status, piped.stdout, piped.stderr], [0, `${password}\n`, ""]);
});

const wrongUse: [string, string[], RegExp][] = [
  ["the secret itself", [...first, "--secret", secret], /--secret: write file:PATH, env:NAME or -/],
  ["no secret", first, /--secret/],
  ["no device", ["keys", "password", "--secret", "env:SECRET"], /--device/],
  [
    "a device id with a slash",
    ["keys", "password", "--device", "a/b", "--secret", "env:SECRET"],
    /--device: write 1 to 64 letters/,
  ],
  [
    "half an epoch",
    [...first, "--secret", "env:SECRET", "--epoch", "0.5"],
    /--epoch "0.5": must be a whole number/,
  ],
  ["an epoch of 2^32", [...first, "--secret", "env:SECRET", "--epoch", "4294967296"], /from 0 to 4294967295/],
];
for (const [what, words, line] of wrongUse)
  test(`${what}: wrong usage, one line, without the secret`, async () => {
    const ran = await dormouse(words, { env: { SECRET: secret } });
    assert.deepEqual([ran.code, ran.stdout], [2, ""]);
    assert.match(ran.stderr, line);
    assert.match(ran.stderr, /^dormouse: [^\n]*\n$/);
    assert.ok(!ran.stderr.includes(secret));
  });

const noSecrets: [string, string][] = [
  ["31 bytes", secret.slice(2)],
  ["33 bytes", `${secret}00`],
  ["a digit that is none", `${secret.slice(1)}x`],
  ["two lines", `${secret}\n${secret}`],
  ["space", ` ${secret}`],
];
for (const [what, held] of noSecrets)
  test(`a secret of ${what} is refused and not told`, async () => {
    writeFileSync(join(folder, "wrong"), held, { mode: 0o600 });
    const ran = await dormouse([...first, "--secret", "file:wrong"], { cwd: folder });
    assert.deepEqual(
      [ran.code, ran.stdout, ran.stderr],
      [1, "", "dormouse: --secret: a device's secret is 64 hex digits, and nothing else\n"],
    );
  });

test("a file that others may read is refused, as a keyring is", async () => {
  const open = join(folder, "open");
  writeFileSync(open, secret);
  for (const mode of [0o644, 0o620]) {
    chmodSync(open, mode);
    const ran = await dormouse([...first, "--secret", "file:open"], { cwd: folder });
    const line = `dormouse: --secret: ${open} is open to others than its owner: chmod 600 ${open}\n`;
    assert.deepEqual([ran.code, ran.stdout, ran.stderr], [1, "", line]);
  }
});

test("a file that is not there, a variable that is not set: exit 1 and its name", async () => {
  const noFile = await dormouse([...first, "--secret", "file:nowhere"], { cwd: folder });
  assert.deepEqual(
    [noFile.code, noFile.stderr],
    [1, "dormouse: --secret: nowhere: no such file or folder\n"],
  );
  const unset = await dormouse([...first, "--secret", "env:DORMOUSE_TEST_UNSET"]);
  assert.equal(unset.stderr, "dormouse: --secret: the environment variable DORMOUSE_TEST_UNSET is not set\n");
});
