import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { checkProfile } from "../../cli/profile/check.js";
import { root } from "../../host-sim/paths.js";
import { phases } from "../../lib/cycle/wake-cycle.js";
import { readProfile } from "../../lib/store/profile.js";
import { dormouse } from "./command.js";

const minimal = { schema: 1, device: { id: "d-1" }, wifi: { ssid: "s" }, broker: { host: "b.example" } };

/** [what is wrong, the profile's differing part, the path blamed, what the line says] */
const mistakes: [string, object, string, RegExp][] = [
  ["no such version", { schema: 2 }, "schema", /Write 1/],
  ["version as text", { schema: "1" }, "schema", /Write 1/],
  ["an unknown group", { wlan: {} }, "wlan", /no known setting.*known here: .*wifi/],
  ["a misspelt group", { brokers: {} }, "brokers", /Did you mean "broker"/],
  ["a misspelt setting", { broker: { host: "h", Port: 1 } }, "broker.Port", /Did you mean "port"/],
  ["a group that is text", { wifi: "home" }, "wifi", /must be object, not string/],
  ["an ssid too long", { wifi: { ssid: "x".repeat(33) } }, "wifi.ssid", /longer than 32/],
  ["no ssid", { wifi: {} }, "wifi.ssid", /is missing. Write the network's name/],
  ["a literal Wi-Fi password", { wifi: { ssid: "s", password: "hunter2" } }, "wifi.password", /env:NAME/],
  [
    "a literal broker password",
    { broker: { host: "h", username: "u", password: "hunter2" } },
    "broker.password",
    /env:/,
  ],
  ["a password without user", { broker: { host: "h", password: "env:P" } }, "broker.username", /user name/],
  ["a host with scheme", { broker: { host: "mqtts://h" } }, "broker.host", /without port or scheme/],
  ["port 0", { broker: { host: "h", port: 0 } }, "broker.port", /smaller than 1/],
  ["port 65536", { broker: { host: "h", port: 65_536 } }, "broker.port", /larger than 65535/],
  ["port as text", { broker: { host: "h", port: "8883" } }, "broker.port", /must be integer, not string/],
  ["tls true", { broker: { host: "h", tls: true } }, "broker.tls", /Write an object \(TLS\), or false/],
  ["tls false alone", { broker: { host: "h", tls: false } }, "broker.insecure", /acknowledge plain TCP/],
  ["insecure with tls", { broker: { host: "h", insecure: true } }, "broker.insecure", /Remove it/],
  [
    "TLS 1.1",
    { broker: { host: "h", tls: { minVersion: "1.1" } } },
    "broker.tls.minVersion",
    /"1.2" or "1.3"/,
  ],
  [
    "a CA that is no reference",
    { broker: { host: "h", tls: { ca: "ca.pem" } } },
    "broker.tls.ca",
    /file:PATH/,
  ],
  ["MQTT 4", { mqtt: { version: "4" } }, "mqtt.version", /"5" or "3.1.1"/],
  ["a wildcard topic", { topics: { readings: "a/+/b" } }, "topics.readings", /without \+ and #/],
  ["an unknown protection", { topics: { protection: "none" } }, "topics.protection", /"stamp"/],
  ["a device id with a slash", { device: { id: "a/b" } }, "device.id", /letters, digits/],
  ["an interval of 0", { cycle: { intervalSeconds: 0 } }, "cycle.intervalSeconds", /smaller than 1/],
  [
    "a phase that does not exist",
    { cycle: { deadlineSeconds: { jion: 1 } } },
    "cycle.deadlineSeconds.jion",
    /Did you mean "join"/,
  ],
];
for (const [what, part, path, line] of mistakes)
  test(`${what} is blamed on ${path}, with a remedy`, () => {
    const checked = checkProfile(JSON.stringify({ ...minimal, ...part }));
    assert.ok(!checked.ok);
    const [mistake, ...others] = checked.mistakes;
    assert.deepEqual(others, []);
    assert.equal(mistake!.path, path);
    assert.match(`${mistake!.problem}. ${mistake!.remedy}`, line);
    assert.doesNotMatch(JSON.stringify(checked), /hunter2/);
  });

/** What the device gets when a profile says nothing about TLS. */
const plainTls = {
  minVersion: "1.2",
  pins: [],
  identity: "none",
  forwardSecrecy: true,
  withoutClock: "accept",
  resumption: { maxAgeSeconds: 86_400, ticketWaitSeconds: 0.2 },
  earlyData: false,
};

test("the least a profile must say is enough, and its defaults are filled in", () => {
  const checked = checkProfile(JSON.stringify(minimal));
  assert.ok(checked.ok);
  assert.deepEqual(checked.profile, {
    schema: 1,
    device: { id: "d-1" },
    wifi: { ssid: "s" },
    time: { server: "pool.ntp.org" },
    broker: { host: "b.example", port: 8883, tls: plainTls },
    mqtt: { version: "5", keepAliveSeconds: 60 },
    topics: { base: "sensors/d-1", readings: "sensors/d-1/readings", protection: "stamp" },
    cycle: { intervalSeconds: 900, wakeBudgetSeconds: 30 },
    sensor: { kind: "simulated" },
  });
});

test("what the check lets through, the device reads", async () => {
  for (const name of await readdir(join(root, "profiles"))) {
    if (name.endsWith(".schema.json")) continue;
    const checked = checkProfile(await readFile(join(root, "profiles", name), "utf8"));
    assert.ok(checked.ok, name);
    assert.deepEqual(readProfile(JSON.stringify(checked.profile)), checked.profile);
  }
});

test("the schema names the wake cycle's phases", async () => {
  const schema = JSON.parse(await readFile(join(root, "profiles/dormouse.schema.json"), "utf8"));
  const named = Object.keys(schema.properties.cycle.properties.deadlineSeconds.properties);
  assert.deepEqual(named, [...phases]);
});

test("text that is not JSON is told without repeating it", () => {
  const checked = checkProfile('{\n  "wifi": { "password": hunter2 }\n}');
  assert.ok(!checked.ok);
  assert.match(checked.mistakes[0]!.problem, /^is not JSON/);
  assert.doesNotMatch(JSON.stringify(checked), /hunter2/);
});

test("dormouse profile check: a line for each mistake and exit 1, a word of praise and exit 0, --json for both", async () => {
  const folder = await mkdtemp(join(tmpdir(), "dormouse-profile-"));
  try {
    const good = join(folder, "good.json");
    const bad = join(folder, "bad.json");
    await writeFile(good, JSON.stringify(minimal));
    await writeFile(bad, JSON.stringify({ ...minimal, schema: 3, extra: 1 }));
    const praised = await dormouse(["profile", "check", good]);
    assert.deepEqual([praised.code, praised.stderr], [0, ""]);
    assert.match(praised.stdout, /sound/);
    const blamed = await dormouse(["profile", "check", bad]);
    assert.equal(blamed.code, 1);
    assert.equal(blamed.stdout.trim().split("\n").length, 2);
    const asJson = await dormouse(["profile", "check", bad, "--json"]);
    assert.equal(asJson.code, 1);
    const result = JSON.parse(asJson.stdout);
    assert.equal(result.ok, false);
    assert.deepEqual(result.mistakes.map(({ path }: { path: string }) => path).sort(), ["extra", "schema"]);
    const used = await dormouse(["sim", "--profile", bad]);
    assert.equal(used.code, 1);
    assert.match(
      used.stderr,
      /^dormouse: [^\n]*bad\.json: [^\n]* \(and 1 more: dormouse profile check [^\n]*\)\n$/,
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
