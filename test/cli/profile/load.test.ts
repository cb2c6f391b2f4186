/** A profile for another device than the file's, with settings put over it, and its secrets as a device stores them. */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { batchConflict } from "../../../cli/profile/batch-rules.js";
import { loadProfile } from "../../../cli/profile/load.js";
import { readSecrets } from "../../../cli/profile/secrets.js";
import { OperatorError } from "../../../cli/report.js";

const folder = mkdtempSync(join(tmpdir(), "dormouse-load-"));
after(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
function written(part: object): string {
  const path = join(folder, `profile-${++files}.json`);
  const minimal = { schema: 1, device: { id: "dm-1" }, wifi: { ssid: "s" }, broker: { host: "b.example" } };
  writeFileSync(path, JSON.stringify({ ...minimal, ...part }));
  return path;
}

const nobody = () => assert.fail("nobody is to be asked");

test("another id takes the device's place in its topics, user name, PSK identity and own files, and nowhere else", async () => {
  const path = written({
    broker: {
      host: "dm-1.example",
      clientIdPrefix: "dm-1",
      tls: { psk: { identity: "dm-1", key: "file:keys/dm-1/dm-1.psk" } },
    },
    wifi: { ssid: "dm-1", password: "file:dm-10/wifi" },
    topics: { base: "farm/dm-1", readings: "farm/dm-1/up/dm-10" },
  });
  const { profile, references } = await loadProfile(path, { "device.id": "dm-7" });
  assert.deepEqual([profile.device, profile.broker.host], [{ id: "dm-7" }, "dm-1.example"]);
  assert.deepEqual(profile.wifi, { ssid: "dm-1" });
  assert.equal(profile.broker.clientIdPrefix, "dm-1");
  assert.ok(profile.broker.tls);
  assert.equal(profile.broker.tls.pskIdentity, "dm-7");
  assert.deepEqual([profile.topics.base, profile.topics.readings], ["farm/dm-7", "farm/dm-7/up/dm-10"]);
  assert.deepEqual(references, { wifiPassword: "file:dm-10/wifi", psk: "file:keys/dm-7/dm-7.psk" });
  const windows = written({ wifi: { ssid: "s", password: "file:keys\\dm-1\\wifi" } });
  const there = await loadProfile(windows, { "device.id": "dm-7" });
  assert.equal(there.references.wifiPassword, "file:keys\\dm-7\\wifi");
  const same = await loadProfile(path, { "device.id": "dm-1" });
  assert.deepEqual(same, await loadProfile(path));
});

test("a user name and topics that nobody wrote are the other device's too", async () => {
  const { profile } = await loadProfile(written({ broker: { host: "h", password: "derived" } }), {
    "device.id": "dm-7",
  });
  assert.equal(profile.broker.username, "dm-7");
  assert.equal(profile.topics.base, "sensors/dm-7");
});

test("settings are put over the file's, each as the kind of value that it takes", async () => {
  const path = written({ broker: { host: "b.example", tls: false, insecure: true } });
  const { profile, references } = await loadProfile(path, {
    "broker.port": "1884",
    "broker.websocket.path": "/ws",
    "cycle.intervalSeconds": "90.5",
    "cycle.wakeOn.pin": "4",
    "cycle.wakeOn.level": "1",
    "device.kid": "0102",
    "mqtt.pipelining": "false",
    "mqtt.version": "5",
    "topics.state": "battery rssi",
    "wifi.ssid": "42",
    "wifi.password": "env:W",
  });
  const { broker, cycle, device, mqtt, topics, wifi } = profile;
  assert.deepEqual([broker.port, broker.websocket], [1884, { path: "/ws" }]);
  assert.deepEqual([cycle.intervalSeconds, cycle.wakeOn], [90.5, { pin: 4, level: 1 }]);
  assert.deepEqual([device.kid, mqtt.pipelining, mqtt.version], ["0102", false, "5"]);
  assert.deepEqual(
    [topics.state, wifi, references],
    [["battery", "rssi"], { ssid: "42" }, { wifiPassword: "env:W" }],
  );
});

/** [what is wrong, the file's part, the overrides, what the line says] */
const refusals: [string, object, Record<string, string>, RegExp][] = [
  ["an unknown setting", {}, { "broker.hots": "h" }, /^broker\.hots is no known setting/],
  ["a name that objects have", {}, { "constructor.name": "h" }, /^constructor\.name is no known setting/],
  ["a name that every object has", {}, { ["__proto__"]: "h" }, /^__proto__ is no known setting/],
  ["a number that is none", {}, { "broker.port": "0x50" }, /broker\.port must be integer, not string/],
  ["a literal secret", {}, { "wifi.password": "hunter2" }, /wifi\.password is not written as it must be/],
  [
    "an id with a slash",
    {},
    { "device.id": "a/b" },
    /^device\.id: "a\/b" is no device id: use 1 to 64 letters/,
  ],
  [
    "a short name for two",
    { device: { id: "dm-1", kid: "0102" } },
    { "device.id": "dm-2" },
    /^device\.kid: dm-2 and dm-1/,
  ],
  [
    "an id that makes a topic too long",
    { topics: { base: `${"dm-1/".repeat(20)}x` } },
    { "device.id": "d".repeat(64) },
    /^the profile of d+: topics\.base/,
  ],
];
for (const [what, part, overrides, line] of refusals)
  test(`${what} is refused in one line`, () =>
    assert.rejects(loadProfile(written(part), overrides), (error: Error) => {
      assert.ok(error instanceof OperatorError, error.stack);
      assert.match(error.message, line);
      assert.doesNotMatch(error.message, /hunter2|\n/);
      return true;
    }));

test("a short name of its own goes with another id", async () => {
  const path = written({ device: { id: "dm-1", kid: "0102" } });
  const { profile } = await loadProfile(path, { "device.id": "dm-2", "device.kid": "0103" });
  assert.deepEqual(profile.device, { id: "dm-2", kid: "0103" });
});

test("what is to be asked for is asked for once, in order, and comes out as a device stores it", async () => {
  const loaded = await loadProfile(
    written({
      wifi: { ssid: "s", password: "prompt" },
      broker: {
        host: "h",
        tls: { psk: { identity: "d", key: "prompt" } },
        username: "u",
        password: "prompt",
      },
    }),
  );
  const asked: string[] = [];
  const answers = ["wifi word", "broker word", "00112233445566778899aabbccddeeff"];
  const secrets = await readSecrets(loaded, async ({ setting }) => answers[asked.push(setting) - 1]!);
  assert.deepEqual(asked, ["wifi.password", "broker.password", "broker.tls.psk.key"]);
  assert.deepEqual(
    asked,
    loaded.atProvisioning.prompts.map(({ setting }) => setting),
  );
  assert.deepEqual(
    [secrets.wifiPassword, secrets.brokerPassword, Buffer.from(secrets.psk!).toString("hex")],
    answers,
  );
  await assert.rejects(
    readSecrets(loaded, async () => ""),
    /^OperatorError: wifi\.password: nothing was entered$/,
  );
  await assert.rejects(
    readSecrets(loaded, async () => "hunter2"),
    /^OperatorError: broker\.tls\.psk\.key: what was entered must hold 32 to 128 hex digits[^\n]*$/,
  );
});

test("of what the board makes there is nothing", async () => {
  const loaded = await loadProfile(
    written({ broker: { host: "h", tls: { certificate: "issued" } }, topics: { protection: "sign" } }),
  );
  const none = { ca: null, crl: null, certificate: null, key: null, psk: null, jwtKey: null, signKey: null };
  assert.deepEqual(await readSecrets(loaded, nobody), { ...none, brokerPassword: null, wifiPassword: "" });
});

test("a secret in a file that others may read is refused, with the remedy", {
  skip: process.platform === "win32",
}, async () => {
  const file = join(folder, "wifi");
  writeFileSync(file, "hunter2\n", { mode: 0o600 });
  const loaded = await loadProfile(written({ wifi: { ssid: "s", password: "file:wifi" } }));
  assert.equal((await readSecrets(loaded, nobody)).wifiPassword, "hunter2");
  for (const mode of [0o640, 0o604, 0o620]) {
    chmodSync(file, mode);
    await assert.rejects(readSecrets(loaded, nobody), (error: Error) => {
      assert.ok(error instanceof OperatorError);
      assert.equal(
        error.message,
        `wifi.password: ${file} is open to others than its owner: chmod 600 ${file}`,
      );
      return true;
    });
  }
});

test("a tray of boards from one profile: what two of them may not share is named", async () => {
  const tray = async (part: object, rows: Record<string, string>[]) => {
    const path = written(part);
    return batchConflict(await Promise.all(rows.map((row) => loadProfile(path, row))));
  };
  const ids = [{ "device.id": "dm-1" }, { "device.id": "dm-2" }, { "device.id": "dm-3" }];
  assert.equal(await tray({}, ids), undefined);
  assert.equal(await tray({}, [...ids, ids[1]!]), "dm-2 is there twice");
  assert.match(
    (await tray({ topics: { base: "attic" } }, ids)) ?? "",
    /^topics\.base is the same for dm-1 and dm-2/,
  );
  assert.match(
    (await tray({ topics: { readings: "attic" } }, ids)) ?? "",
    /^topics\.readings is the same for dm-1 and dm-2: each device needs its own$/,
  );
  const named = ids.map((row) => ({ ...row, "device.kid": "0102" }));
  assert.match((await tray({}, named)) ?? "", /^device\.kid is the same for dm-1 and dm-2/);
  const psk = (key: string) => ({ broker: { host: "h", tls: { psk: { identity: "dm-1", key } } } });
  assert.match(
    (await tray(psk("env:PSK"), ids)) ?? "",
    /^broker\.tls\.psk\.key is the same for dm-1 and dm-2/,
  );
  assert.equal(await tray(psk("file:dm-1.psk"), ids), undefined);
  assert.equal(await tray(psk("prompt"), ids), undefined);
  const own = ids.map((row, n) => ({ ...row, "broker.tls.psk.key": `env:PSK_${n}` }));
  assert.equal(await tray(psk("env:PSK"), own), undefined);
  const identity = { broker: { host: "h", tls: { psk: { identity: "all", key: "prompt" } } } };
  assert.match((await tray(identity, ids)) ?? "", /^broker\.tls\.psk\.identity is the same/);
  const given = { certificate: "file:c.pem", key: "file:k.pem" };
  assert.match(
    (await tray({ broker: { host: "h", tls: given } }, ids)) ?? "",
    /^broker\.tls\.key is the same/,
  );
  assert.equal(await tray({ broker: { host: "h", tls: { certificate: "issued" } } }, ids), undefined);
  const signed = (signKey: string) => ({ topics: { protection: "sign", signKey } });
  assert.match((await tray(signed("file:k.pem"), ids)) ?? "", /^topics\.signKey is the same/);
  assert.equal(await tray(signed("device"), ids), undefined);
});
