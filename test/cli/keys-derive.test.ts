/** `dormouse keys derive` and `show`: one topic's key and no more, into a keyring that loses nothing, and nothing secret beside it. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { readKeyring } from "../../backend/keyring.js";
import { Receiver } from "../../backend/receiver.js";
import { SqliteReplayStore } from "../../backend/replay/sqlite.js";
import { build, root } from "../../host-sim/paths.js";
import { dormouse } from "./command.js";
import { quickly } from "./mqtt-command.js";
import { keyringOf, SealedDevice, secret } from "./sealed-device.js";

const folder = mkdtempSync(join(tmpdir(), "dormouse-derive-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const env = { SECRET: secret };

function words(topic: string, algorithm: string, ...more: string[]): string[] {
  const device = ["--device", "dormouse-1", "--secret", "env:SECRET"];
  return ["keys", "derive", ...device, "--topic", topic, "--algorithm", algorithm, ...more];
}

/** The same, with another word for the secret. */
function withSecret(reference: string): string[] {
  return words("t", "hmac-256").map((word) => (word === "env:SECRET" ? reference : word));
}

async function printed(...args: Parameters<typeof words>): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await dormouse(words(...args), { env });
  assert.deepEqual([code, stderr], [0, ""]);
  assert.match(stdout, /^[^\n]+\n$/);
  assert.ok(!stdout.includes(secret));
  return JSON.parse(stdout);
}

test("the key of docs/sealed.md, and exactly the fields of an entry", async () => {
  const topic = "sensors/dormouse-1/readings";
  assert.deepEqual(await printed(topic, "hmac-256", "--epoch", "1"), {
    device: "dormouse-1",
    epoch: 1,
    direction: "up",
    topic,
    algorithm: "hmac-256",
    key: "2880f603a89ad04a1cbd9f3f3ac2129d662cae90d88bb1abdd94aef2e6520908",
  });
});

test("every algorithm: key and Context IV are as long as it takes, and each is another", async () => {
  const lengths: Record<string, [number, number | undefined]> = {
    "hmac-256": [32, undefined],
    "hmac-256-64": [32, undefined],
    "chacha20-poly1305": [32, 12],
    a128gcm: [16, 12],
    a256gcm: [32, 12],
    "aes-ccm-16-64-128": [16, 13],
  };
  const keys = new Set<unknown>();
  for (const [algorithm, [key, iv]] of Object.entries(lengths)) {
    const entry = await printed("t", algorithm);
    assert.equal((entry.key as string).length, 2 * key);
    assert.equal((entry.contextIv as string | undefined)?.length, iv && 2 * iv);
    keys.add((entry.key as string).slice(0, 32)).add(entry.contextIv);
  }
  assert.equal(keys.size, 6 + 4 + 1);
});

test("what is derived opens the topic's messages, and no other topic's", async () => {
  const path = join(folder, "one.keyring");
  const device = new SealedDevice();
  const into = ["--keyring", path];
  const ran = await dormouse(words(device.topic("sealed"), "chacha20-poly1305", ...into), { env });
  assert.deepEqual([ran.code, ran.stdout, ran.stderr], [0, "", ""]);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const replay = new SqliteReplayStore(":memory:");
  const receiver = new Receiver({ keyring: readKeyring(path), replay });
  const good = await receiver.receive(device.topic("sealed"), device.sealed({ counter: 1 }));
  assert.deepEqual([good.verdict, good.sender], ["fresh", "dormouse-1"]);
  const other = await receiver.receive(device.topic("readings"), device.stamped({ counter: 1 }));
  assert.deepEqual([other.verdict, other.reason], ["bad", "unknown-key"]);
  receiver.close();
  await replay.close();
});

test("--kid, --until, --direction down with --sender", async () => {
  const up = await printed("t", "hmac-256", "--kid", "A1B2", "--until", "2027-01-01T00:00:00Z");
  assert.deepEqual([up.kid, up.until, up.direction], ["a1b2", "2027-01-01T00:00:00Z", "up"]);
  // The kid names a key, and is no part of it.
  assert.equal(up.key, (await printed("t", "hmac-256")).key);
  const down = await printed("t", "hmac-256", "--direction", "down", "--sender", "office");
  assert.deepEqual([down.device, down.sender, down.direction], ["dormouse-1", "office", "down"]);
  assert.notEqual(down.key, up.key);
  assert.notEqual(down.key, (await printed("t", "hmac-256", "--direction", "down", "--sender", "lab")).key);
});

