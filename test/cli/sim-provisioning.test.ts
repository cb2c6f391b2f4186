/** `dormouse sim --profile` with what a profile leaves to provisioning: made up for the run's own world, or one line. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type SimFlags, simOptions } from "../../cli/sim.js";

const folder = mkdtempSync(join(tmpdir(), "dormouse-sim-provisioning-"));
after(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
/** @param host of the broker; the embedded one's when left out */
function profile(broker: object, more: object = {}, host = "broker.dormouse.test"): string {
  const path = join(folder, `${++files}.json`);
  const least = { schema: 1, device: { id: "d" }, wifi: { ssid: "s" }, mqtt: { version: "3.1.1" } };
  writeFileSync(path, JSON.stringify({ ...least, ...more, broker: { host, ...broker } }));
  return path;
}

const issued = { tls: { certificate: "issued" } };
const prompts = { wifi: { ssid: "s", password: "prompt" } };

const refused = (flags: SimFlags, message: RegExp) =>
  assert.rejects(simOptions(flags), (error: Error) => {
    assert.equal(error.name, "OperatorError");
    assert.match(error.message, message);
    assert.doesNotMatch(error.message, /\n/);
    return true;
  });

test("with the embedded broker a certificate is left to the run, and secrets are made up, each time others", async () => {
  const path = profile({ ...issued, username: "u", password: "prompt" }, prompts);
  const [one, other] = [await simOptions({ profile: path }), await simOptions({ profile: path })];
  const { certificate, key, wifiPassword, brokerPassword } = one.secrets;
  assert.deepEqual([certificate, key], [null, null]);
  const made = [wifiPassword, brokerPassword, other.secrets.wifiPassword, other.secrets.brokerPassword];
  for (const secret of made) assert.match(secret!, /^[0-9a-f]{32}$/);
  assert.equal(new Set(made).size, 4);
});

test("a token's key that is to be asked for is made up too, as long as one must be", async () => {
  const { secrets } = await simOptions({ profile: profile({ jwt: { algorithm: "HS256", key: "prompt" } }) });
  assert.equal(secrets.jwtKey!.length, 32);
});

test("a network left to Improv is the simulated one, with either broker", async () => {
  const improv = { wifi: { improv: true } };
  for (const path of [profile({}, improv), profile({ tls: false, insecure: true }, improv, "localhost")]) {
    const options = await simOptions({ profile: path });
    assert.deepEqual([options.profile.wifi, options.secrets.wifiPassword], [{ improv: true }, ""]);
  }
});

const remedy =
  /npm run sim -- --unprovisioned, .*dormouse provision --port sim:dormouse --profile \S+\.json$/;

test("a broker of one's own knows no certificate of a run: one line says how else", async () => {
  const pins = [..."AE"].map((last) => `sha256/${"A".repeat(42)}${last}=`);
  const tls = { ...issued.tls, pins };
  await refused({ profile: profile({ tls }, {}, "localhost") }, /^broker\.tls\.certificate: none is issued/);
  await refused({ profile: profile({ tls }, {}, "localhost") }, remedy);
  await refused({ profile: profile(issued), broker: "mqtts://localhost" }, remedy);
});

test("nor does it know a secret that nobody has typed in, except the network's, which is simulated", async () => {
  const plain = profile({ tls: false, insecure: true }, prompts, "localhost");
  assert.match((await simOptions({ profile: plain })).secrets.wifiPassword, /^[0-9a-f]{32}$/);
  const psk = profile({ tls: { psk: { identity: "d", key: "prompt" } } }, {}, "localhost");
  await refused({ profile: psk }, /^broker\.tls\.psk\.key: nobody is asked/);
  await refused({ profile: psk }, remedy);
});

test("an ESP8266 makes no key", async () => {
  await refused(
    { profile: profile(issued), board: "esp8266" },
    /^broker\.tls\.certificate: an ESP8266 has no P-256/,
  );
});
