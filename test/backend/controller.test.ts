import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { after, describe, test } from "node:test";
import { Controller, type ControllerOptions } from "../../backend/controller.js";
import { Counters } from "../../backend/counters.js";
import { parseKeyring } from "../../backend/keyring.js";
import { nodeCrypto } from "../../backend/node-crypto.js";
import { type Received, Receiver } from "../../backend/receiver.js";
import { SqliteReplayStore } from "../../backend/replay/sqlite.js";
import { encodeResult } from "../../lib/commands/command.js";
import { CommandDevice, type DeviceOptions } from "../cli/command-device.js";

const secret = "5a".repeat(32);
const base = "sensors/d";

/** A device without a network, the controller that commands it, and the receiver that knows its answers. */
function scene({
  device: ofDevice = {},
  entry = {},
  ...options
}: Partial<ControllerOptions> & {
  readonly device?: Partial<DeviceOptions>;
  readonly entry?: object;
} = {}) {
  const controllers = ["office", "attic"];
  const device = new CommandDevice({ port: 0, id: "d", secret, controllers, ...ofDevice });
  const keys = [{ device: "d", epoch: 0, secret, topics: { [`${base}/result`]: "stamp" }, ...entry }];
  const keyring = parseKeyring(JSON.stringify({ schema: 1, keys }));
  const counters = new Counters(":memory:");
  const controller = new Controller({ sender: "office", keyring, counters, ...options });
  const receiver = new Receiver({ keyring, replay: new SqliteReplayStore(":memory:") });
  after(() => {
    receiver.close();
    counters.close();
  });
  /** What the device answered last. */
  const answer = (): Promise<Received> => receiver.receive(`${base}/result`, device.results.at(-1)!);
  return { device, controller, receiver, answer, keyring, counters };
}

test("a command is prepared with what is needed to publish it, and its answer is known", async () => {
  const { device, controller, answer } = scene();
  const command = await controller.prepare("d", "sum", [1, 2], { expiresInSeconds: 60 });
  assert.equal(command.topic, "sensors/d/command");
  assert.equal(command.resultTopic, "sensors/d/result");
  assert.ok(Math.abs(command.expiresAt - Date.now() / 1000 - 60) < 5);
  device.take({ ...command, retain: false });
  const { again, status, value, command: of } = (await controller.matchResult(await answer()))!;
  assert.deepEqual({ again, status, value }, { again: null, status: "done", value: 3 });
  assert.equal(of, command);
  const received = await answer();
  assert.equal(received.verdict, "duplicate");
  assert.equal(await controller.matchResult(received), undefined, "it answers once");
});

test("one base of topics more is one option", async () => {
  const { controller } = scene();
  const { topic, resultTopic } = await controller.prepare("d", "led", [], { base: "hall/d" });
  assert.deepEqual([topic, resultTopic], ["hall/d/command", "hall/d/result"]);
});

test("the challenge is answered with the same command, later ones carry it at once, an expired one does not", async () => {
  const nowMs = Date.now();
  const { device, controller, answer } = scene({ device: { sure: false }, now: () => nowMs });
  const first = await controller.prepare("d", "echo", ["x"], { expiresInSeconds: 100 });
  device.take({ ...first, retain: false });
  const challenged = (await controller.matchResult(await answer()))!;
  assert.equal(challenged.status, "challenge");
  const again = challenged.again!;
  assert.deepEqual([again.counter, again.expiresAt], [first.counter + 1, first.expiresAt]);
  device.take({ ...again, retain: false });
  assert.equal((await controller.matchResult(await answer()))?.value, "x");
  assert.equal(device.acted.length, 1);
  // Its answer had the next challenge in it.
  const second = await controller.prepare("d", "echo", ["y"]);
  device.take({ ...second, retain: false });
  assert.equal((await controller.matchResult(await answer()))?.value, "y");
});

