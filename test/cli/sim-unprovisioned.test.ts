/** What `dormouse sim` takes for a board that is yet to be provisioned, and for a port by name. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { UsageError } from "../../cli/report.js";
import { simOptions } from "../../cli/sim.js";
import { lineFaults } from "../../cli/sim-line.js";
import { unprovisionedOptions } from "../../cli/sim-unprovisioned.js";
import { root } from "../../host-sim/paths.js";

test("faults of the line are what the engine is told", () => {
  assert.deepEqual(lineFaults("noise=0.5%,loss=1%,repeat=2%,single,cut=70", 7), [
    "seed 7",
    "noise 5",
    "loss 10",
    "repeat 20",
    "single",
    "cut any 70",
  ]);
  assert.deepEqual(lineFaults("cut=in:1", 0).at(-1), "cut in 1");
  assert.deepEqual(lineFaults("cut=out:2", 0).at(-1), "cut out 2");
  for (const wrong of [
    "",
    "noise",
    "noise=1",
    "noise=100%",
    "cut=-1",
    "cut=on:1",
    "single,,single",
    "unplug",
  ])
    assert.throws(() => lineFaults(wrong, 0), UsageError);
});

test("a board without identity is in the profile's network, or in any", async () => {
  const profile = join(root, "profiles/simulator.json");
  const { network, name, cycles, board } = await unprovisionedOptions({ unprovisioned: true });
  assert.deepEqual([network, name, cycles, board], [null, "dormouse", 3, "esp32"]);
  const of = await unprovisionedOptions({ unprovisioned: true, profile, name: "shed-1" });
  assert.deepEqual([of.network, of.name], [{ ssid: "burrow", password: "" }, "shed-1"]);
});

test("what a board is told by provisioning is refused before it", async () => {
  for (const flags of [
    { broker: "mqtt://h" },
    { devices: "2" },
    { secret: "env:A" },
    { recipientKey: "env:A" },
    { report: "x" },
  ])
    await assert.rejects(
      unprovisionedOptions({ unprovisioned: true, ...flags }),
      /^UsageError: --[a-z-]+ does not go with/,
    );
  await assert.rejects(unprovisionedOptions({ unprovisioned: true, name: "a.b" }), UsageError);
});

test("a provisioned board has a port when it has a name for it, alone", async () => {
  assert.equal((await simOptions({})).serial, null);
  const { serial } = await simOptions({ name: "a", line: "single", seed: "1" });
  assert.deepEqual(serial, { name: "a", line: ["seed 1", "single"] });
  await assert.rejects(simOptions({ line: "single" }), UsageError);
  await assert.rejects(simOptions({ name: "a", devices: "2" }), UsageError);
});