test("--keyring: a second entry joins the first; the same again is refused and changes nothing", async () => {
  const path = join(folder, "two.keyring");
  for (const topic of ["a", "b"])
    assert.equal((await dormouse(words(topic, "hmac-256", "--keyring", path), { env })).code, 0);
  const before = readFileSync(path, "utf8");
  assert.deepEqual(
    JSON.parse(before).keys.map(({ topic }: { topic: string }) => topic),
    ["a", "b"],
  );
  const again = await dormouse(words("b", "a128gcm", "--keyring", path), { env });
  assert.equal(again.code, 1);
  assert.match(
    again.stderr,
    /^dormouse: --keyring [^\n]*entry 3: there is an entry of that key identifier for b\n$/,
  );
  assert.equal(readFileSync(path, "utf8"), before);
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.startsWith("two.keyring")),
    ["two.keyring"],
  );
});

test("--keyring: what is no keyring, or open to others, is refused and stays as it is", async () => {
  const path = join(folder, "wide.keyring");
  writeFileSync(path, keyringOf({ device: "d", epoch: 0, secret, topics: { x: "stamp" } }), { mode: 0o644 });
  chmodSync(path, 0o644);
  const wide = await dormouse(words("a", "hmac-256", "--keyring", path), { env });
  assert.equal(wide.code, 1);
  assert.match(wide.stderr, /^dormouse: --keyring [^\n]* is open to others than its owner[^\n]*\n$/);
  const none = join(folder, "none.keyring");
  writeFileSync(none, `{"schema":1, ${secret}`, { mode: 0o600 });
  const no = await dormouse(words("a", "hmac-256", "--keyring", none), { env });
  assert.equal(no.code, 1);
  assert.match(no.stderr, /^dormouse: --keyring [^\n]*not JSON\n$/);
  assert.equal(readFileSync(none, "utf8"), `{"schema":1, ${secret}`);
  const nowhere = await dormouse(words("a", "hmac-256", "--keyring", join(folder, "no/where")), { env });
  assert.equal(nowhere.code, 2);
  assert.match(nowhere.stderr, /no such file or folder\n$/);
});

test("--keyring: many at once lose nothing; through a link the file itself is written", async () => {
  const path = join(folder, "many.keyring");
  const link = join(folder, "link.keyring");
  assert.equal((await dormouse(words("first", "hmac-256", "--keyring", path), { env })).code, 0);
  symlinkSync(path, link);
  const topics = ["a", "b", "c", "d", "e", "f"];
  const all = await Promise.all(
    topics.map((topic) => dormouse(words(topic, "hmac-256", "--keyring", link), { env })),
  );
  assert.deepEqual(
    all.map(({ code, stderr }) => [code, stderr]),
    topics.map(() => [0, ""]),
  );
  const { keys } = JSON.parse(readFileSync(path, "utf8")) as { keys: { topic: string }[] };
  assert.deepEqual(keys.map(({ topic }) => topic).sort(), ["a", "b", "c", "d", "e", "f", "first"]);
  assert.ok(!existsSync(`${path}.lock`));
});

test("--keyring: a lock that nobody gives back is told", async () => {
  const path = join(folder, "locked.keyring");
  writeFileSync(`${path}.lock`, "");
  const ran = await dormouse(words("a", "hmac-256", "--keyring", path), { env });
  assert.equal(ran.code, 1);
  assert.match(ran.stderr, /^dormouse: [^\n]*locked.keyring.lock is there: [^\n]*\n$/);
  assert.ok(!existsSync(path));
});

test("the secret is not in the arguments that others see", async () => {
  const main = join(build, "js/cli/main.js");
  const child = spawn(process.execPath, [main, ...withSecret("-")], { stdio: "pipe" });
  let stdout = "";
  child.stdout.on("data", (text) => {
    stdout += text;
  });
  const shown = readFileSync(`/proc/${child.pid}/cmdline`, "utf8");
  child.stdin.end(`${secret}\n`);
  await new Promise((resolve) => child.on("close", resolve));
  assert.ok(!shown.includes(secret));
  assert.equal(JSON.parse(stdout).topic, "t");
});

