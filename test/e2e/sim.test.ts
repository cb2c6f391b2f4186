/** The whole product: firmware in XS, TLS, MQTT, a real broker, an independent judge. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { budget, meters } from "../../bench/budgets.js";
import { quietRun } from "../../bench/run-sim.js";
import { type DevelopmentPki, developmentPki, embeddedBrokerName } from "../../certs/pki/development.js";
import { type SimFlags, simOptions } from "../../cli/sim.js";
import { boardNames } from "../../host-sim/board.js";
import { engineBits } from "../../host-sim/engine-file.js";
import { build } from "../../host-sim/paths.js";
import type { RunEvent } from "../../host-sim/report/events.js";
import { phases } from "../../lib/cycle/wake-cycle.js";
import { dormouse } from "../cli/command.js";
import { Gate } from "./gate.js";
import { Mosquitto, mosquittoMissing } from "./mqtt-mosquitto.js";
import { eager, only, run } from "./run.js";

describe("against the embedded broker", () => {
  for (const board of boardNames)
    test(`${board}: three wakes, three fresh readings, within the board's limits`, async () => {
      const { summary, events, success } = await quietRun(board, 3);
      assert.deepEqual(only(events, "error"), []);
      assert.ok(success);
      const { wakes, published, acked, verified, rejected } = summary;
      assert.deepEqual([wakes, published, acked, verified, rejected], [3, 3, 3, 3, 0]);
    });

  for (const board of boardNames)
    test(`${board}: what a wake needs is within the budgets`, async () => {
      const { summary, success } = await quietRun(board, 3, { measure: true });
      assert.ok(success);
      const bits = await engineBits();
      for (const meter of meters) {
        const most = budget(board, meter, bits);
        assert.ok(summary.heap[meter] <= most, `${meter} ${summary.heap[meter]} > budget ${most}`);
      }
    });

  test("each wake goes through the phases in order, and the clock is set twice: then its drift is known", async () => {
    const { events } = await quietRun("esp32c3", 3);
    const named = (wake: number) =>
      only(events, "phase")
        .filter((event) => event.wake === wake)
        .map(({ name }) => name);
    const usual = phases.filter((phase) => phase !== "commands");
    // After power-on alone it attends to its button.
    assert.deepEqual(named(1), [...usual, "attend"]);
    const known = usual.filter((phase) => phase !== "resolve");
    assert.deepEqual(named(2), known);
    assert.deepEqual(
      named(3),
      known.filter((phase) => phase !== "clock"),
    );
    assert.deepEqual(
      only(events, "wake").map(({ cause }) => cause),
      ["power-on", "deep-sleep", "deep-sleep"],
    );
  });

  test("readings carry the time and the values, and wakes stand the interval apart", async () => {
    const { events } = await run({ board: "esp32c3", cycles: "3", interval: "10m" });
    const received = only(events, "received");
    assert.deepEqual(
      received.map(({ counter, verdict }) => [counter, verdict]),
      [0, 1, 2].map((counter) => [counter, "fresh"]),
    );
    const wakes = only(events, "wake");
    for (const [i, { reading }] of received.entries()) {
      assert.deepEqual(
        reading?.map(({ name, unit }) => [name, unit]),
        [
          ["dormouse-1:temperature", "Cel"],
          ["dormouse-1:humidity", "%RH"],
        ],
      );
      const late = wakes[i]!.at / 1000 - reading![0]!.time!;
      assert.ok(Math.abs(late) <= 2, `reading ${i} is dated ${late} s off`);
    }
    const between = wakes[2]!.at - wakes[1]!.at;
    assert.ok(Math.abs(between - 600_000) < 1000, `${between} ms from wake to wake`);
  });

  test("a cycle in the sanitizer build reports nothing", async () => {
    const { success, events } = await quietRun("esp32c3", 2, { variant: "sanitize" });
    assert.deepEqual(only(events, "error"), []);
    assert.ok(success);
  });
});

describe("against Mosquitto with TLS", { skip: mosquittoMissing() ?? false }, () => {
  const broker = new Mosquitto();
  let pki: DevelopmentPki;
  before(async () => {
    pki = await developmentPki(join(build, "development-pki"));
    await broker.start({ nobody: "x" }, { chainPem: pki.serverChainPem, keyPem: pki.serverKeyPem });
  });
  after(() => broker.stop());

  const flags = (port: number): SimFlags => ({
    board: "esp32c3",
    broker: `mqtts://localhost:${port}`,
    ca: pki.rootFile,
  });

  for (const board of boardNames)
    test(`${board}: the same run, with MQTT 5`, async () => {
      const { tally, summary, events } = await run({ ...flags(broker.tlsPort), board });
      assert.deepEqual(only(events, "error"), []);
      assert.ok(tally.success);
      assert.equal(summary.verified, 3);
      const secure = only(events, "phase").find(({ name }) => name === "secure");
      assert.match(secure?.detail ?? "", /^TLS 1\.3 /);
    });

  test("plain TCP: the stamps still verify, and there is no TLS phase", async () => {
    const { tally, events } = await run({ board: "esp8266", broker: `mqtt://localhost:${broker.openPort}` });
    assert.ok(tally.success);
    assert.ok(!only(events, "phase").some(({ name }) => name === "secure"));
  });

  test("a broker that refuses says why, by the name and code of the standard", async () => {
    const { events } = await run(
      { board: "esp32c3", broker: `mqtt://localhost:${broker.port}`, cycles: "1" },
      undefined,
      {
        disturbance: { listenerPort: broker.openPort },
      },
    );
    const [error, ...more] = only(events, "error");
    assert.deepEqual([error?.kind, error?.code, more.length], ["broker-refused", 135, 0]);
    assert.match(error!.detail, /not authorized/);
    // One message went out behind CONNECT, and does not count.
    assert.deepEqual([only(events, "sent").length, only(events, "acked")], [1, []]);
  });

  test("what a wake could not send arrives with the next, the same bytes, nothing lost or twice", async () => {
    const gate = new Gate(broker.tlsPort);
    const port = await gate.start();
    const { profile } = await simOptions(flags(port));
    const { events, summary, tally } = await run(
      { ...flags(port), cycles: "4" },
      (event) => {
        if (event.event === "sleep") gate.open = event.wake !== 1 && event.wake !== 2;
      },
      { profile: eager(profile), disturbance: { listenerPort: broker.tlsPort } },
    );
    await gate.stop();
    assert.deepEqual(
      only(events, "error").map(({ wake }) => wake),
      [2, 3],
    );
    assert.ok(tally.success);
    assert.equal(summary.rejected, 0);
    const values = only(events, "received").flatMap(({ reading }) => reading ?? []);
    assert.equal(values.length, 8, "four readings of two values");
  });

  test("an acknowledgement that is lost costs a duplicate, never another counter or reading", async () => {
    const gate = new Gate(broker.tlsPort);
    const port = await gate.start();
    const { profile } = await simOptions(flags(port));
    const hasty = { ...profile, cycle: { ...profile.cycle, deadlineSeconds: { drain: 1 } } };
    const { events, summary, tally } = await run(
      { ...flags(port), cycles: "2" },
      (event) => {
        if (event.event === "sent") gate.deaf = event.wake === 1;
        if (event.event === "sleep") gate.deaf = false;
      },
      { profile: hasty, disturbance: { listenerPort: broker.tlsPort } },
    );
    await gate.stop();
    assert.deepEqual(
      only(events, "error").map(({ wake, kind }) => [wake, kind]),
      [[1, "deadline"]],
    );
    assert.deepEqual(
      only(events, "sent").map(({ counter, retry = false }) => [counter, retry]),
      [
        [0, false],
        [0, true],
        [1, false],
      ],
    );
    const verdicts = only(events, "received").map(({ counter, verdict }) => `${counter} ${verdict}`);
    assert.deepEqual(verdicts, ["0 fresh", "0 duplicate", "1 fresh"]);
    assert.deepEqual([summary.published, summary.acked, summary.verified, summary.rejected], [2, 2, 2, 0]);
    assert.ok(tally.success);
  });

  test("a stalled network ends in sleep within the deadline, not in a hang", async () => {
    const gate = new Gate(broker.tlsPort);
    const port = await gate.start();
    const { events } = await run(
      { ...flags(port), cycles: "2" },
      (event) => {
        if (event.event === "sleep") gate.stalled = true;
      },
      { disturbance: { listenerPort: broker.tlsPort } },
    );
    await gate.stop();
    const [error] = only(events, "error");
    assert.deepEqual([error?.wake, error?.kind], [2, "tls-timeout"]);
    const slept = only(events, "sleep");
    assert.equal(slept.length, 2);
    assert.ok(slept[1]!.awakeMs < 30_000);
  });
});

describe("--keylog", () => {
  test("gives the secrets of each session, in a file for its owner alone", async () => {
    const folder = mkdtempSync(join(tmpdir(), "dormouse-keylog-"));
    const file = join(folder, "keys.log");
    try {
      writeFileSync(file, "", { mode: 0o644 });
      await run({ board: "esp32c3", cycles: "2", keylog: file });
      const text = readFileSync(file, "utf8");
      assert.equal(text.match(/^CLIENT_TRAFFIC_SECRET_0 [0-9a-f]{64} [0-9a-f]{64,96}$/gm)?.length, 2);
      assert.equal(statSync(file).mode & 0o777, 0o600);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe("bad input ends in one line and the right exit code", () => {
  const oneLine = (text: string) => assert.match(text.trim(), /^[^\n]+$/);

  test("an unreachable broker", async () => {
    const pki = await developmentPki(join(build, "development-pki"));
    const { code, stderr } = await dormouse(["sim", "--broker", "mqtts://127.0.0.1:9", "--ca", pki.rootFile]);
    assert.equal(code, 1);
    oneLine(stderr);
    assert.match(stderr, /127\.0\.0\.1:9.*(refused|ECONNREFUSED)/);
  });

  test("an unknown flag", async () => {
    const { code, stderr } = await dormouse(["sim", "--cylces", "3"]);
    assert.equal(code, 2);
    oneLine(stderr);
  });

  test("a profile that cannot be read", async () => {
    const { code, stderr } = await dormouse(["sim", "--profile", "no-such-file.json"]);
    assert.equal(code, 2);
    oneLine(stderr);
    assert.match(stderr, /no-such-file\.json/);
  });

  test("the wrong CA", { skip: mosquittoMissing() ?? false }, async () => {
    const broker = new Mosquitto();
    const pki = await developmentPki(join(build, "development-pki"));
    const other = await developmentPki(join(build, "development-pki-other"));
    await broker.start({ nobody: "x" }, { chainPem: pki.serverChainPem, keyPem: pki.serverKeyPem });
    try {
      const url = `mqtts://localhost:${broker.tlsPort}`;
      const wrong = await dormouse(["sim", "--cycles", "1", "--broker", url, "--ca", other.rootFile]);
      assert.equal(wrong.code, 1);
      oneLine(wrong.stderr);
      const right = await dormouse(["sim", "--cycles", "1", "--broker", url, "--ca", pki.rootFile]);
      assert.equal(right.code, 0, right.stderr);
    } finally {
      await broker.stop();
    }
  });
});

describe("what a run prints", () => {
  test("--json: only the documented events, each with at, device and wake", async () => {
    const { code, stdout } = await dormouse(["sim", "--json", "--cycles", "2", "--seed", "7"]);
    assert.equal(code, 0);
    const events = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as RunEvent);
    const kinds = new Set(["wake", "phase", "queued", "sent", "acked", "received", "sleep", "summary"]);
    for (const event of events) {
      assert.ok(kinds.has(event.event), event.event);
      assert.deepEqual(
        [typeof event.at, event.device, typeof event.wake],
        ["number", "dormouse-1", "number"],
      );
    }
    const last = events.at(-1);
    assert.equal(last?.event, "summary");
    assert.deepEqual(Object.keys(last).sort(), [
      "acked",
      "at",
      "awakeMsMedian",
      "bytecodesMedian",
      "bytesDown",
      "bytesUp",
      "device",
      "devices",
      "energy",
      "event",
      "handshakes",
      "heap",
      "protection",
      "published",
      "rejected",
      "resumed",
      "unauthenticated",
      "verified",
      "wake",
      "wakes",
    ]);
  });

  test("in a pipe there is no colour", async () => {
    const { stdout } = await dormouse(["sim", "--cycles", "1"]);
    assert.ok(!stdout.includes("\x1b"));
    assert.match(stdout, new RegExp(`mqtts://${embeddedBrokerName}`));
  });
});
