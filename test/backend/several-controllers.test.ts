/** Two controllers at one device at once, each a process with MQTT.js: under two sender ids, and both under one. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { CommandScene } from "../cli/command-scene.js";
import { mosquittoMissing } from "../e2e/mqtt-mosquitto.js";

const each = 150;
const program = fileURLToPath(new URL("controller-worker.js", import.meta.url));

async function work(...words: (string | number)[]): Promise<[number, string, number][]> {
  const child = spawn(process.execPath, [program, ...words.map(String)], {
    stdio: ["ignore", "pipe", "inherit"],
    timeout: 60_000,
  });
  let out = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text;
  });
  const [code] = await once(child, "close");
  assert.equal(code, 0);
  return out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}

describe("several controllers", { skip: mosquittoMissing() ?? false, timeout: 120_000 }, () => {
  const scene = new CommandScene();
  before(() => scene.start());
  after(() => scene.stop());

  for (const [name, senders, sure] of [
    ["two sender ids", ["office", "attic"], true],
    ["one sender id, one file of counters", ["office", "office"], true],
    ["two sender ids, and a device that wants its challenge", ["office", "attic"], false],
  ] as const)
    test(`${name}: every command is acted on once, and answered to the one who sent it`, async () => {
      const id = name.replaceAll(/[^a-z]/g, "");
      const device = await scene.device(id, { sure });
      const { port, keyring } = { port: scene.broker.ports.open, keyring: device.keyring };
      // The challenge changes with each act: with two at it most are asked for theirs again and again.
      const count = sure ? each : 10;
      const answers = await Promise.all(
        senders.map((sender, n) => work(port, keyring, `${keyring}.counters`, sender, id, n * 1000, count)),
      );
      for (const [n, own] of answers.entries()) {
        const expected = Array.from({ length: count }, (_, i) => n * 1000 + i);
        assert.deepEqual(
          own.map(([sent]) => sent).sort((a, b) => a - b),
          expected,
        );
        for (const [sent, status, value] of own) assert.deepEqual([status, value], ["done", sent]);
      }
      assert.deepEqual(device.dropped, []);
      const acted = device.acted.map(({ controller, command }) => `${controller} ${command.args[0]}`);
      assert.equal(acted.length, 2 * count);
      assert.equal(new Set(acted).size, 2 * count);
    });
});
