import { Demultiplexer } from "../../../lib/provisioning/demultiplexer.js";
import type { DeviceEffect, FoundNetwork } from "../../../lib/provisioning/device-shell.js";
import {
  encodeImprovCommand,
  type ImprovCommand,
  readImprovMessage,
} from "../../../lib/provisioning/improv.js";
import { equal, ok, test } from "../../device/harness.js";
import { Bench, byPsk, granted, type Plan, provision, pskPlan, refused, stage } from "./bench.js";

/** What a page would hear, in short: "state 2", "error 1", "result 4 ssid -40 YES"; and effects. */
function told(effects: readonly DeviceEffect[]): string[] {
  return effects.flatMap((effect) => {
    if (effect.type !== "send")
      return [effect.type === "join" ? `join ${effect.ssid} ${effect.password}` : effect.type];
    return new Demultiplexer().receive(effect.bytes, 0).map((event) => {
      const message = event.kind === "improv" ? readImprovMessage(event.packet) : undefined;
      switch (message?.kind) {
        case "state":
          return `state ${message.state}`;
        case "error":
          return `error ${message.error}`;
        case "result":
          return ["result", message.command, ...message.strings].join(" ");
        default:
          return event.kind;
      }
    });
  });
}

const page = (bench: Bench) => (command: ImprovCommand) => {
  const bytes = encodeImprovCommand(command);
  const effects = bench.machine.handle({ type: "bytes", bytes }, bench.nowMs);
  for (const effect of effects) if (effect.type === "join") bench.attempt = effect.attempt;
  return told(effects);
};
const wifi: ImprovCommand = { command: 1, ssid: "burrow", password: "correct horse" };
const state: ImprovCommand = { command: 2 };
const info: ImprovCommand = { command: 3 };
const scan: ImprovCommand = { command: 4 };
/** Of the latest join, or of one so many before it. */
const joined = (bench: Bench, ok: boolean, before = 0) =>
  told(bench.machine.handle({ type: "joined", ok, attempt: bench.attempt - before }, bench.nowMs));
const scanned = (bench: Bench, networks: readonly FoundNetwork[]) =>
  told(bench.machine.handle({ type: "scanned", networks }, bench.nowMs));

test("a board says that it is ready, what it is, and takes a network that it has joined", ({ crypto }) => {
  const bench = new Bench(crypto);
  const ask = page(bench);
  equal(ask(state), ["state 2"]);
  equal(ask(info), ["result 3 Dormouse 0.1.0 esp32c3 dormouse-d3e4f5"]);
  equal(ask(wifi), ["state 3", "join burrow correct horse"]);
  equal(ask(state), ["state 3"]);
  equal(bench.store.log, [], "nothing is stored before it is joined");
  equal(joined(bench, true), ["state 4", "result 1"]);
  equal(bench.store.log, ["wifi-password", "wifi-ssid"]);
  equal(
    [bench.store.readText("wifi-ssid"), bench.store.readText("wifi-password")],
    ["burrow", "correct horse"],
  );
  equal(ask(state), ["state 4", "result 2"]);
  bench.reboot();
  equal(page(bench)(state), ["state 4", "result 2"]);
  equal(granted(bench.ask({ kind: "hello" }), "hello").info.wifiSsid, "burrow");
  equal(bench.machine.heardAtMs, 1000);
});

test("a network that cannot be joined, or kept, changes nothing", ({ crypto }) => {
  const bench = new Bench(crypto);
  const ask = page(bench);
  ask(wifi);
  equal(joined(bench, false), ["error 3", "state 2"]);
  equal(bench.store.log, []);
  equal(joined(bench, true), [], "nobody has asked");
  ask(wifi);
  bench.store.deaf = ["wifi-password"];
  equal(joined(bench, true), ["error 255", "state 2"]);
  bench.store.deaf = ["wifi-ssid"];
  ask(wifi);
  equal(joined(bench, true), ["error 255", "state 2"]);
  bench.store.deaf = [];
  ask(wifi);
  joined(bench, true);
  ask({ command: 1, ssid: "other", password: "" });
  equal(joined(bench, false), ["error 3", "state 4"]);
  equal(bench.store.readText("wifi-ssid"), "burrow");
});

test("another network takes the place of the one before, with its own password or none", ({ crypto }) => {
  const bench = new Bench(crypto);
  const ask = page(bench);
  for (const [ssid, password] of [
    ["burrow", "correct horse"],
    ["field", ""],
    ["tree", "battery staple"],
  ] as const) {
    equal(ask({ command: 1, ssid, password }), ["state 3", `join ${ssid} ${password}`]);
    joined(bench, true);
    equal(bench.store.readText("wifi-ssid"), ssid);
    equal(bench.store.readText("wifi-password") ?? "", password);
  }
});

test("wherever the power fails, a network is stored with its password or not at all", ({ crypto }) => {
  for (const before of [false, true])
    for (let left = 0; left < (before ? 4 : 2); left++) {
      const bench = new Bench(crypto);
      if (before) {
        page(bench)({ command: 1, ssid: "field", password: "other" });
        joined(bench, true);
      }
      page(bench)(wifi);
      bench.store.changesLeft = left;
      joined(bench, true);
      ok(bench.store.dead, "it failed");
      const now = [bench.store.readText("wifi-ssid"), bench.store.readText("wifi-password")];
      equal(now[0], before && left === 0 ? "field" : undefined, `after ${left} writes`);
      if (now[0] === "field") equal(now[1], "other");
    }
});

test("what comes of a join that was cancelled is nothing of the next one's", ({ crypto }) => {
  const bench = new Bench(crypto);
  const ask = page(bench);
  ask(wifi);
  granted(bench.ask({ kind: "begin", keepWifi: false }), "begin");
  ask({ command: 1, ssid: "field", password: "wrong horse" });
  equal(joined(bench, true, 1), []);
  equal(bench.store.readText("wifi-ssid"), undefined);
  equal(joined(bench, false), ["error 3", "state 2"]);
});

