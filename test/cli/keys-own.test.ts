/** `dormouse keys own`: the vectors' secrets, in files of their owner's alone. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { root } from "../../host-sim/paths.js";
import { dormouse } from "./command.js";

const folder = mkdtempSync(join(tmpdir(), "dormouse-keys-own-"));
after(() => rmSync(folder, { recursive: true, force: true }));

interface Case {
  readonly secret: string;
  readonly salt: string;
  readonly epoch: number;
  readonly nextSecret: string;
}

const { cases } = JSON.parse(readFileSync(join(root, "test/vectors/sealed/next-secret.json"), "utf8")) as {
  readonly cases: readonly Case[];
};
const [first] = cases;
const words = (salt: string, out: string) => [
  ...["keys", "own", "--secret", "env:SECRET", "--salt", salt, "--out", out],
];

test("the device's own secret is that of the vectors, in a file that nobody else can read", async () => {
  for (const { secret, salt, epoch, nextSecret } of cases) {
    const out = join(folder, `${epoch}.secret`);
    const ran = await dormouse(words(salt, out), { env: { SECRET: secret } });
    assert.deepEqual([ran.code, ran.stdout, ran.stderr], [0, `epoch ${epoch}\n`, ""]);
    assert.equal(readFileSync(out, "utf8"), `${nextSecret}\n`);
    assert.equal(statSync(out).mode & 0o777, 0o600);
  }
});

test("a file that is there is not written over", async () => {
  const out = join(folder, "there");
  writeFileSync(out, "kept");
  const ran = await dormouse(words(first!.salt, out), { env: { SECRET: first!.secret } });
  assert.deepEqual([ran.code, ran.stdout], [2, ""]);
  assert.match(ran.stderr, /^dormouse: --out .*there: is there already\n$/);
  assert.equal(readFileSync(out, "utf8"), "kept");
});

for (const [what, salt] of [
  ["15 bytes", "ab".repeat(15)],
  ["17 bytes", "ab".repeat(17)],
  ["a digit that is none", `${"ab".repeat(15)}ax`],
] as const)
  test(`a salt of ${what} is wrong usage`, async () => {
    const ran = await dormouse(words(salt, join(folder, "none")), { env: { SECRET: first!.secret } });
    assert.deepEqual([ran.code, ran.stdout], [2, ""]);
    assert.match(ran.stderr, /^dormouse: --salt: write 32 hex digits/);
  });
