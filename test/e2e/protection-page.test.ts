/** What docs/profile.md says of protecting messages, as somebody who reads it first would try it. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { root } from "../../host-sim/paths.js";
import { dormouse } from "../cli/command.js";

const folder = mkdtempSync(join(tmpdir(), "dormouse-protection-page-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const page = readFileSync(join(root, "docs/profile.md"), "utf8");
const section = page.split("\n## ").find((part) => part.startsWith("Protecting messages"))!;

before(() => {
  const [commands] = [...section.matchAll(/```\n([^`]*)```/g)].map(([, block]) => block!);
  execFileSync("sh", ["-ec", commands!], { cwd: folder, stdio: "ignore" });
});

async function sim(...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await dormouse(["sim", "--cycles", "1", ...words], { cwd: folder });
  assert.deepEqual([code, stderr], [0, ""], words.join(" "));
  return stdout;
}

describe("the commands of the page", { concurrency: 2 }, () => {
  const all = [...page.matchAll(/`npm run sim -- ([^`]*)`/g)].map(([, words]) => words!);
  // The other two are another page's, and a form to fill in.
  const lines = all.filter((words) => !/--unprovisioned| FILE/.test(words));
  assert.equal(lines.length, 9);
  for (const words of lines)
    test(`npm run sim -- ${words}`, async () => {
      await sim(...words.split(" ").map((word) => word.replace(/^profiles\//, join(root, "profiles/"))));
    });

  test("sealed to the recipient whose keys were made there, and signed", async () => {
    const profile = {
      ...{ schema: 1, device: { id: "d" }, wifi: { ssid: "s" }, mqtt: { version: "3.1.1" } },
      broker: { host: "broker.dormouse.test" },
      topics: {
        ...{ protection: "sealTo", sign: true },
        recipient: { kid: "plant-7", key: "file:plant-7.pub" },
      },
    };
    writeFileSync(join(folder, "profile.json"), JSON.stringify(profile));
    const said = await sim("--profile", "profile.json", "--recipient-key", "file:plant-7.key");
    assert.match(said, /received +fresh/);
    await sim("--profile", "profile.json");
  });
});