test("one thing at a time", ({ crypto }) => {
  const bench = new Bench(crypto);
  const ask = page(bench);
  equal(ask(scan), ["scan"]);
  equal(ask(scan), ["error 255"]);
  equal(ask(wifi), ["error 255"]);
  equal(joined(bench, true), []);
  equal(scanned(bench, []), ["result 4"]);
  equal(scanned(bench, []), []);
  equal(ask(wifi), ["state 3", "join burrow correct horse"]);
  equal(ask(scan), ["error 255"]);
  equal(scanned(bench, []), []);
});

test("a scan tells each network once, those that can be shown, and then that it is over", ({ crypto }) => {
  const bench = new Bench(crypto);
  page(bench)(scan);
  const found = (ssid: string, rssi = -40, secured = true) => ({ ssid, rssi, secured });
  const networks = [
    found("burrow", -40.4),
    found("field", -61, false),
    found("burrow", -80),
    found(""),
    found("x".repeat(33)),
  ];
  equal(scanned(bench, networks), ["result 4 burrow -40 YES", "result 4 field -61 NO", "result 4"]);
  page(bench)(scan);
  equal(
    scanned(
      bench,
      Array.from({ length: 50 }, (_, i) => found(`n${i}`)),
    ).length,
    17,
  );
});

test("a shell that gives no answer is not waited for", ({ crypto }) => {
  const bench = new Bench(crypto);
  const ask = page(bench);
  const time = () => told(bench.machine.handle({ type: "time" }, bench.nowMs));
  ask(wifi);
  const wakeAtMs = bench.machine.nextWakeAtMs!;
  ok(wakeAtMs > bench.nowMs + 30_000, "the shell has its time");
  bench.nowMs = wakeAtMs - 1;
  equal(time(), []);
  bench.nowMs = wakeAtMs;
  equal(time(), ["error 3", "state 2"]);
  ask(scan);
  bench.nowMs = bench.machine.nextWakeAtMs!;
  equal(time(), ["result 4"]);
  equal(bench.machine.nextWakeAtMs, undefined);
});

test("a provisioned board says so and takes no network", ({ crypto }) => {
  const bench = new Bench(crypto);
  provision(bench.ask, pskPlan);
  for (const mode of ["open", "read-only"] as const) {
    bench.reboot({ mode });
    const ask = page(bench);
    equal(ask(state), ["state 4", "result 2"]);
    equal(ask(info).length, 1);
    equal(ask(wifi), ["error 4"]);
    equal(ask(scan), ["error 4"]);
  }
});

test("what cannot be read is refused, and what is no command is not answered", ({ crypto }) => {
  const bench = new Bench(crypto);
  const handle = (bytes: Uint8Array) => told(bench.machine.handle({ type: "bytes", bytes }, bench.nowMs));
  const damaged = encodeImprovCommand(wifi);
  damaged[damaged.length - 3]! ^= 1;
  equal(handle(damaged), ["error 1"]);
  equal(page(bench)({ command: 9 as 2 }), ["error 2"]);
  equal(page(bench)({ command: 1, ssid: "", password: "p" }), ["error 1"]);
  const answer = new Bench(crypto).exchange(encodeImprovCommand(state)).sent;
  equal(handle(answer), [], "a device's own packets");
});

const byImprov: Plan = {
  ...pskPlan,
  profile: { ...byPsk, wifi: { improv: true } },
  entries: pskPlan.entries.filter(([entry]) => entry !== "wifi-password"),
  keepWifi: true,
};

test("a profile that leaves the network to Improv is committed with it, and only with it", ({ crypto }) => {
  const bench = new Bench(crypto);
  page(bench)(wifi);
  joined(bench, true);
  provision(bench.ask, byImprov);
  equal(
    [bench.store.readText("wifi-ssid"), bench.store.readText("wifi-password")],
    ["burrow", "correct horse"],
  );
  const without = new Bench(crypto);
  stage(without.ask, byImprov);
  equal(refused(without.ask({ kind: "commit", epoch: 1 })), "incomplete");
  page(without)(wifi);
  joined(without, true);
  granted(without.ask({ kind: "commit", epoch: 1 }), "commit");
});

test("a network that is being joined is not stored under what is erased or committed meanwhile", ({
  crypto,
}) => {
  for (const [what, happen] of [
    ["begin", (bench: Bench) => granted(bench.ask({ kind: "begin", keepWifi: true }), "begin")],
    ["erase", (bench: Bench) => granted(bench.ask({ kind: "erase" }), "erase")],
    [
      "commit",
      (bench: Bench) => {
        stage(bench.ask, pskPlan);
        page(bench)(wifi);
        granted(bench.ask({ kind: "commit", epoch: 1 }), "commit");
      },
    ],
  ] as const) {
    const bench = new Bench(crypto);
    page(bench)(wifi);
    happen(bench);
    equal(joined(bench, true), [], what);
    equal(bench.store.entries.has("wifi-ssid"), false, what);
  }
});

test("noise makes Improv's answers slow too", ({ crypto }) => {
  const bench = new Bench(crypto);
  for (let i = 0; i < 10; i++) bench.exchange(Uint8Array.of(0, 1, 2, 3, 0));
  equal(bench.exchange(encodeImprovCommand(state)).notBeforeMs, bench.nowMs + 200);
  equal(bench.exchange(encodeImprovCommand(state)).sent.length, 0);
  bench.nowMs += 200;
  equal(bench.exchange(encodeImprovCommand(state)).notBeforeMs, bench.nowMs);
});
