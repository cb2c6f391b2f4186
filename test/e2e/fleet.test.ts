/** Several devices in one world: each its own, in no other's way. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { RunEvent } from "../../host-sim/report/events.js";
import { dormouse } from "../cli/command.js";
import { only, run } from "./run.js";

const folder = mkdtempSync(join(tmpdir(), "dormouse-fleet-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function profile(more: object): string {
  const path = join(folder, "profile.json");
  const written = {
    schema: 1,
    device: { id: "dormouse-1" },
    wifi: { ssid: "burrow" },
    broker: { host: "broker.dormouse.test" },
    mqtt: { version: "3.1.1" },
    ...more,
  };
  writeFileSync(path, JSON.stringify(written));
  return path;
}

const ids = (count: number) => Array.from({ length: count }, (_, n) => `dormouse-${n + 1}`);
const ofDevice = <E extends RunEvent>(events: readonly E[], id: string) =>
  events.filter(({ device }) => device === id);

test("three devices: each wakes, is verified and resumes as it would alone, at its own third of the interval", async () => {
  const { events, summary, tally } = await run({
    board: "esp32c3",
    devices: "3",
    cycles: "3",
    interval: "15m",
  });
  assert.ok(tally.success);
  const { devices, wakes, published, acked, verified, rejected, resumed } = summary;
  assert.deepEqual([devices, wakes, published, acked, verified, rejected, resumed], [3, 9, 9, 9, 9, 0, 6]);
  const firsts = ids(3).map((id) => {
    const own = ofDevice(events, id);
    assert.deepEqual(
      only(own, "received").map(({ topic, counter, verdict }) => `${topic} ${counter} ${verdict}`),
      [0, 1, 2].map((counter) => `sensors/${id}/readings ${counter} fresh`),
    );
    assert.deepEqual(
      only(own, "received").map(({ reading }) => reading?.[0]?.name),
      Array(3).fill(`${id}:temperature`),
    );
    const woke = only(own, "wake");
    assert.deepEqual(
      woke.map(({ wake, cause }) => `${wake} ${cause}`),
      ["1 power-on", "2 deep-sleep", "3 deep-sleep"],
    );
    return woke[0]!.at;
  });
  assert.deepEqual(
    firsts.map((at) => at - firsts[0]!),
    [0, 300_000, 600_000],
  );
  const woke = only(events, "wake").map(({ at }) => at);
  const behind = woke.map((at, n) => Math.max(...woke.slice(0, n + 1)) - at);
  assert.ok(Math.max(...behind) <= 450_000, `${Math.max(...behind)} ms behind another`);
});

test("each has a secret of its own: its derived password opens no other's account", async () => {
  const passwords = profile({ broker: { host: "broker.dormouse.test", password: "derived" } });
  const own = await run({ board: "esp32c3", devices: "2", cycles: "1", profile: passwords });
  assert.ok(own.tally.success);
  assert.equal(own.summary.verified, 2);
});

test("what goes wrong for one is told of that one, and the run is no success", async () => {
  const { events, tally, summary } = await run({ board: "esp32c3", devices: "2", cycles: "2" }, undefined, {
    disturbance: {
      provisioned: (right) => ({
        ...right,
        ca: right.profile.device.id === "dormouse-2" ? Buffer.from([0x30, 0]) : right.ca,
      }),
    },
  });
  assert.ok(!tally.success);
  assert.equal(ofDevice(only(events, "error"), "dormouse-1").length, 0);
  assert.equal(ofDevice(only(events, "error"), "dormouse-2").length, 2);
  assert.equal(summary.verified, 2);
});

test("--for ends the run where --cycles would: no wake begins later", async () => {
  const { events, summary } = await run({ board: "esp32c3", for: "55m", interval: "20m", devices: "2" });
  const woke = only(events, "wake").map(({ at }) => at);
  assert.equal(summary.wakes, 6);
  assert.ok(Math.max(...woke) < woke[0]! + 3_300_000);
  const alone = await run({ board: "esp32c3", for: "61m", interval: "20m" });
  assert.equal(alone.summary.wakes, 4);
});

test("on the terminal a fleet is a row for each span, in --json a line for each event", async () => {
  const flags = ["sim", "--devices", "3", "--for", "44m", "--board", "esp32c3"];
  const { code, stdout } = await dormouse(flags);
  assert.equal(code, 0);
  assert.ok(stdout.split("\n").length < 30, stdout);
  assert.match(stdout, /devices +3\n.*wakes +9\n/);
  const told = await dormouse([...flags, "--json"]);
  const events = told.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as RunEvent);
  for (const id of ids(3)) assert.equal(ofDevice(only(events, "sleep"), id).length, 3);
  const last = events.at(-1)!;
  assert.deepEqual([last.event, last.device, only(events, "summary")[0]?.wakes], ["summary", "*", 9]);
});

const wrong: [string, string[], RegExp][] = [
  ["no device at all", ["--devices", "0"], /--devices/],
  ["two ends", ["--for", "1d", "--cycles", "3"], /--for and --cycles/],
  ["no length", ["--for", "soon"], /--for/],
  ["one capture of many devices", ["--devices", "2", "--pcap", join(folder, "x.pcap")], /--pcap/],
];
for (const [what, flags, words] of wrong)
  test(`wrong usage is one line and exit code 2: ${what}`, async () => {
    const { code, stderr } = await dormouse(["sim", ...flags]);
    assert.equal(code, 2);
    assert.match(stderr.trim(), /^[^\n]+$/);
    assert.match(stderr, words);
  });

test("a profile whose devices would be one is refused before anything starts", async () => {
  const shared = profile({ topics: { readings: "attic/readings" } });
  const { code, stderr } = await dormouse(["sim", "--devices", "2", "--profile", shared]);
  assert.equal(code, 1);
  assert.match(stderr, /^dormouse: --devices: topics\.readings [^\n]+\n$/);
});