test("without a place to keep challenges the second attempt has the right one all the same", async () => {
  const counters = new Counters(":memory:");
  const { device, controller, answer } = scene({
    device: { sure: false },
    counters: { reserve: (of) => counters.reserve(of) },
  });
  device.take({ ...(await controller.prepare("d", "echo", [1])), retain: false });
  const { again } = (await controller.matchResult(await answer()))!;
  device.take({ ...again!, retain: false });
  assert.equal((await controller.matchResult(await answer()))?.status, "done");
  counters.close();
});

test("a command that has expired is not sent again with the challenge", async () => {
  for (const [laterMs, sentAgain] of [
    [99_000, true],
    [100_000, false],
  ] as const) {
    let nowMs = Math.floor(Date.now() / 1000) * 1000;
    const { device, controller, answer } = scene({ device: { sure: false }, now: () => nowMs });
    const command = await controller.prepare("d", "echo", [], { expiresInSeconds: 100 });
    device.take({ ...command, retain: false });
    nowMs += laterMs;
    const answered = (await controller.matchResult(await answer()))!;
    assert.deepEqual([answered.status, answered.again !== null], ["challenge", sentAgain]);
  }
});

describe("an answer is the device's, on its topic, of its epoch, to this controller and to a command that waits", () => {
  const value = "forged";
  const common = { status: "done", value, challenge: null } as const;
  const cases: [string, (right: Received, counter: number) => Received, boolean][] = [
    ["as it is", (right) => right, true],
    ["duplicate", (right) => ({ ...right, verdict: "duplicate" }), true],
    ["stale", (right) => ({ ...right, verdict: "stale" }), false],
    ["conflict", (right) => ({ ...right, verdict: "conflict" }), false],
    ["unauthenticated", (right) => ({ ...right, verdict: "unauthenticated" }), false],
    ["another device", (right) => ({ ...right, sender: "e" }), false],
    ["another epoch", (right) => ({ ...right, epoch: 1 }), false],
    ["another topic", (right) => ({ ...right, topic: "sensors/e/result" }), false],
    ["another content", (right) => ({ ...right, contentType: null }), false],
    ["no result", (right) => ({ ...right, payload: Uint8Array.of(1) }), false],
    ["no payload", (right) => ({ ...right, payload: null }), false],
    [
      "another controller",
      (right, counter) => ({ ...right, payload: encodeResult({ ...common, controller: "attic", counter }) }),
      false,
    ],
    [
      "another counter",
      (right, counter) => ({
        ...right,
        payload: encodeResult({ ...common, controller: "office", counter: counter + 1 }),
      }),
      false,
    ],
  ];
  for (const [name, change, accepted] of cases)
    test(name, async () => {
      const { device, controller, answer } = scene();
      const command = await controller.prepare("d", "echo", [1]);
      device.take({ ...command, retain: false });
      const right = await answer();
      const matched = await controller.matchResult(change(right, command.counter));
      assert.equal(matched !== undefined, accepted);
      if (!accepted) assert.ok(await controller.matchResult(right), "the genuine one is still awaited");
    });
});

test("what nobody waits for any more is no answer", async () => {
  let nowMs = Date.now();
  const { device, controller, answer } = scene({ now: () => nowMs });
  const command = await controller.prepare("d", "echo");
  device.take({ ...command, retain: false });
  controller.forget(command);
  assert.equal(await controller.matchResult(await answer()), undefined);
  const old = await controller.prepare("d", "echo", [], { expiresInSeconds: 1 });
  device.take({ ...old, retain: false });
  nowMs += 86_402_000 + 1000;
  await controller.prepare("d", "echo");
  assert.equal(await controller.matchResult(await answer()), undefined);
});

