import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { developmentPki, embeddedBrokerName } from "../../certs/pki/development.js";
import { FolderExists, publishFolder } from "../../certs/pki/publish-folder.js";
import { compiledPath, root } from "../../host-sim/paths.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "dormouse-publish-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const file = (name: string, content: string) => ({ name, content, isPrivate: true });

test("a set of files appears whole, private ones with mode 0600", async () => {
  const target = join(folder, "set");
  await publishFolder(target, [file("a", "1"), { name: "b", content: "2", isPrivate: false }], false);
  assert.deepEqual((await readdir(target)).sort(), ["a", "b"]);
  assert.equal((await stat(join(target, "a"))).mode & 0o777, 0o600);
  assert.equal((await stat(target)).mode & 0o777, 0o700);
});

test("when one file cannot be written, none appears and no draft is left", async () => {
  await assert.rejects(publishFolder(join(folder, "set"), [file("a", "1"), file("no/such", "2")], false));
  assert.deepEqual(await readdir(folder), []);
});

test("when one file cannot be written, what was there stays, also with replace", async () => {
  const target = join(folder, "set");
  await publishFolder(target, [file("a", "old")], false);
  await assert.rejects(publishFolder(target, [file("a", "new"), file("no/such", "2")], true));
  assert.equal(await readFile(join(target, "a"), "utf8"), "old");
  await assert.rejects(publishFolder(target, [file("a", "new")], false), FolderExists);
  assert.equal(await readFile(join(target, "a"), "utf8"), "old");
  await publishFolder(target, [file("b", "new")], true);
  assert.deepEqual(await readdir(target), ["b"]);
  assert.deepEqual(await readdir(folder), ["set"]);
});

test("killed at any time, a publication has left all or nothing", async () => {
  const module = JSON.stringify(compiledPath(join(root, "certs/pki/publish-folder.ts")));
  const target = join(folder, "set");
  const script = `import(${module}).then(async ({ publishFolder }) => {
    const files = Array.from({ length: 20 }, (_, n) => ({ name: String(n), content: "x".repeat(9000), isPrivate: true }));
    process.stdout.write("go");
    for (;;) await publishFolder(${JSON.stringify(target)}, files, true);
  })`;
  for (let round = 0; round < 12; round++) {
    const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
    await new Promise((resolve) => child.stdout.once("data", resolve));
    const closed = new Promise((resolve) => child.once("close", resolve));
    setTimeout(() => child.kill("SIGKILL"), 3 + round * 5);
    await closed;
    const found = await readdir(target).catch(() => []);
    assert.ok(found.length === 0 || found.length === 20, `${found.length} files`);
    for (const name of found) assert.equal((await stat(join(target, name))).size, 9000);
  }
});

test("the development PKI is made once, then read; made again when damaged", async () => {
  const target = join(folder, "not-there-yet", "dev");
  const first = await developmentPki(target);
  assert.deepEqual(await developmentPki(target), first);
  await rm(join(target, "servers", embeddedBrokerName, "key.pem"));
  const second = await developmentPki(target);
  assert.notEqual(second.rootPem, first.rootPem);
});

test("two processes may want the development PKI at once and get the same", async () => {
  await mkdir(join(folder, "x"));
  const target = join(folder, "x", "dev");
  const all = await Promise.all([developmentPki(target), developmentPki(target), developmentPki(target)]);
  assert.equal(new Set(all.map(({ serverKeyPem }) => serverKeyPem)).size, 1);
  assert.deepEqual(await readdir(join(folder, "x")), ["dev"]);
});
