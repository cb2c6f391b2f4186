/** Faults from the command line: what the run tells of them, how it ends, and docs/faults.md. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { simOptions } from "../../cli/sim.js";
import { type FaultForm, faultForms, faultNames } from "../../host-sim/faults/catalogue.js";
import { parseFaults } from "../../host-sim/faults/fault.js";
import { parseScript } from "../../host-sim/faults/script.js";
import { root } from "../../host-sim/paths.js";
import type { RunEvent } from "../../host-sim/report/events.js";
import { dormouse } from "../cli/command.js";
import { only, run } from "./run.js";

const folder = mkdtempSync(join(tmpdir(), "dormouse-faults-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const script = (name: string, content: unknown) => {
  const path = join(folder, name);
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
};

const simulator = JSON.parse(readFileSync(join(root, "profiles/simulator.json"), "utf8"));
const awake = script("awake.json", { ...simulator, cycle: { ...simulator.cycle, mode: "awake" } });

describe("what a run with faults tells, and how it ends", () => {
  test("the fault, how the device takes it, and the recovery; 0 because all arrived in the end", async () => {
    const { code, stdout } = await dormouse(["sim", "--json", "--fault", "refuse"]);
    const events = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as RunEvent);
    const told = events.flatMap((event) => {
      if (event.event === "fault") return [`${event.wake} ${event.name}: ${event.detail}`];
      if (event.event === "error") return [`${event.wake} ${event.kind}`];
      return event.event === "acked" ? [`${event.wake} acked`] : [];
    });
    assert.deepEqual(told, [
      "1 acked",
      "2 refuse: the broker refuses connections",
      "2 connect-failed",
      "3 acked",
    ]);
    assert.equal(only(events, "summary")[0]?.faults, 1);
    assert.equal(code, 0);
  });

  test("1 when something is still missing at the end", async () => {
    const { code, stdout } = await dormouse(["sim", "--cycles", "2", "--fault", "refuse"]);
    assert.equal(code, 1);
    assert.match(stdout, /\n {2}fault {5}refuse {2}the broker refuses connections\n/);
    assert.match(stdout, /\n {2}faults +1\n/);
  });

  test("power that goes is told with what had happened until then", async () => {
    const faults = parseFaults("power-cut@200");
    const { events, tally } = await run({ seed: "3" }, undefined, { faults });
    const [reset] = only(events, "reset");
    assert.deepEqual([reset?.wake, reset?.reason, reset?.effects], [2, "power-cut", 199]);
    assert.deepEqual(
      only(events, "wake").map(({ cause }) => cause),
      ["power-on", "deep-sleep", "power-on"],
    );
    assert.ok(tally.success);
  });

  test("a lasting fault is told once, and in each wake what it has cost", async () => {
    const faults = parseFaults("loss=25%");
    const { events } = await run({ seed: "3", cycles: "6" }, undefined, { faults });
    const [first, ...more] = only(events, "fault");
    assert.deepEqual([first?.wake, first?.detail], [1, "the link loses segments"]);
    assert.ok(more.length > 0 && more.every(({ detail }) => /^\d+ lost, and sent again$/.test(detail)));
  });

  test("gpio: the pin wakes the board in the middle of its sleep, or when the script says", async () => {
    const { profile } = await simOptions({});
    const edited = { ...profile, cycle: { ...profile.cycle, wakeOn: { pin: 4, level: 1 as const } } };
    const faults = parseScript('{"faults":[{"fault":"gpio:3"},{"fault":"gpio","at":"40m"}]}');
    const { events } = await run({ cycles: "5" }, undefined, { profile: edited, faults });
    const wakes = only(events, "wake");
    assert.deepEqual(
      wakes.map(({ cause }) => cause),
      ["power-on", "deep-sleep", "gpio", "deep-sleep", "gpio"],
    );
    const minutes = wakes.map(({ at }) => Math.round((at - wakes[0]!.at) / 30_000) / 2);
    assert.deepEqual(minutes, [0, 15, 22.5, 37.5, 40]);
    assert.deepEqual(
      only(events, "fault").map(({ wake, name }) => [wake, name]),
      [
        [3, "gpio"],
        [5, "gpio"],
      ],
    );
  });
});

describe("what cannot be done ends with 2 and one line", () => {
  const cases: [words: string[], problem: RegExp][] = [
    [["--fault", "no-wifi"], /--fault: "no-wifi" is no fault: they are no-ap/],
    [["--fault", "no-ap", "--fault", "loss=5"], /--fault: loss=5: write it like loss=5%/],
    [["--fault", "gpio"], /--fault gpio: the profile has no cycle\.wakeOn/],
    [["--fault", "reset@commands"], /--fault reset@commands: the profile is without commands/],
    [
      ["--devices", "2", "--fault", "broker-restart"],
      /broker-restart: this would be done to the broker of all/,
    ],
    [
      ["--broker", "mqtt://localhost:1883", "--fault", "bad-certificate"],
      /bad-certificate: this can be done to the embedded broker only/,
    ],
    [
      ["--broker", "mqtt://127.0.0.1:1883", "--fault", "dns-fail"],
      /dns-fail: the profile has the broker's address/,
    ],
    [
      ["--broker", "mqtt://localhost:1883", "--fault", "stall@secure"],
      /stall@secure: the profile is without TLS/,
    ],
    [
      ["--profile", awake, "--fault", "refuse"],
      /--fault refuse: a board that stays awake wakes once: order it/,
    ],
    [["--script", "no-such-script.json"], /--script no-such-script\.json/],
    [["--script", script("bad.json", "{")], /--script .*bad\.json: no JSON/],
    [
      ["--script", script("odd.json", { faults: [{ fault: "nope" }] })],
      /odd\.json: fault 1: "nope" is no fault/,
    ],
  ];
  for (const [words, problem] of cases)
    test(words.join(" ").replaceAll(folder, "…"), async () => {
      const { code, stdout, stderr } = await dormouse(["sim", ...words]);
      assert.deepEqual([code, stdout], [2, ""]);
      assert.match(stderr.trim(), /^[^\n]+$/);
      assert.match(stderr, problem);
    });
});

describe("docs/faults.md", () => {
  const page = readFileSync(join(root, "docs/faults.md"), "utf8");

  test("has every fault and phase", () => {
    for (const name of faultNames) {
      assert.match(page, new RegExp(`^\\|.*\`${name}[\`=@]`, "m"), name);
      const { phases = [] }: FaultForm = faultForms[name];
      for (const phase of phases) assert.ok(page.includes(`\`${phase}\``), phase);
    }
  });

  test("its commands and its script are understood", async () => {
    const commands = [...page.matchAll(/^npm run sim -- ([^#\n]*)/gm)].map(([, words]) => words!.trim());
    assert.ok(commands.length > 3);
    const [, json] = /```json\n([\s\S]*?)```/.exec(page)!;
    assert.equal(parseScript(json!).length, 4);
    const path = script("storm.json", json!.replace(/,\s*\{ "fault": "gpio"[^}]*\}/, ""));
    for (const command of commands) {
      const words = command.replace("storm.json", path).split(/\s+/);
      const flags: Record<string, string | string[]> = {};
      for (let n = 0; n < words.length; n += 2) {
        const name = words[n]!.slice(2);
        flags[name] = name === "fault" ? [...(flags.fault ?? []), words[n + 1]!] : words[n + 1]!;
      }
      assert.ok((await simOptions(flags)).faults.length > 0, command);
    }
  });
});
