/** `dormouse fleet`, and what `keys password` takes from it. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { createHash, generateKeyPairSync } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Fleet } from "../../backend/fleet/fleet.js";
import { nodeCrypto } from "../../backend/node-crypto.js";
import { checkProfile } from "../../cli/profile/check.js";
import { deriveBrokerPassword } from "../../lib/auth/broker-password.js";
import { inProcess } from "./in-process.js";

const folder = mkdtempSync(join(tmpdir(), "dormouse-fleet-cli-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const at = join(folder, "fleet");
const secret = (fill: number) => new Uint8Array(32).fill(fill);
const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
const { x, y } = pair.publicKey.export({ format: "jwk" });
const point = Uint8Array.from([4, ...Buffer.from(x!, "base64url"), ...Buffer.from(y!, "base64url")]);
const certificate = {
  serial: "4a01",
  fingerprint: "ab".repeat(32),
  notAfterMs: Date.UTC(2036, 1, 3),
  issuer: null,
  point: null,
};

before(async () => {
  let clock = Date.UTC(2026, 10, 22);
  const fleet = new Fleet(at, () => clock++);
  const board = {
    origin: "serial",
    mac: "a0b1c2d3e4f5",
    board: "esp32c3",
    firmware: "0.1.0",
    profile: "p.json",
  } as const;
  const profileOf = (id: string) => {
    const written = { schema: 1, device: { id }, wifi: { ssid: "b" }, broker: { host: "h" } };
    const checked = checkProfile(JSON.stringify({ ...written, topics: { protection: "stamp" } }));
    ok(checked.ok);
    return checked.profile;
  };
  for (const fill of [1, 2, 3]) {
    const row = fleet.begin({ id: "vole-1", ...board });
    await fleet.addKeys({
      profile: profileOf("vole-1"),
      epoch: row.epoch,
      secret: secret(fill),
      signPoint: null,
    });
    if (fill === 3) continue;
    fleet.register.signsWith(row, point);
    fleet.register.issued(row, certificate);
    await fleet.complete(row);
  }
  fleet.begin({ id: "vole-2", ...board, origin: "image", mac: "" });
  fleet.close();
});

const fleet = (...words: string[]) => inProcess(["fleet", ...words, "--fleet", at]);
const lines = (text: string) => text.trim().split("\n");

test("list has the newest of each device, or all", async () => {
  const { code, stdout } = await fleet("list");
  equal(code, 0);
  deepEqual(
    lines(stdout).map((line) => line.split(/ {2,}/)),
    [
      ["DEVICE", "EPOCH", "STATE", "BOARD", "MAC", "SINCE", "CERTIFICATE UNTIL"],
      ["vole-1", "2", "pending", "esp32c3", "a0b1c2d3e4f5", "2026-11-22"],
      ["vole-2", "0", "pending", "esp32c3", "2026-11-22"],
    ],
  );
  const all = lines((await fleet("list", "--all", "--json")).stdout).map((line) => JSON.parse(line));
  deepEqual(
    all.map(({ id, epoch, state }) => [id, epoch, state]),
    [
      ["vole-1", 2, "pending"],
      ["vole-1", 1, "complete"],
      ["vole-1", 0, "complete"],
      ["vole-2", 0, "pending"],
    ],
  );
});

test("show has everything but secrets, with the public key for receivers elsewhere", async () => {
  const { stdout } = await fleet("show", "vole-1", "--json");
  const [, one] = lines(stdout).map((line) => JSON.parse(line));
  deepEqual(one.certificate, {
    serial: "4a01",
    fingerprint: certificate.fingerprint,
    notAfter: "2036-02-03T00:00:00.000Z",
    revoked: null,
  });
  const publicKey = pair.publicKey.export({ type: "spki", format: "pem" });
  deepEqual(one.signKey, { sha256: createHash("sha256").update(point).digest("hex"), publicKey });
  const text = (await fleet("show", "vole-1")).stdout;
  match(text, /^certificate {2}serial 4a01, until 2036-02-03$/m);
  ok(text.includes(`${publicKey}`.trim()));
  for (const fill of [1, 2, 3]) ok(!text.includes(Buffer.from(secret(fill)).toString("hex")));
  const missing = await fleet("show", "vole-9");
  deepEqual([missing.code, /no vole-9 in /.test(missing.stderr)], [1, true]);
});

test("nothing is made where there is no fleet", async () => {
  const nowhere = join(folder, "nowhere");
  for (const words of [["list"], ["show", "d"]]) {
    const { code, stderr } = await inProcess(["fleet", ...words, "--fleet", nowhere]);
    equal(code, 2);
    match(stderr, /has no register; dormouse provision makes it/);
  }
  const password = await inProcess(["keys", "password", "--device", "d", "--fleet", nowhere]);
  equal(password.code, 2);
  ok(!existsSync(nowhere));
});

test("the password of a device is that of the newest secret which it has", async () => {
  const of = (epoch: number, fill: number) => {
    const key = nodeCrypto.importSecret(secret(fill));
    const password = Buffer.from(deriveBrokerPassword(nodeCrypto, key, { id: "vole-1", epoch })).toString(
      "latin1",
    );
    key.close();
    return `${password}\n`;
  };
  const password = (...words: string[]) => inProcess(["keys", "password", "--device", "vole-1", ...words]);
  equal((await password("--fleet", at)).stdout, of(1, 2));
  equal((await password("--fleet", at, "--epoch", "0")).stdout, of(0, 1));
  equal((await password("--fleet", at, "--epoch", "2")).stdout, of(2, 3));
  equal((await password("--fleet", at, "--epoch", "3")).code, 1);
  equal((await inProcess(["keys", "password", "--device", "vole-2", "--fleet", at])).code, 1);
  for (const words of [[], ["--fleet", at, "--secret", "-"]])
    match((await password(...words)).stderr, /give --secret or --fleet/);
});

test("distrust ends what is accepted of a device, and of no other", async () => {
  equal((await fleet("distrust", "vole-1")).code, 0);
  const { keys } = JSON.parse(readFileSync(join(at, "keyring.json"), "utf8"));
  ok(keys.length > 0 && keys.every(({ until }: { until?: string }) => Date.parse(until ?? "") <= Date.now()));
  match((await fleet("distrust", "vole-2")).stderr, /has no key of vole-2/);
  equal((await inProcess(["fleet", "distrust", "d", "--fleet", join(folder, "nowhere")])).code, 2);
});

test("a recipient's key goes into the keyring, and nowhere else", async () => {
  const path = join(folder, "plant.key");
  writeFileSync(path, pair.privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
  const { code, stdout, stderr } = await fleet("recipient", "plant-7", "--key", `file:${path}`, "-t", "a/#");
  equal(code, 0, stderr);
  match(stdout, /keyring\.json opens what is sealed to plant-7\n$/);
  const { keys } = JSON.parse(readFileSync(join(at, "keyring.json"), "utf8"));
  const entry = keys.at(-1);
  deepEqual([entry.recipient, entry.topics], ["plant-7", ["a/#"]]);
  ok(entry.privateKey.includes("BEGIN PRIVATE KEY"));
  const again = await fleet("recipient", "plant-7", "--key", `file:${path}`);
  deepEqual([again.code, /recipient: there is one of that name/.test(again.stderr)], [1, true]);
  equal((await fleet("recipient", "plant-8", "--key", `file:${path}`, "-t", "a#")).code, 2);
});

test("of a file whose board has proved nothing yet import says so, and that of its proofs completes it", async () => {
  const written = { schema: 1, device: { id: "vole-9" }, wifi: { improv: true }, broker: { host: "h" } };
  const checked = checkProfile(JSON.stringify(written));
  ok(checked.ok);
  const file = {
    format: "dormouse-provisioned-1",
    id: "vole-9",
    epoch: 0,
    mac: "a0b1c2d3e4f5",
    board: "esp32c3",
    firmware: "0.1.0",
    at: "2026-11-22T02:03:04.567Z",
    profileName: "p.json",
    profile: checked.profile,
    secret: "5e".repeat(32),
  };
  const path = join(folder, "vole-9.provisioned.json");
  const imported = (content: object) => {
    writeFileSync(path, JSON.stringify(content), { mode: 0o600 });
    return fleet("import", path, "--json");
  };
  const unproved = await imported({ ...file, state: "unproved" });
  deepEqual([unproved.code, JSON.parse(unproved.stdout).state], [0, "pending"]);
  match(unproved.stderr, /vole-9, epoch 0, is pending: .*"dormouse provision" with its profile/);
  const proved = await imported(file);
  deepEqual([proved.code, JSON.parse(proved.stdout).state, proved.stderr], [0, "complete", ""]);
  equal((await imported(file)).code, 1);
});
