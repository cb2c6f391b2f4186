import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { authorityFiles, createAuthority, createServer } from "../../certs/pki/authority.js";
import { altName } from "../../certs/pki/names.js";
import { validFor } from "../../certs/pki/validity.js";
import { defaultTls } from "../../cli/profile/check.js";
import { OperatorError } from "../../cli/report.js";
import { simOptions } from "../../cli/sim.js";
import { reportMark } from "../../host-sim/report/page/page.js";

let folder: string;
let root: string;
let chain: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "dormouse-sim-options-"));
  const validity = validFor(30, Date.now());
  await createAuthority(folder, { name: "Test", root: validity, issuing: validity, replace: false });
  root = authorityFiles(folder).root;
  ({ chain } = await createServer(folder, {
    names: [altName("localhost")],
    validity: validFor(1, Date.now()),
    replace: false,
  }));
});

after(() => rm(folder, { recursive: true, force: true }));

const noSecrets = {
  brokerPassword: null,
  jwtKey: null,
  crl: null,
  certificate: null,
  key: null,
  psk: null,
  signKey: null,
};

async function written(name: string, profile: object): Promise<string> {
  const path = join(folder, name);
  await writeFile(
    path,
    JSON.stringify({
      schema: 1,
      device: { id: "d" },
      wifi: { ssid: "s" },
      broker: { host: "h" },
      ...profile,
    }),
  );
  return path;
}

test("without flags: three cycles of an esp32 against the embedded broker, every quarter of an hour", async () => {
  const options = await simOptions({});
  assert.equal(options.cycles, 3);
  assert.equal(options.board, "esp32");
  assert.equal(options.broker, null);
  assert.equal(options.profile.cycle.intervalSeconds, 900);
  assert.deepEqual(options.secrets, { ...noSecrets, wifiPassword: "" });
  assert.ok(Number.isInteger(options.seed) && options.seed >= 0 && options.seed < 2 ** 32);
});

for (const [text, seconds] of [
  ["1500ms", 1.5],
  ["90s", 90],
  ["15m", 900],
  ["1.5h", 5400],
  ["2d", 172_800],
] as const)
  test(`--interval ${text} is ${seconds} seconds`, async () => {
    const { profile } = await simOptions({ interval: text });
    assert.equal(profile.cycle.intervalSeconds, seconds);
  });

test("--broker and --ca replace the profile's broker, in PEM and DER", async () => {
  const { broker, profile } = await simOptions({ broker: "mqtts://broker.example:18883", ca: root });
  assert.equal(broker?.host, "broker.example");
  assert.equal(broker?.port, 18_883);
  assert.equal(broker?.ca?.der[0], 0x30);
  assert.deepEqual(profile.broker, { host: "broker.example", port: 18_883, tls: defaultTls(), auth: "none" });
});

test("mqtt:// is plain TCP at port 1883, and the profile acknowledges it", async () => {
  const { broker, profile } = await simOptions({ broker: "mqtt://localhost" });
  assert.deepEqual(broker, { host: "localhost", port: 1883, tls: false, ca: null });
  assert.deepEqual(profile.broker, {
    host: "localhost",
    port: 1883,
    tls: false,
    insecure: true,
    auth: "none",
  });
});

test("a profile that names another broker uses that, with the CA beside it", async () => {
  const profile = await written("external.json", {
    broker: { host: "b.example", tls: { ca: "file:ca/root.pem" } },
  });
  const { broker } = await simOptions({ profile });
  assert.deepEqual([broker?.host, broker?.port], ["b.example", 8883]);
  assert.ok(broker?.ca);
});

test("the embedded broker is spoken to in MQTT 3.1.1, any other in 5 unless its profile says otherwise", async () => {
  assert.equal((await simOptions({})).profile.mqtt.version, "3.1.1");
  assert.equal((await simOptions({ broker: "mqtt://localhost" })).profile.mqtt.version, "5");
  const old = await written("old.json", { broker: { host: "h" }, mqtt: { version: "3.1.1" } });
  assert.equal(
    (await simOptions({ profile: old, broker: "mqtt://localhost" })).profile.mqtt.version,
    "3.1.1",
  );
  const wrong = await written("wrong.json", {
    broker: { host: "broker.dormouse.test" },
    mqtt: { version: "5" },
  });
  await assert.rejects(simOptions({ profile: wrong }), OperatorError);
});

const notOneRoot: [string, () => Promise<string>][] = [
  ["no certificate at all", async () => join(folder, ".gitignore")],
  ["two certificates", async () => chain],
  ["a certificate that is no CA", async () => chain.replace("chain.pem", "certificate.pem")],
];
for (const [what, file] of notOneRoot)
  test(`--ca with ${what} is refused`, async () => {
    const ca = await file();
    await assert.rejects(simOptions({ broker: "mqtts://localhost", ca }), OperatorError);
  });

test("secrets come from the environment or from a file, without its last line feed", async () => {
  await writeFile(join(folder, "broker-password"), "opensesame\n", { mode: 0o600 });
  process.env.DORMOUSE_TEST_WIFI = "correct horse";
  const profile = await written("secrets.json", {
    wifi: { ssid: "s", password: "env:DORMOUSE_TEST_WIFI" },
    broker: { host: "h", tls: { ca: "file:ca/root.pem" }, username: "u", password: "file:broker-password" },
  });
  const { secrets, profile: stored } = await simOptions({ profile });
  assert.deepEqual(secrets, { ...noSecrets, wifiPassword: "correct horse", brokerPassword: "opensesame" });
  assert.doesNotMatch(JSON.stringify(stored), /horse|sesame|DORMOUSE_TEST_WIFI/);
});

