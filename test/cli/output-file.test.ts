import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { UsageError } from "../../cli/report.js";
import { simOptions } from "../../cli/sim.js";

const folder = mkdtempSync(join(tmpdir(), "dormouse-output-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const file = (name: string, content: string | Uint8Array) => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};

test("without flags nothing is written", async () => {
  const { keylog, pcap } = await simOptions({});
  assert.deepEqual([keylog, pcap], [null, null]);
});

for (const flag of ["keylog", "pcap"] as const) {
  test(`--${flag} takes a file that is or is not there, and becomes absolute`, async () => {
    const there = file(`${flag}-there`, "");
    assert.equal((await simOptions({ [flag]: there }))[flag], there);
    const path = join(folder, `${flag}-new`);
    assert.equal((await simOptions({ [flag]: path }))[flag], path);
    assert.equal((await simOptions({ [flag]: `${flag}.here` }))[flag], join(process.cwd(), `${flag}.here`));
  });

  test(`--${flag} refuses a folder, and a file in a folder that is not there`, async () => {
    const wrong = (path: string, why: string) =>
      assert.rejects(simOptions({ [flag]: path }), new UsageError(`--${flag} ${path}: ${why}`));
    await wrong(folder, "is no file");
    await wrong(join(folder, "none", "file"), "its folder does not exist");
  });
}

test("--pcap and --keylog are two files, whatever links lead to them", async () => {
  const same = { name: "UsageError", message: "--pcap and --keylog name the same file" };
  const path = file("one", "");
  symlinkSync(path, join(folder, "other-name"));
  mkdirSync(join(folder, "real"));
  symlinkSync(join(folder, "real"), join(folder, "other-folder"));
  await assert.rejects(simOptions({ keylog: path, pcap: path }), same);
  await assert.rejects(simOptions({ keylog: path, pcap: join(folder, "other-name") }), same);
  const [here, there] = [join(folder, "real", "new"), join(folder, "other-folder", "new")];
  await assert.rejects(simOptions({ keylog: here, pcap: there }), same);
  assert.ok(await simOptions({ keylog: here, pcap: path }));
});

test("--pcap replaces a capture, or an empty file, and nothing else", async () => {
  const captures = [
    file("little", Uint8Array.of(0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0)),
    file("big", Uint8Array.of(0xa1, 0xb2, 0xc3, 0xd4, 0, 2, 0, 4)),
    file("empty", ""),
  ];
  for (const pcap of captures) assert.equal((await simOptions({ pcap })).pcap, pcap);
  const others = [
    file("keys", "CLIENT_RANDOM 00 00\n"),
    file("byte-off", Uint8Array.of(0xd4, 0xc3, 0xb2, 0xa2, 2, 0, 4, 0)),
    file("short", Uint8Array.of(0xd4, 0xc3, 0xb2)),
  ];
  for (const pcap of others) await assert.rejects(simOptions({ pcap }), UsageError);
});
