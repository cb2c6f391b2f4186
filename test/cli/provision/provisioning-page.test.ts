/** docs/provisioning.md and docs/errors.md: commands, columns and kinds are those that there are. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { Command } from "commander";
import { readDevices } from "../../../cli/provision/devices-csv.js";
import { addInfoCommand } from "../../../cli/provision/info.js";
import { addMonitorCommand } from "../../../cli/provision/monitor.js";
import { addPortsCommand } from "../../../cli/provision/ports.js";
import { addProvisionCommand } from "../../../cli/provision/provision.js";
import { addResetCommand } from "../../../cli/provision/reset.js";
import { addVerifyCommand } from "../../../cli/provision/verify.js";
import { root } from "../../../host-sim/paths.js";
import { HostFailure } from "../../../lib/provisioning/host-failure.js";
import { errorKinds } from "../../../lib/provisioning/messages.js";
import { Scene } from "./scene.js";

const page = readFileSync(join(root, "docs/provisioning.md"), "utf8");
const scene = new Scene();
after(() => scene.remove());

test("each of these commands knows the flags that it has on the page", () => {
  const known = new Command();
  const outcome = { exitCode: 0 };
  addProvisionCommand(known, outcome);
  for (const add of [addInfoCommand, addVerifyCommand, addResetCommand, addMonitorCommand, addPortsCommand])
    add(known);
  for (const command of known.commands) {
    const name = command.name();
    let help = "";
    command.configureOutput({
      writeOut: (text) => {
        help += text;
      },
    });
    command.outputHelp();
    assert.match(help, new RegExp(`\\nExample:\\n {2}\\$ dormouse ${name} ?`));
    assert.match(help, / --json /);
    const lines = [...page.matchAll(new RegExp(`npx dormouse ${name}(.*)`, "g"))].map(([, words]) => words!);
    assert.ok(lines.length > 0, `${name} is on the page`);
    for (const [flag] of lines.join(" ").matchAll(/(?<= )--?[a-z]+/g))
      assert.match(help, new RegExp(`^ .*${flag}\\b`, "m"), `${name} ${flag}`);
  }
});

test("the page's devices.csv is read", async () => {
  const path = scene.at("devices.csv");
  writeFileSync(path, /```csv\n(.*?)```/s.exec(page)![1]!);
  const rows = await readDevices(path);
  assert.deepEqual(
    rows.map(({ id, port, mac, settings }) => [id, port, mac, settings]),
    [
      ["greenhouse-1", "/dev/ttyUSB0", "240ac4000110", {}],
      ["greenhouse-2", "/dev/ttyUSB1", undefined, {}],
    ],
  );
});

test("docs/errors.md has each kind of failure, and no other", () => {
  const errors = readFileSync(join(root, "docs/errors.md"), "utf8");
  const table = errors.slice(errors.indexOf("## While provisioning"));
  const named = [...table.matchAll(/^\| (`.+?`) \|/gm)].flatMap(([, cell]) =>
    [...cell!.matchAll(/`([^`]+)`/g)].map(([, kind]) => kind!),
  );
  const own = ["no-answer", "port-gone", "not-understood", "no-wifi", "not-as-told", "proof-failed"] as const;
  assert.deepEqual([...named].sort(), [...errorKinds, ...own].sort());
  for (const kind of [...errorKinds, ...own])
    assert.ok(new HostFailure(kind).action.length > 10, `${kind} has an action`);
});