test("a secret that is not there is named by its setting", async () => {
  const profile = await written("missing.json", {
    wifi: { ssid: "s", password: "env:DORMOUSE_TEST_UNSET" },
    broker: { host: "broker.dormouse.test" },
    mqtt: { version: "3.1.1" },
  });
  await assert.rejects(simOptions({ profile }), {
    name: "OperatorError",
    message: "wifi.password: the environment variable DORMOUSE_TEST_UNSET is not set",
  });
});

const embedded = { host: "broker.dormouse.test" };
const old = { version: "3.1.1" };

test("a profile's password does not go to a mqtt:// broker, its user name may", async () => {
  const jwt = { algorithm: "HS256", key: "env:DORMOUSE_TEST_UNSET" };
  for (const account of [
    { username: "u", password: "env:DORMOUSE_TEST_UNSET" },
    { password: "derived" },
    { jwt },
  ]) {
    const profile = await written("plain.json", { broker: { host: "h", ...account } });
    await assert.rejects(simOptions({ profile, broker: "mqtt://localhost" }), {
      name: "UsageError",
      message: /plain TCP, and over that the profile's password must not go/,
    });
  }
  const named = await written("named.json", { broker: { host: "h", username: "u" } });
  const { profile } = await simOptions({ profile: named, broker: "mqtt://localhost" });
  assert.equal(profile.broker.username, "u");
});

test("--secret is the device's secret, and what is none is not repeated", async () => {
  const digits = "00".repeat(31).concat("aF");
  process.env.DORMOUSE_TEST_SECRET = digits;
  const { deviceSecret } = await simOptions({ secret: "env:DORMOUSE_TEST_SECRET" });
  assert.equal(Buffer.from(deviceSecret!).toString("hex"), digits.toLowerCase());
  assert.equal((await simOptions({})).deviceSecret, null);
  await assert.rejects(simOptions({ secret: digits }), (error: Error) => {
    assert.equal(error.name, "UsageError");
    assert.ok(!error.message.includes("00"));
    return true;
  });
  for (const wrong of [digits.slice(1), `${digits}0`, digits.replace("F", "g")]) {
    process.env.DORMOUSE_TEST_SECRET = wrong;
    await assert.rejects(simOptions({ secret: "env:DORMOUSE_TEST_SECRET" }), {
      name: "OperatorError",
      message: "--secret: a device's secret is 64 hex digits, and nothing else",
    });
  }
});

test("a derived password needs --secret for a broker that cannot know it otherwise", async () => {
  process.env.DORMOUSE_TEST_SECRET = "1f".repeat(32);
  const profile = await written("derived.json", { broker: { host: "h", password: "derived" } });
  const broker = "mqtts://localhost";
  await assert.rejects(simOptions({ profile, broker, ca: root }), {
    name: "UsageError",
    message: /^--secret is missing/,
  });
  const given = await simOptions({ profile, broker, ca: root, secret: "env:DORMOUSE_TEST_SECRET" });
  assert.equal(given.deviceSecret?.length, 32);
  const own = await written("derived-own.json", { broker: { ...embedded, password: "derived" }, mqtt: old });
  assert.equal((await simOptions({ profile: own })).deviceSecret, null);
});

test("an ESP8266 makes no ES256 tokens, but HS256 ones", async () => {
  process.env.DORMOUSE_TEST_TOKEN_KEY = "k".repeat(32);
  const made = (algorithm: string) =>
    written(`${algorithm}.json`, {
      broker: { ...embedded, jwt: { algorithm, key: "env:DORMOUSE_TEST_TOKEN_KEY" } },
      mqtt: old,
    });
  await assert.rejects(simOptions({ board: "esp8266", profile: await made("ES256") }), {
    name: "OperatorError",
    message: /an ESP8266 has no P-256, so it needs HS256/,
  });
  const { secrets } = await simOptions({ board: "esp8266", profile: await made("HS256") });
  assert.equal(secrets.jwtKey?.length, 32);
});

test("--cell is one of the table, or its mAh; 18650 is the cell of that name", async () => {
  const battery = async (cell: string) => (await simOptions({ cell })).battery;
  assert.equal((await simOptions({})).battery, null);
  assert.equal((await battery("18650"))?.milliampHours, 3350);
  assert.deepEqual(await battery("2500"), await battery("2500mAh"));
  assert.equal((await battery("18650mAh"))?.milliampHours, 18_650);
  for (const wrong of ["0", "-5", "2.5", "potato", "", "__proto__"])
    await assert.rejects(simOptions({ cell: wrong }), {
      name: "UsageError",
      message: `--cell "${wrong}": name one of 18650, aa-lithium, aa-alkaline, ls26500, ls14500, or write its mAh, like 2500`,
    });
});

test("--report takes the place of an earlier report, and of nothing else", async () => {
  const path = join(folder, "report.html");
  const report = async () => (await simOptions({ report: path })).report;
  assert.equal((await simOptions({})).report, null);
  assert.equal(await report(), path);
  await writeFile(path, "");
  assert.equal(await report(), path);
  await writeFile(path, `<!doctype html>\n<html><head>${reportMark}`);
  assert.equal(await report(), path);
  await writeFile(path, "<!doctype html>\n<html><head><title>mine</title>");
  await assert.rejects(report(), {
    name: "UsageError",
    message: `--report ${path}: exists and is no report; remove it or name another file`,
  });
  const log = join(folder, "keys.log");
  await assert.rejects(simOptions({ report: log, keylog: log }), { name: "UsageError" });
  await assert.rejects(simOptions({ report: folder }), { name: "UsageError" });
});
