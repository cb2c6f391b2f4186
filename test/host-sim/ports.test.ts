/** Simulated serial ports by name: only those of devices that run, in a folder that is the user's own. */
import assert from "node:assert/strict";
import { chmodSync, existsSync, lstatSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { simulatedPort, simulatedPorts, takePort } from "../../host-sim/ports.js";

const scratch = mkdtempSync(join(tmpdir(), "dormouse-ports-"));
process.env.TMPDIR = scratch;
after(() => rmSync(scratch, { recursive: true, force: true }));

test("a port is found by its name while its device runs and is plugged in", () => {
  assert.deepEqual(simulatedPorts(), []);
  const port = takePort("shed-1");
  assert.equal(simulatedPort("shed-1"), port.path);
  assert.deepEqual(simulatedPorts(), [], "not plugged in");
  symlinkSync("/dev/null", port.path);
  assert.deepEqual(simulatedPorts(), ["shed-1"]);
  assert.throws(() => takePort("shed-1"), /runs already/);
  port.release();
  assert.equal(existsSync(port.path), false);
  assert.deepEqual(simulatedPorts(), []);
});

test("what a device left behind that was killed is no port, and its name is free", () => {
  const { path, release } = takePort("dormouse");
  symlinkSync("/dev/null", path);
  writeFileSync(`${path}.pid`, "999999999\n");
  symlinkSync("/dev/null", join(dirname(path), "other"));
  assert.deepEqual(simulatedPorts(), []);
  assert.equal(simulatedPort("dormouse"), path);
  assert.equal(lstatSync(path, { throwIfNoEntry: false }), undefined, "it may lead to another's terminal");
  const again = takePort("dormouse");
  assert.equal(lstatSync(join(dirname(path), "other"), { throwIfNoEntry: false }), undefined);
  again.release();
  release();
});

test("a link to a file is no port", () => {
  const port = takePort("file");
  symlinkSync(join(scratch, "file"), port.path);
  writeFileSync(join(scratch, "file"), "");
  assert.deepEqual(simulatedPorts(), []);
  port.release();
});

test("a link in place of the folder is refused, also one that leads nowhere yet", () => {
  const folder = dirname(takePort("linked").path);
  rmSync(folder, { recursive: true });
  symlinkSync(join(scratch, "later"), folder);
  assert.throws(() => simulatedPort("linked"), /yours alone/);
  assert.deepEqual(simulatedPorts(), []);
  rmSync(folder);
});

test("a folder that others can write to is refused", () => {
  const port = takePort("mine");
  symlinkSync("/dev/null", port.path);
  chmodSync(dirname(port.path), 0o777);
  assert.throws(() => simulatedPort("mine"), /yours alone/);
  assert.deepEqual(simulatedPorts(), []);
  assert.throws(() => takePort("other"), /yours alone/);
  chmodSync(dirname(port.path), 0o700);
  assert.deepEqual(simulatedPorts(), ["mine"]);
  port.release();
});
