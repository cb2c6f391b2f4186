import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { DatabaseSync } from "@photostructure/sqlite";
import { type NewDevice, NoSuchRow, Register } from "../../../backend/fleet/register.js";
import { encodeKid } from "../../../lib/sealed/keys.js";

const folder = mkdtempSync(join(tmpdir(), "dormouse-register-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const device: NewDevice = {
  id: "dormouse-1",
  origin: "serial",
  mac: "a0b1c2d3e4f5",
  board: "esp32c3",
  firmware: "0.1.0",
  profile: "greenhouse.json",
};
const certificate = {
  serial: "4a01",
  fingerprint: "ab".repeat(32),
  notAfterMs: 5,
  issuer: null,
  point: "04cd",
};

test("a row tells what happened to a device, also to whoever opens the file later", () => {
  const path = join(folder, "story");
  let clock = 1000;
  const register = new Register(path, () => clock++);
  const begun = register.begin(device);
  assert.deepEqual(begun, {
    ...device,
    epoch: 0,
    state: "pending",
    kid: Buffer.from(encodeKid({ id: "dormouse-1", epoch: 0 })).toString("hex"),
    certificate: null,
    signPoint: null,
    begunMs: 1000,
    completedMs: null,
    erasedMs: null,
    revokedMs: null,
  });
  register.issued(begun, certificate);
  register.signsWith(begun, Uint8Array.of(4, 0xab));
  register.complete(begun);
  register.complete(begun);
  const complete = { ...begun, state: "complete", completedMs: 1001, certificate, signPoint: "04ab" };
  assert.deepEqual(register.find("dormouse-1"), complete);
  register.close();
  register.close();
  const later = new Register(path, () => clock++);
  assert.deepEqual(later.list(), [complete]);
  later.revoke(begun);
  later.erase(begun);
  assert.deepEqual(later.find("dormouse-1", 0), {
    ...complete,
    state: "erased",
    revokedMs: 1003,
    erasedMs: 1004,
  });
  later.close();
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

test("no epoch is given twice, unless nobody ever heard of it", () => {
  const register = new Register(":memory:");
  const epochs = () => register.list("dormouse-1").map(({ epoch }) => epoch);
  assert.equal(register.nextEpoch("dormouse-1"), 0);
  register.begin(device);
  register.begin(device);
  assert.deepEqual(epochs(), [1, 0]);
  assert.equal(register.nextEpoch("dormouse-1"), 2);
  register.withdraw({ id: "dormouse-1", epoch: 1 });
  assert.equal(register.begin(device).epoch, 1);
  register.complete({ id: "dormouse-1", epoch: 1 });
  register.withdraw({ id: "dormouse-1", epoch: 1 });
  assert.deepEqual(epochs(), [1, 0]);
  // What the board says that it had, of another register.
  assert.equal(register.begin(device, 7).epoch, 8);
  assert.equal(register.begin(device, 7).epoch, 9);
  assert.equal(register.begin({ ...device, id: "dormouse-2" }).epoch, 0);
  assert.throws(() => register.begin(device, 0xffff_ffff), /had all epochs/);
  assert.deepEqual(epochs(), [9, 8, 1, 0]);
  register.close();
});

test("the row of a certificate that was issued stays, and its epoch is not given again", () => {
  const register = new Register(":memory:", () => 7);
  const begun = register.begin(device);
  register.issued(begun, certificate);
  register.withdraw(begun);
  assert.deepEqual(register.list(), [{ ...begun, state: "erased", erasedMs: 7, certificate }]);
  assert.equal(register.begin(device).epoch, 1);
  register.close();
});

test("a row whose commit was sent is taken back only for a board that is known to have nothing of it", () => {
  const register = new Register(":memory:");
  const [first, second] = [register.begin(device), register.begin({ ...device, mac: "" })];
  register.committing(first);
  register.committing(second);
  assert.equal(register.withdraw(first), false);
  assert.equal(register.withdraw(first, "b0b0b0b0b0b0"), false);
  assert.equal(register.withdraw(second, ""), false);
  assert.equal(register.withdraw(first, device.mac), true);
  assert.throws(() => register.committing(first), NoSuchRow);
  register.complete(second);
  assert.throws(() => register.committing(second), NoSuchRow);
  register.close();
});

test("pending rows of a register of the first version may be some board's", () => {
  const path = join(folder, "first-version");
  const row = new Register(path).begin(device);
  const file = new DatabaseSync(path);
  file.exec("ALTER TABLE device DROP COLUMN committing; PRAGMA user_version = 1");
  file.close();
  const register = new Register(path);
  assert.equal(register.withdraw(row), false);
  assert.deepEqual(register.list(), [row]);
  register.close();
});

test("a short name is the key identifier, and what cannot be one leaves no row", () => {
  const register = new Register(":memory:");
  assert.equal(register.begin({ ...device, shortKid: "a1b2" }).kid, "a1b2");
  assert.throws(() => register.begin({ ...device, id: "d", shortKid: "a1" }), /short kid/);
  assert.throws(() => register.begin({ ...device, id: "x".repeat(65) }), RangeError);
  assert.equal(register.list().length, 1);
  register.close();
});

test("what is said of a row that is not there is an error", () => {
  const register = new Register(":memory:");
  register.begin(device);
  const nobody = { id: "dormouse-1", epoch: 1 };
  const missing = /the register has no dormouse-1 of epoch 1/;
  assert.throws(() => register.complete(nobody), missing);
  assert.throws(() => register.erase(nobody), missing);
  assert.throws(() => register.revoke(nobody), missing);
  assert.throws(() => register.issued(nobody, certificate), missing);
  assert.throws(() => register.signsWith(nobody, Uint8Array.of(4)), missing);
  register.close();
});

test("processes that provision at once never share an epoch, and each one's keys are in the keyring", async () => {
  const path = join(folder, "many");
  const given = (await Promise.all(Array.from({ length: 3 }, () => worker(path)))).flat();
  const all = Array.from({ length: 18 }, (_, n) => n);
  assert.deepEqual(
    given.sort((a, b) => a - b),
    all,
  );
  const { keys } = JSON.parse(readFileSync(join(path, "keyring.json"), "utf8"));
  const secrets = new Map(
    keys.map(({ epoch, secret }: { epoch: number; secret: string }) => [epoch, secret]),
  );
  for (const epoch of all) assert.equal(secrets.get(epoch), Buffer.alloc(32, epoch + 1).toString("hex"));
});

/** Provisions the device six times. @returns the epochs */
async function worker(path: string): Promise<number[]> {
  const file = fileURLToPath(new URL("./fleet-worker.js", import.meta.url));
  const child: ChildProcess = fork(file, [path]);
  return new Promise((resolve, reject) => {
    child.once("message", (epochs) => resolve(epochs as number[]));
    child.once("exit", (code) => reject(new Error(`exit code ${code}`)));
  });
}
