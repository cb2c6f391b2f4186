import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { authorityFiles, createAuthority, createServer, validFor } from "../../certs/pki/authority.js";
import { altName } from "../../certs/pki/names.js";
import { defaultTls } from "../../cli/profile/check.js";
import { OperatorError } from "../../cli/report.js";
import { simOptions } from "../../cli/sim.js";

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

const noSecrets = { crl: null, certificate: null, key: null, psk: null };

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
  assert.deepEqual(options.secrets, { ...noSecrets, wifiPassword: "", brokerPassword: null });
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
  assert.deepEqual(profile.broker, { host: "broker.example", port: 18_883, tls: defaultTls() });
});

test("mqtt:// is plain TCP at port 1883, and the profile acknowledges it", async () => {
  const { broker, profile } = await simOptions({ broker: "mqtt://localhost" });
  assert.deepEqual(broker, { host: "localhost", port: 1883, tls: false, ca: null });
  assert.deepEqual(profile.broker, { host: "localhost", port: 1883, tls: false, insecure: true });
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
  await writeFile(join(folder, "broker-password"), "opensesame\n");
  process.env.DORMOUSE_TEST_WIFI = "correct horse";
  const profile = await written("secrets.json", {
    wifi: { ssid: "s", password: "env:DORMOUSE_TEST_WIFI" },
    broker: { host: "h", tls: false, insecure: true, username: "u", password: "file:broker-password" },
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