const wrongUse: [string, string[], RegExp][] = [
  ["an algorithm that is none", words("t", "hs256"), /--algorithm "hs256": must be one of hmac-256, /],
  ["a filter", words("a/+", "hmac-256"), /--topic: topic must not contain \+ or #/],
  ["down without who", words("t", "hmac-256", "--direction", "down"), /give --sender, the controller's id/],
  ["up with a sender", words("t", "hmac-256", "--sender", "x"), /--sender goes with --direction down/],
  [
    "a kid for down",
    words("t", "hmac-256", "--direction", "down", "--sender", "x", "--kid", "a1b2"),
    /--kid goes with/,
  ],
  ["a kid of a byte", words("t", "hmac-256", "--kid", "a1"), /--kid: write 4 to 16 hex digits/],
  ["a time that is none", words("t", "hmac-256", "--until", "soon"), /--until: a time such as 2027-/],
  ["the secret itself", withSecret(secret), /--secret: write file:PATH, env:NAME or -/],
  [
    "no topic",
    ["keys", "derive", "--device", "d", "--secret", "-", "--algorithm", "a128gcm"],
    /--topic <TOPIC>/,
  ],
];
for (const [what, args, line] of wrongUse)
  test(`derive with ${what}: wrong usage, one line`, async () => {
    process.env.SECRET = secret;
    const { code, stderr } = await quickly(args);
    delete process.env.SECRET;
    assert.equal(code, 2);
    assert.match(stderr, line);
    assert.match(stderr, /^dormouse: [^\n]*\n$/);
    assert.ok(!stderr.includes(secret));
  });

test("show: whose messages a keyring opens, and none of its keys", async () => {
  const path = join(folder, "shown.keyring");
  const device = new SealedDevice();
  const down = { device: "dormouse-1", sender: "office", epoch: 0, direction: "down", topic: "c" };
  const until = "2027-01-01T00:00:00Z";
  writeFileSync(
    path,
    keyringOf(
      ...device.entries(),
      { ...down, until, algorithm: "hmac-256", key: secret },
      { device: "dormouse-2", epoch: 1, secret },
      { device: "dormouse-2", epoch: 2, secret, commands: { d: "seal" } },
    ),
    { mode: 0o600 },
  );
  const { code, stdout, stderr } = await dormouse(["keys", "show", path]);
  assert.deepEqual([code, stderr], [0, ""]);
  assert.equal(
    stdout,
    [
      "WHOSE                   EPOCH  TOPIC                        PROTECTION                            UNTIL",
      "dormouse-1              0      sensors/dormouse-1/readings  stamp",
      "dormouse-1              0      sensors/dormouse-1/sealed    seal",
      "dormouse-1              0      sensors/dormouse-1/signed    sign",
      "to plant                       sensors/+/to                 sealTo, signed by dormouse-1 epoch 0",
      "to plant-unsigned              sensors/+/to-unsigned        sealTo, unauthenticated",
      "office to dormouse-1    0      c                            hmac-256                              2027-01-01T00:00:00Z",
      "dormouse-2              1                                   opens nothing",
      "commands to dormouse-2  2      d                            seal",
      "",
    ].join("\n"),
  );
  const json = await dormouse(["keys", "show", path, "--json"]);
  assert.equal(json.stdout.trim().split("\n").length, 8);
  for (const text of [stdout, json.stdout]) assert.ok(!text.includes(secret) && !text.includes("PRIVATE"));
  chmodSync(path, 0o640);
  assert.equal((await dormouse(["keys", "show", path])).code, 1);
  assert.equal((await dormouse(["keys", "show", join(folder, "nowhere")])).code, 2);
});

test("at a terminal, printing a key is warned of", async (t) => {
  const line = `${process.execPath} ${join(build, "js/cli/main.js")} ${words("t", "hmac-256").join(" ")}`;
  const child = spawn("script", ["-qec", line, "/dev/null"], { cwd: root, env: { ...process.env, ...env } });
  const failed = new Promise<boolean>((resolve) => {
    child.on("error", () => resolve(true)).on("close", () => resolve(false));
  });
  let shown = "";
  child.stdout.on("data", (text) => {
    shown += text;
  });
  if (await failed) return t.skip("script (util-linux) is missing");
  assert.match(shown, /dormouse: whoever sees this key can forge the topic's messages/);
});