test("the operator's key signs everything, and names that need it are refused without", async () => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const der = privateKey.export({ type: "pkcs8", format: "der" });
  const agreement = nodeCrypto.importAgreementKey(der);
  const point = nodeCrypto.agreementPoint(agreement);
  const operator = { kid: Uint8Array.from(Buffer.from("ops")), key: nodeCrypto.importSigningKey(der) };
  const rules = { operator: { kid: "ops", point }, onlySigned: true };
  const { device, controller, answer, counters } = scene({ device: rules, operator });
  for (const name of ["reboot", "echo"]) {
    device.take({ ...(await controller.prepare("d", name)), retain: false });
    assert.equal((await controller.matchResult(await answer()))?.status, "done");
  }
  const next = await counters.reserve({ sender: "office", device: "d", epoch: 0 });
  const without = scene({ device: rules, counters });
  await assert.rejects(without.controller.prepare("d", "reboot"), /needs the operator's signature/);
  assert.equal(
    await counters.reserve({ sender: "office", device: "d", epoch: 0 }),
    next + 1,
    "none was used",
  );
  device.take({ ...(await without.controller.prepare("d", "echo")), retain: false });
  assert.equal((await without.controller.matchResult(await answer()))?.status, "unauthorised");
});

test("what no device would read is refused before a counter is used", async () => {
  const { controller, counters } = scene();
  const next = await counters.reserve({ sender: "office", device: "d", epoch: 0 });
  for (const [name, args, options] of [
    ["Led", [], {}],
    ["led", [Number.NaN], {}],
    ["led", ["x".repeat(129)], {}],
    ["led", [], { expiresInSeconds: 0 }],
    ["led", [], { expiresInSeconds: Number.NaN }],
    ["led", [], { base: "a/#" }],
  ] as const)
    await assert.rejects(
      (async () => controller.prepare("d", name, [...args], options))(),
      RangeError,
      JSON.stringify(options),
    );
  await assert.rejects(controller.prepare("e", "led"), /no key for commands of "office" to "e"/);
  assert.equal(await counters.reserve({ sender: "office", device: "d", epoch: 0 }), next + 1);
});

test("the keyring says how commands are protected where the caller does not, and the newest secret counts", async () => {
  const topics = {
    [`${base}/result`]: "stamp",
    [`${base}/command`]: { protection: "seal", algorithm: "a128gcm" },
  };
  const sealing = scene({ device: { commands: { protection: "seal", alg: 1 } }, entry: { topics } });
  sealing.device.take({ ...(await sealing.controller.prepare("d", "echo")), retain: false });
  assert.equal((await sealing.controller.matchResult(await sealing.answer()))?.status, "done");
  const commands = { [`${base}/command`]: { protection: "seal", algorithm: "a256gcm" } };
  const apart = scene({ device: { commands: { protection: "seal", alg: 3 } }, entry: { commands } });
  apart.device.take({ ...(await apart.controller.prepare("d", "echo")), retain: false });
  assert.equal((await apart.controller.matchResult(await apart.answer()))?.status, "done");
  const until = "2020-01-01T00:00:00Z";
  const keys = [
    { device: "d", epoch: 1, secret, topics: { x: "stamp" } },
    { device: "d", epoch: 2, secret, topics: { x: "stamp" } },
    { device: "d", epoch: 3, secret, topics: { x: "stamp" }, until },
  ];
  const keyring = parseKeyring(JSON.stringify({ schema: 1, keys }));
  const { controller } = scene({ keyring });
  assert.equal((await controller.prepare("d", "echo")).epoch, 2);
  keyring.close();
});

test("a counter reserved for one secret is never used with another", async () => {
  const until = new Date(Date.now() + 60_000).toISOString();
  const topics = { x: "stamp" };
  const keys = [
    { device: "d", epoch: 1, secret, topics },
    { device: "d", epoch: 2, secret, topics, until },
  ];
  const keyring = parseKeyring(JSON.stringify({ schema: 1, keys }));
  let nowMs = Date.now();
  const counters = {
    reserve: async ({ epoch }: { epoch: number }) => {
      nowMs += 50_000;
      return epoch;
    },
  };
  const { controller } = scene({ keyring, counters, now: () => nowMs });
  assert.equal((await controller.prepare("d", "led")).epoch, 2);
  const { epoch, counter } = await controller.prepare("d", "led");
  assert.deepEqual([epoch, counter], [1, 1]);
  keyring.close();
});
