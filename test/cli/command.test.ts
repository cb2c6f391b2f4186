/** `dormouse command` against Mosquitto, and devices there that lib/commands decides for. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { readFileSync, statSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { after, before, describe, test } from "node:test";
import { Aedes } from "aedes";
import { encodeResult, type Status } from "../../lib/commands/command.js";
import { mosquittoMissing } from "../e2e/mqtt-mosquitto.js";
import { BreakableProxy } from "./breakable-proxy.js";
import { CommandScene, endsWith } from "./command-scene.js";

/** MQTT 5 §3.4.2.1. */
const nobodySubscribed = 16;

const p256 = () => generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
const pemOf = (key: ReturnType<typeof p256>) => key.export({ type: "pkcs8", format: "pem" }) as string;

function pointOf(key: ReturnType<typeof p256>): Uint8Array {
  const { x, y } = createPublicKey(key).export({ format: "jwk" });
  return Uint8Array.from([4, ...Buffer.from(x!, "base64url"), ...Buffer.from(y!, "base64url")]);
}

describe("command against Mosquitto", {
  skip: mosquittoMissing() ?? false,
  timeout: 600_000,
  concurrency: 3,
}, () => {
  const scene = new CommandScene();
  const { broker } = scene;
  before(() => scene.start());
  after(() => scene.stop());
  const wait = ["--wait", "20s"];

  test("--wait gives the device's answer, whatever its kind", async () => {
    const device = await scene.device("answers");
    const { command } = device;
    endsWith(await command("sum", "1", "2.5", ...wait), 0, "done: 3.5\n");
    endsWith(await command("echo", "grün ☀", ...wait), 0, "done: grün ☀\n");
    endsWith(await command("echo", "\u001b[2J", ...wait), 0, "done: \\x1b[2J\n");
    endsWith(await command("echo", ...wait, "--", "-x"), 0, "done: -x\n");
    endsWith(await command("echo", "-3", ...wait), 0, "done: -3\n");
    endsWith(await command("blob", ...wait), 0, "done: 00ff\n");
    endsWith(await command("blob", ...wait, "-V", "311"), 0, "done: 00ff\n");
    endsWith(await command("echo", ...wait), 0, "done\n");
    const failed = /dormouse: answers: failed: the valve is stuck; it could not do that\n$/;
    endsWith(await command("break", ...wait), 1, "", failed);
    endsWith(await command("dance", ...wait), 1, "", /answers: unknown; /);
    deepEqual(
      device.acted.slice(0, 4).map(({ command: { args } }) => args),
      [[1, 2.5], ["grün ☀"], ["\u001b[2J"], ["-x"]],
    );
  });

  test("--json is one object, whatever the answer, and the exit code says the same as without", async () => {
    const { command } = await scene.device("json");
    const asObject = async (code: number, ...words: string[]) => {
      const ran = await command(...words, ...wait, "--json");
      equal(ran.code, code, ran.stderr);
      const { counter, expires, ...rest } = JSON.parse(ran.stdout);
      ok(Number.isSafeInteger(counter));
      const inMs = Date.parse(expires) - Date.now();
      ok(inMs > 3_500_000 && inMs <= 3_600_000, expires);
      return rest;
    };
    const about = { device: "json", name: "echo" };
    deepEqual(await asObject(0, "echo", '"12"'), { ...about, status: "done", value: "12" });
    deepEqual(await asObject(0, "echo", "12"), { ...about, status: "done", value: 12 });
    deepEqual(await asObject(0, "blob"), { ...about, name: "blob", status: "done", valueBase64: "AP8=" });
    deepEqual(await asObject(1, "break"), {
      ...about,
      name: "break",
      status: "failed",
      value: "the valve is stuck",
    });
  });

  test("without --wait it ends when the broker has the command, which expires there", async () => {
    const device = await scene.device("sent");
    await device.sleep();
    endsWith(await device.command("echo", "1"), 0, "", /^dormouse: counter \d+ is with the broker[^\n]*\n$/);
    const ran = await device.command("echo", "2", "--json", "--expires", "1s");
    const { status } = JSON.parse(ran.stdout);
    equal(status, "sent");
    await scene.passed(2100);
    await device.wake();
    endsWith(await device.command("echo", "3", ...wait), 0, "done: 3\n");
    deepEqual(
      device.acted.map(({ command: { args } }) => args),
      [[1], [3]],
    );
    equal(device.results.length, 2, "the broker dropped the second: the device would have answered it");
  });

  test("it says when nobody is subscribed, and with --wait tries until somebody is", async () => {
    const device = await scene.device("late", { awake: false });
    endsWith(await device.command("echo", "1"), 0, "", /nobody is subscribed to sensors\/late\/command/);
    const running = device.start("echo", "2", ...wait);
    await running.says("trying again until somebody is");
    await device.wake();
    endsWith(await running.ended, 0, "done: 2\n");
    deepEqual(
      device.acted.map(({ command: { args } }) => args),
      [[2]],
    );
  });

  test("a device that sleeps answers when it wakes", async () => {
    const device = await scene.device("asleep");
    await device.sleep();
    const running = device.start("echo", "zzz", ...wait);
    await running.says("a device that sleeps answers at its next wake");
    await device.wake();
    endsWith(await running.ended, 0, "done: zzz\n");
  });

  test("what the device wants with its challenge is sent again, and acted on once", async () => {
    const device = await scene.device("unsure", { sure: false });
    const again = /"unsure" wants its challenge in the command: sent again, counter \d+\n/;
    endsWith(await device.command("echo", "1", ...wait), 0, "done: 1\n", again);
    equal(device.results.length, 2);
    // The answer had the next challenge, which the state file remembers.
    const next = await device.command("echo", "2", ...wait);
    endsWith(next, 0, "done: 2\n");
    equal(device.results.length, 3, next.stderr);
    // Who forgets it is asked again.
    const afresh = ["--state", `${device.keyring}.afresh`];
    endsWith(await device.command("echo", "3", ...wait, ...afresh), 0, "done: 3\n", again);
    deepEqual(
      device.acted.map(({ command: { args } }) => args),
      [[1], [2], [3]],
    );
  });

  for (const algorithm of [
    "hmac-256-64",
    "chacha20-poly1305",
    "a128gcm",
    "a256gcm",
    "aes-ccm-16-64-128",
  ] as const)
    test(`${algorithm} protects commands where the profile says so`, async () => {
      const { command } = await scene.device(`with-${algorithm}`, { algorithm });
      endsWith(await command("echo", "1", "--algorithm", algorithm, ...wait), 0, "done: 1\n");
    });

  test("another protection than the device's gets no answer", async () => {
    const device = await scene.device("other-protection");
    const ran = await device.command("echo", "1", "--protection", "seal", "--wait", "2s");
    endsWith(ran, 1, "", /other-protection: no-answer; nothing verified has come so far/);
    deepEqual(device.dropped, ["bad"]);
    endsWith(await device.command("echo", "1", "--protection", "stamp", ...wait), 0, "done: 1\n");
  });

  test("an answer that was changed on the way is ignored, the genuine one taken", async () => {
    const device = await scene.device("tampered");
    device.alter = (result) => {
      const changed = result.slice();
      changed[changed.length - 40]! ^= 1;
      return [changed, Uint8Array.of(1, 2, 3), result];
    };
    const ignored = /ignored on sensors\/tampered\/result: bad \(not-authentic\)\n.*bad \(malformed\)\n/s;
    endsWith(await device.command("echo", "true", ...wait), 0, "done: true\n", ignored);
    device.alter = (result) => [result.slice(0, -1)];
    endsWith(await device.command("echo", "true", "--wait", "2s"), 1, "", /no-answer/);
  });

  test("answers to earlier commands, to others and from others are ignored", async () => {
    const device = await scene.device("replayed");
    const impostor = await scene.device("impostor", { secret: "6b".repeat(32) });
    endsWith(await device.command("echo", '"first"', ...wait), 0, "done: first\n");
    const [old] = device.results;
    const counterOf = (n: number) => JSON.parse(lastJson!).counter + n;
    let lastJson: string | undefined;
    const quiet = await device.command("echo", "1", ...wait, "--json");
    lastJson = quiet.stdout;
    const result = { controller: "office", status: "done" as Status, value: "forged", challenge: null };
    device.alter = () => [
      old!,
      device.protectResult(encodeResult({ ...result, counter: counterOf(0) })),
      device.protectResult(encodeResult({ ...result, counter: counterOf(2) })),
      device.protectResult(encodeResult({ ...result, controller: "attic", counter: counterOf(1) })),
      device.protectResult(encodeResult({ ...result, counter: counterOf(1) }), null),
      impostor.protectResult(encodeResult({ ...result, counter: counterOf(1) })),
    ];
    endsWith(await device.command("echo", "1", "--wait", "3s"), 1, "", /no-answer/);
    // Next to the accept: the same, of the right counter and controller, by the device.
    device.alter = () => [device.protectResult(encodeResult({ ...result, counter: counterOf(2) }))];
    endsWith(await device.command("echo", "1", ...wait), 0, "done: forged\n");
  });

  test("a command that comes too late is not acted on", async () => {
    const device = await scene.device("too-late");
    device.offsetSeconds = 7200;
    endsWith(await device.command("echo", "1", ...wait), 1, "", /too-late: expired; it came too late/);
    endsWith(await device.command("echo", "1", "--expires", "3h", ...wait), 0, "done: 1\n");
    equal(device.acted.length, 1);
  });

  test("what needs the operator's signature needs the right key, and its name", async () => {
    const key = p256();
    const operator = { kid: "ops-1", point: pointOf(key) };
    const device = await scene.device("guarded", { operator });
    const strict = await scene.device("strict", { operator, onlySigned: true });
    const right = ["--operator-key", `file:${broker.file("ops.pem", pemOf(key))}`, "--operator-kid", "ops-1"];
    const wrongKey = [
      "--operator-key",
      `file:${broker.file("no.pem", pemOf(p256()))}`,
      "--operator-kid",
      "ops-1",
    ];
    const without = await device.command("reboot", ...wait);
    endsWith(
      without,
      2,
      "",
      /"reboot" needs the operator's signature: give --operator-key and --operator-kid/,
    );
    endsWith(await device.command("reboot", ...right, ...wait), 0, "done\n");
    endsWith(await device.command("reboot", ...wrongKey, ...wait), 1, "", /guarded: unauthorised; it wants/);
    endsWith(await device.command("reboot", ...right.slice(0, 3), "ops-2", ...wait), 1, "", /unauthorised/);
    endsWith(await strict.command("echo", "1", ...wait), 1, "", /strict: unauthorised/);
    endsWith(await strict.command("echo", "1", ...right, ...wait), 0, "done: 1\n");
    const asked = ["--operator-key", "-", "--operator-kid", "ops-1"];
    const piped = await strict.start("echo", "2", ...asked, ...wait, { input: pemOf(key) }).ended;
    endsWith(piped, 0, "done: 2\n");
    equal(device.acted.length, 1);
  });

  test("SIGINT ends the waiting with what is known, and leaves no session at the broker", async () => {
    const device = await scene.device("interrupted");
    await device.sleep();
    const running = device.start("echo", "1", ...wait);
    await running.says("is with the broker");
    running.process.kill("SIGINT");
    endsWith(await running.ended, 1, "", /interrupted: interrupted; no longer waited for/);
    const silent = device.start("echo", "1", ...wait, "--json");
    await silent.says("is with the broker");
    silent.process.kill("SIGTERM");
    const { code, stdout } = await silent.ended;
    deepEqual([code, JSON.parse(stdout).status], [1, "interrupted"]);
    await device.wake();
    endsWith(await device.command("echo", "1", ...wait), 0, "done: 1\n");
    equal(await device.publish(Uint8Array.of(0)), nobodySubscribed);
  });

  test("what the broker refuses ends it", async () => {
    const { command, start } = await scene.device("refused");
    const base = ["--base", "forbidden/refused"];
    endsWith(await command("echo", "1", ...base), 1, "", /dormouse: [^\n]+[Nn]ot authorized[^\n]+\n$/);
    // Mosquitto 2.0 grants every subscription, and then delivers nothing.
    const strict = await Aedes.createBroker({
      authorizeSubscribe: (_client, _subscription, done) => done(null, null),
    });
    const server = createServer(strict.handle).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const waiting = await start("echo", "1", ...wait, "-V", "311", { port }).ended;
    endsWith(waiting, 1, "", /the broker refuses the subscription to the answers: /);
    await new Promise<void>((resolve) => strict.close(resolve));
    server.close();
  });

  test("before it can hear answers nothing is sent, however it ends", async () => {
    const silent = createServer().listen(0, "127.0.0.1");
    await once(silent, "listening");
    const { port } = silent.address() as AddressInfo;
    const device = await scene.device("unheard");
    const unsent = /unheard: (no-answer|interrupted); [^\n]*nothing was sent\n$/;
    endsWith(await device.start("echo", "1", "--wait", "1s", { port }).ended, 1, "", unsent);
    const stopped = device.start("echo", "1", ...wait, "-d", { port });
    await stopped.says("sent CONNECT");
    stopped.process.kill("SIGINT");
    endsWith(await stopped.ended, 1, "", unsent);
    const json = await device.start("echo", "1", "--wait", "1s", "--json", { port }).ended;
    const about = { device: "unheard", name: "echo", counter: null };
    deepEqual(JSON.parse(json.stdout), { ...about, status: "no-answer", expires: null, value: null });
    silent.close();
  });

  test("a session that the user keeps is kept", async () => {
    const device = await scene.device("kept");
    endsWith(await device.command("echo", "1", ...wait, "-i", "mine", "-x", "60"), 0, "done: 1\n");
    equal(await device.publish(Uint8Array.of(0)), 0);
  });

  test("a lost connection is made again, and an answer that came meanwhile is not lost", async () => {
    const proxy = await BreakableProxy.start(broker.ports.open);
    const device = await scene.device("lost");
    await device.sleep();
    const running = device.start("echo", "there", ...wait, { port: proxy.port });
    await running.says("is with the broker");
    proxy.breakAll();
    await running.says("trying again in");
    proxy.refuse = true;
    await device.wake();
    await scene.until(() => device.results.length > 0);
    proxy.refuse = false;
    endsWith(await running.ended, 0, "done: there\n");
    await proxy.stop();
  });

  test("a controller that has derived keys alone can do as much, and is the sender by itself", async () => {
    const device = await scene.device("derived");
    const path = scene.derivedKeyring(device, "attic");
    const ran = await device.start("echo", "1", ...wait, { keyring: path, sender: null }).ended;
    endsWith(ran, 0, "done: 1\n");
    equal(device.acted[0]?.controller, "attic");
    const other = await device.start("echo", "1", ...wait, { keyring: path, sender: "office" }).ended;
    endsWith(other, 1, "", /the keyring has no key for commands of "office" to "derived"/);
  });

  test("the counters' file is its owner's alone, and a lost one repeats no counter", async () => {
    const device = await scene.device("counters");
    const counterOf = async (...words: string[]) => {
      const ran = await device.command("echo", "1", ...wait, "--json", ...words);
      equal(ran.code, 0, ran.stderr);
      return JSON.parse(ran.stdout).counter as number;
    };
    const first = await counterOf();
    equal(await counterOf(), first + 1);
    equal(statSync(`${device.keyring}.counters`).mode & 0o777, 0o600);
    await scene.passed(1100);
    const afresh = await counterOf("--state", `${device.keyring}.other`);
    ok(afresh > first + 1, "beyond all that were used");
  });

  test("no secret is in an argument, in what is printed, or with -d", async () => {
    const key = p256();
    const pem = pemOf(key);
    const device = await scene.device("secrets", { operator: { kid: "o", point: pointOf(key) } });
    await device.sleep();
    const signed = ["--operator-key", `file:${broker.file("o.pem", pem)}`, "--operator-kid", "o"];
    const running = device.start("reboot", ...signed, ...wait, "-d");
    await running.says("is with the broker");
    const seen = readFileSync(`/proc/${running.process.pid}/cmdline`, "latin1");
    await device.wake();
    const { code, stdout, stderr } = await running.ended;
    equal(code, 0, stderr);
    match(stderr, /sent PUBLISH/);
    for (const text of [stdout, stderr, seen])
      for (const hidden of [device.secret, pem.split("\n")[1]!]) equal(text.includes(hidden), false);
  });
});
