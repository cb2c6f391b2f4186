/** A simulated board that begins without identity: found by name, provisioned by the command, then alive with it. */
import assert from "node:assert/strict";
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { engineFile } from "../../host-sim/engine-file.js";
import { build } from "../../host-sim/paths.js";
import { type Broker, startBroker } from "../../host-sim/world/broker.js";
import { dormouse } from "../cli/command.js";

const scratch = mkdtempSync(join(tmpdir(), "dormouse-unprovisioned-"));
let broker: Broker;
before(async () => {
  await engineFile("release");
  broker = await startBroker({ tls: null });
});
after(async () => {
  await broker.stop();
  rmSync(scratch, { recursive: true, force: true });
});

/** A place of a test's own, for the registry of ports and whatever else could stay behind. */
function place(name: string): { readonly TMPDIR: string } {
  const TMPDIR = join(scratch, name);
  mkdirSync(TMPDIR);
  return { TMPDIR };
}

interface Sim {
  readonly process: ChildProcessWithoutNullStreams;
  readonly stdout: () => string;
  /** Waits until a note has come, for 20 s at most. */
  note(text: string): Promise<void>;
  readonly ended: Promise<number | null>;
}

function sim(env: NodeJS.ProcessEnv, ...words: string[]): Sim {
  const child = spawn(process.execPath, [join(build, "js/cli/main.js"), "sim", "--json", ...words], {
    env: { ...process.env, DEBUG: "", ...env },
    timeout: 60_000,
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  return {
    process: child,
    stdout: () => stdout,
    ended,
    async note(text) {
      for (const endMs = Date.now() + 20_000; !stderr.includes(text); ) {
        assert.ok(Date.now() < endMs && child.exitCode === null, `no note "${text}": ${stderr}`);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    },
  };
}

function profile(): string {
  const path = join(scratch, "profile.json");
  const plain = { host: "localhost", port: broker.port, tls: false, insecure: true };
  const parts = {
    schema: 1,
    device: { id: "shed-1" },
    wifi: { ssid: "meadow", password: "env:SHED_WIFI" },
    time: { server: "time.dormouse.test" },
    broker: plain,
    mqtt: { version: "3.1.1" },
    sensor: { kind: "simulated" },
  };
  writeFileSync(path, JSON.stringify(parts));
  return path;
}

describe("a board without identity", { concurrency: true, timeout: 90_000 }, () => {
  test("it is provisioned by the very command that serves boards, and publishes", async () => {
    const env = place("publishes");
    const board = sim(env, "--unprovisioned", "--cycles", "2", "--seed", "1");
    await board.note("waits at sim:dormouse");
    const words = [
      "provision",
      "--port",
      "sim:dormouse",
      "--profile",
      profile(),
      "--fleet",
      join(scratch, "fleet"),
    ];
    const secrets = { SHED_WIFI: "a password of the air's" };
    const { code, stderr } = await dormouse(words, { env: { ...env, ...secrets } });
    assert.equal(code, 0, stderr);
    assert.equal(await board.ended, 0);
    const events = board
      .stdout()
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    const first = events[0];
    assert.deepEqual([first.event, first.device, first.name], ["provisioned", "shed-1", "dormouse"]);
    assert.equal(events.filter(({ event }) => event === "acked").length, 2);
    const { event, judged, wakes, published, acked } = events.at(-1);
    assert.deepEqual([event, judged, wakes, published, acked], ["summary", false, 2, 2, 2]);
    assert.ok(!board.stdout().includes(secrets.SHED_WIFI));
    assert.deepEqual(left(env), []);
  });

  test("its port vanishes and comes back by name, reset starts it anew, and quit ends it with nothing left", async () => {
    const env = place("comes-back");
    const board = sim(env, "--unprovisioned", "--name", "bench-1", "--board", "esp32c3");
    await board.note("waits at sim:bench-1");
    board.process.stdin.write("unplug\n");
    await board.note("sim:bench-1 unplugged");
    assert.doesNotMatch((await dormouse(["ports"], { env })).stdout, /sim:/);
    board.process.stdin.write("reset\nplug\n");
    await board.note("sim:bench-1 plugged in");
    const { code, stdout } = await dormouse(["info", "--port", "sim:bench-1", "--json"], { env });
    assert.equal(code, 0);
    assert.match(stdout, /"unprovisioned"/);
    board.process.stdin.write("quit\n");
    assert.equal(await board.ended, 1, "nobody has provisioned it");
    assert.deepEqual(left(env), []);
  });

  test("an engine that is killed leaves no port behind either", async () => {
    const env = place("is-killed");
    const board = sim(env, "--unprovisioned", "--name", "hit");
    await board.note("waits at sim:hit");
    board.process.kill("SIGTERM");
    assert.equal(await board.ended, 130);
    assert.deepEqual(left(env), []);
  });
});

/** What is in the registry, and folders of boards. */
function left({ TMPDIR }: { readonly TMPDIR: string }): string[] {
  return readdirSync(TMPDIR, { recursive: true })
    .map(String)
    .filter((name) => !/^dormouse-\d+$/.test(name) && !/^node-compile-cache/.test(name));
}
