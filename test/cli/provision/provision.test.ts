import assert from "node:assert/strict";
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  X509Certificate,
} from "node:crypto";
import { once } from "node:events";
import { existsSync, readFileSync, statSync } from "node:fs";
import { after, before, test } from "node:test";
import { Register } from "../../../backend/fleet/register.js";
import { encodeDeviceRecord } from "../../../lib/store/device-record.js";
import type { Ran } from "../command.js";
import { FakeBoard } from "./fake-board.js";
import { Scene } from "./scene.js";

const scene = new Scene();
const boards: FakeBoard[] = [];

async function plugged(...words: ConstructorParameters<typeof FakeBoard>): Promise<FakeBoard> {
  const board = new FakeBoard(...words);
  boards.push(board);
  await board.plug();
  return board;
}

before(() => scene.authority());
after(async () => {
  for (const board of boards) await board.unplug();
  scene.remove();
});

const certified = {
  broker: {
    host: "broker.example.org",
    tls: { ca: "file:pki/ca/root.pem", certificate: "issued" },
  },
  topics: { protection: "sign" },
};

/** All that a run said. */
const said = ({ stdout, stderr }: Ran) => `${stdout}${stderr}`;

test("a board makes its keys, proves them, and the register and keyring have what is needed", async () => {
  const board = await plugged("certified");
  const profile = scene.profile("certified.json", certified);
  const flags = ["-p", board.port, "--profile", profile, "--certs", "pki", "--fleet", "f1"];
  const ran = await scene.run(["provision", ...flags]);
  assert.equal(ran.code, 0, ran.stderr);

  const register = new Register(scene.at("f1/register.sqlite"));
  const row = register.find("dm-1")!;
  register.close();
  assert.deepEqual([row.state, row.epoch, row.mac, row.profile], ["complete", 0, board.info.mac, profile]);
  const chain = Buffer.from(board.store.readBytes("tls-cert")!).toString();
  const leaf = new X509Certificate(chain);
  assert.equal(leaf.subject, "CN=dm-1");
  assert.equal(leaf.serialNumber.toLowerCase(), row.certificate!.serial);
  const key = createPrivateKey({
    key: Buffer.from(board.store.readBytes("tls-key")!),
    format: "der",
    type: "pkcs8",
  });
  assert.ok(leaf.checkPrivateKey(key), "the certificate is for the key that is on the board");

  const keyring = JSON.parse(readFileSync(scene.at("f1/keyring.json"), "utf8"));
  const secret = Buffer.from(board.store.readBytes("record")!.subarray(16, 48)).toString("hex");
  assert.equal(keyring.keys[0].secret, secret);
  assert.equal(statSync(scene.at("f1/keyring.json")).mode & 0o777, 0o600);
  assert.equal(statSync(scene.at("f1/register.sqlite")).mode & 0o777, 0o600);
  const signing = createPublicKey(keyring.keys[1].publicKey).export({ format: "jwk" });
  assert.equal(Buffer.from(row.signPoint!, "hex").subarray(1, 33).toString("base64url"), signing.x);

  const fingerprint = leaf.fingerprint256.replaceAll(":", "").toLowerCase();
  for (const shown of [row.kid, row.certificate!.serial, fingerprint, "profile, secret, ca, tls-cert"])
    assert.ok(ran.stdout.includes(shown), `${shown} in ${ran.stdout}`);
  assert.ok(!said(ran).includes(secret), "the secret is shown");
  assert.equal(board.restarts, 1);

  const verified = await scene.run(["verify", "-p", board.port, "--fleet", "f1", "--json"]);
  assert.equal(verified.code, 0, verified.stderr);
  const { proved, id, register: state } = JSON.parse(verified.stdout);
  assert.deepEqual([id, state, proved], ["dm-1", "complete", ["secret", "tls-key", "sign-key"]]);

  const info = await scene.run(["info", "-p", board.port, "--json"]);
  assert.deepEqual(JSON.parse(info.stdout).device, {
    id: "dm-1",
    epoch: 0,
    kid: row.kid,
    certificateSha256: fingerprint,
    signKeySha256: createHash("sha256").update(Buffer.from(row.signPoint!, "hex")).digest("hex"),
  });

  const again = await scene.run(["provision", ...flags]);
  assert.equal(again.code, 1);
  assert.match(
    again.stderr,
    /is provisioned as dm-1 \(epoch 0\) and locked: .*button \(BOOT, FLASH\) for 5 s within 10 s/,
  );
  const reset = await scene.run(["reset", "-p", board.port, "--fleet", "f1"]);
  assert.equal(reset.code, 1);
  assert.match(reset.stderr, /hold its button/);
  assert.equal(Buffer.from(board.store.readBytes("record")!.subarray(16, 48)).toString("hex"), secret);

  // The person comes, while somebody waits for that.
  const done = await scene.run(["reset", "-p", board.port, "--fleet", "f1", "--wait", "20s"], (line) => {
    if (/hold its button .*waiting for that/.test(line)) board.erase();
  });
  assert.equal(done.code, 0, done.stderr);
  assert.match(done.stdout, /erased; f1 has dm-1 down as erased/);
});

test("a board that does not have the secret of the register fails verify", async () => {
  const board = await plugged("impostor");
  const profile = scene.profile("plain.json");
  const flags = ["-p", board.port, "--fleet", "f2"];
  const ran = await scene.run(["provision", ...flags, "--profile", profile, "--id", "dm-9"]);
  assert.equal(ran.code, 0, ran.stderr);
  board.says = (answer) =>
    answer.kind === "hello"
      ? { kind: "hello", info: { ...answer.info, device: { ...answer.info.device!, kid: Uint8Array.of(1) } } }
      : answer;
  const otherKid = await scene.run(["verify", ...flags]);
  assert.equal(otherKid.code, 1);
  assert.match(otherKid.stderr, /has another kid than dm-9 should/);
  board.says = (answer) => answer;
  const record = encodeDeviceRecord(randomBytes(32), { epoch: 0, reservedEnd: 0, fromFactory: false });
  board.store.entries.set("record", record);
  board.reset();
  const verified = await scene.run(["verify", ...flags]);
  assert.deepEqual([verified.code, verified.stdout], [1, ""]);
  assert.match(verified.stderr, /does not have the secret that it should: it is not the board/);
  board.store.entries.delete("record");
  board.reset();
  const bare = await scene.run(["verify", ...flags]);
  assert.equal(bare.code, 1);
  assert.match(bare.stderr, /the board is not provisioned: provision it/);
});

test("a board that lies leaves nothing behind; unplugged between commit and proof, it is completed by its proofs", async () => {
  const board = await plugged("unplugged");
  const profile = scene.profile("unplugged.json", certified);
  const flags = ["-p", board.port, "--profile", profile, "--certs", "pki", "--fleet", "f3"];
  const register = () => {
    const open = new Register(scene.at("f3/register.sqlite"));
    const found = open.find("dm-1");
    open.close();
    return found;
  };
  // Its key is another than the one it requests a certificate for.
  const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const { x, y } = publicKey.export({ format: "jwk" });
  const point = Uint8Array.from([4, ...Buffer.from(x!, "base64url"), ...Buffer.from(y!, "base64url")]);
  board.says = (answer) => (answer.kind === "generate" ? { ...answer, point } : answer);
  const liar = await scene.run(["provision", ...flags]);
  assert.equal(liar.code, 1);
  assert.match(liar.stderr, /requests a certificate for another key than it says: do not use this board/);
  assert.equal(register(), undefined);
  assert.equal(existsSync(scene.at("f3/keyring.json")), false, "a secret that no board ever had is kept");
  board.says = (answer) => answer;

  let pulled: Promise<void> | undefined;
  const pullBefore = (type: number) => (bytes: Uint8Array) => {
    if (pulled || frameType(bytes) !== type) return !pulled;
    pulled = board.unplug();
    return false;
  };
  board.passes = pullBefore(5);
  const early = await scene.run(["provision", ...flags]);
  assert.equal(early.code, 1);
  assert.match(early.stderr, /the board was unplugged, or went away: plug it in, and do it again/);
  assert.equal(board.store.entries.has("record"), false);
  assert.equal(register()!.state, "pending", "whether the commit came through, nobody knows");
  await pulled;
  pulled = undefined;
  await board.plug();
  board.passes = pullBefore(6);
  const late = await scene.run(["provision", ...flags]);
  assert.equal(late.code, 1, late.stderr);
  assert.equal(board.store.entries.has("record"), true);
  assert.deepEqual([register()!.state, register()!.epoch], ["pending", 1]);
  await pulled;
  board.passes = () => true;
  await board.plug();
  const wrong: FakeBoard["says"][] = [
    (answer) =>
      answer.kind === "prove" ? { ...answer, proof: new Uint8Array(answer.proof.length) } : answer,
    (answer) =>
      answer.kind === "prove" && answer.proof.length === 64
        ? { ...answer, proof: new Uint8Array(64).fill(1) }
        : answer,
    (answer) =>
      answer.kind === "hello"
        ? { ...answer, info: { ...answer.info, device: { ...answer.info.device!, kid: Uint8Array.of(1) } } }
        : answer,
  ];
  for (const says of wrong) {
    board.says = says;
    const unproved = await scene.run(["provision", ...flags]);
    assert.equal(unproved.code, 1, unproved.stdout);
    assert.match(unproved.stderr, /does not have the (secret|tls-key) that it should|has another kid/);
    assert.equal(register()!.state, "pending");
  }
  board.says = (answer) => answer;
  const other = await scene.run(["provision", ...flags, "--id", "dm-2"]);
  assert.match(other.stderr, /is provisioned as dm-1 \(epoch 1\) and locked/);
  const again = await scene.run(["provision", ...flags]);
  assert.equal(again.code, 0, again.stderr);
  assert.match(again.stdout, /completed by its proofs/);
  assert.deepEqual([register()!.state, register()!.epoch], ["complete", 1]);
});

test("a certificate whose board went away while it got it is listed, and can be revoked", async () => {
  const board = await plugged("taker");
  const profile = scene.profile("taker.json", certified);
  const fleet = ["--fleet", "f7"];
  let writes = 0;
  let pulled: Promise<void> | undefined;
  board.passes = (bytes) => {
    if (frameType(bytes) === 4 && board.store.entries.has("tls-key") && ++writes > 4)
      pulled ??= board.unplug();
    return !pulled;
  };
  const flags = ["-p", board.port, "--profile", profile, "--certs", "pki", ...fleet];
  const ran = await scene.run(["provision", ...flags]);
  assert.match(ran.stderr, /the board was unplugged/);
  await pulled;
  const dir = ["--dir", "pki", ...fleet, "--json"];
  const listed = JSON.parse((await scene.run(["certs", "list", ...dir])).stdout);
  assert.deepEqual([listed.id, listed.epoch, listed.revoked], ["dm-1", 0, null]);
  const revoked = await scene.run(["certs", "revoke", "dm-1", ...dir]);
  assert.deepEqual(JSON.parse(revoked.stdout).serials, [listed.serial], revoked.stderr);
  const row = JSON.parse((await scene.run(["fleet", "list", ...fleet, "--json"])).stdout);
  assert.equal(row.state, "erased");
  assert.equal(existsSync(scene.at("f7/keyring.json")), false, "a secret that no board has is kept");
});

test("what a board says of itself behind its commit is held against what it proved", async () => {
  const lies = {
    kid: { kid: Uint8Array.of(0xde, 0xad) },
    certificate: { certificate: new Uint8Array(32) },
    "signing key": { signKey: new Uint8Array(32) },
  };
  for (const [what, lie] of Object.entries(lies)) {
    const board = await plugged(`boaster-${what[0]}`);
    board.says = (answer) =>
      answer.kind === "commit" ? { ...answer, device: { ...answer.device, ...lie } } : answer;
    const profile = scene.profile("boaster.json", certified);
    const flags = ["-p", board.port, "--profile", profile, "--certs", "pki", "--fleet", `f8${what[0]}`];
    const ran = await scene.run(["provision", ...flags]);
    assert.deepEqual([ran.code, ran.stdout], [1, ""]);
    assert.match(ran.stderr, new RegExp(`has another ${what} than dm-1 should`));
    await board.unplug();
  }
});

test("two runs give two boards one id: the slower is told, or completes, and no board has keys that nobody knows", async () => {
  const profile = scene.profile("twins.json");
  for (const [held, code] of [
    [4, 1],
    [5, 0],
  ] as const) {
    const slow = await plugged(`slow-${held}`);
    const quick = await plugged(`quick-${held}`, { mac: "b0b0b0b0b0b0" });
    const flags = (board: FakeBoard) => ["-p", board.port, "--profile", profile, "--fleet", `f9-${held}`];
    let holds = true;
    const holding = new Promise<void>((resolve) => {
      slow.passes = (bytes) => {
        if (frameType(bytes) === held && holds) resolve();
        return frameType(bytes) !== held || !holds;
      };
    });
    const { ran } = scene.start(["provision", ...flags(slow)]);
    await holding;
    const done = await scene.run(["provision", ...flags(quick)]);
    assert.equal(done.code, 0, done.stderr);
    holds = false;
    const late = await ran;
    assert.equal(late.code, code, late.stderr);
    if (code === 1) assert.match(late.stderr, /sim:slow-.*: another run has provisioned dm-1 meanwhile: /);
    assert.equal(slow.store.entries.has("record"), code === 0);
    const { keys } = JSON.parse(readFileSync(scene.at(`f9-${held}/keyring.json`), "utf8"));
    assert.deepEqual(
      keys.map(({ epoch }: { epoch: number }) => epoch),
      code === 0 ? [0, 1] : [1],
    );
  }
});

test("a board that only says who it was is erased, and the register is as it was", async () => {
  const board = await plugged("true-one");
  const flags = ["-p", board.port, "--fleet", "f10"];
  const ran = await scene.run(["provision", ...flags, "--profile", scene.profile("true-one.json")]);
  assert.equal(ran.code, 0, ran.stderr);
  const before = readFileSync(scene.at("f10/keyring.json"), "utf8");
  const resets = async (...more: string[]) => {
    const done = await scene.run(["reset", ...flags, ...more], (line) => {
      if (/waiting for that/.test(line)) board.erase();
    });
    assert.equal(done.code, 0, done.stderr);
    assert.match(done.stdout, /erased; f10 is as it was: the board has not proved who it had been/);
    assert.equal(readFileSync(scene.at("f10/keyring.json"), "utf8"), before);
    const row = JSON.parse((await scene.run(["fleet", "list", "--fleet", "f10", "--json"])).stdout);
    assert.equal(row.state, "complete");
  };
  const record = encodeDeviceRecord(randomBytes(32), { epoch: 0, reservedEnd: 0, fromFactory: false });
  board.store.entries.set("record", record);
  board.reset();
  await resets("--wait", "20s");
  // Blank, by the MAC of the row.
  await resets();
});

/** Of the frame that begins there; its second byte is COBS's. */
function frameType(bytes: Uint8Array): number {
  return bytes[0] === 0 ? bytes[2]! : 0;
}

test("what the profile has asked for is read a line each, and shown nowhere", async () => {
  const board = await plugged("asked", { p256: false, board: "esp8266" });
  const psk = "00112233445566778899aabbccddeeff";
  const profile = scene.profile("asked.json", {
    wifi: { ssid: "burrow", password: "prompt" },
    broker: { host: "broker.example.org", tls: { psk: { identity: "dm-1", key: "prompt" } } },
  });
  const flags = ["-p", board.port, "--profile", profile, "--fleet", "f4"];
  const nothing = await scene.start(["provision", ...flags], "hunter22hunter22\n").ran;
  assert.equal(nothing.code, 1);
  assert.match(nothing.stderr, /broker\.tls\.psk\.key: nothing was entered/);
  const ran = await scene.start(["provision", ...flags, "--json"], `hunter22hunter22\n${psk}\n`).ran;
  assert.equal(ran.code, 0, said(ran));
  assert.equal(board.store.readText("wifi-password"), "hunter22hunter22");
  assert.equal(Buffer.from(board.store.readBytes("tls-psk")!).toString("hex"), psk);
  assert.doesNotMatch(said(ran), /hunter22|00112233/);
  const events = ran.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const last = events.at(-1);
  assert.deepEqual(
    [events[0].event, last.event, last.wrote.join()],
    ["board", "provisioned", "profile,secret,wifi-password,tls-psk"],
  );
});

test("a board without P-256, without Wi-Fi or without anybody to issue is refused before it is erased", async () => {
  const board = await plugged("refused", { p256: false, board: "esp8266" });
  board.store.entries.set("wifi-password", "kept");
  const flags = (profile: string, ...more: string[]) => [
    ...["provision", "-p", board.port, "--profile", profile, "--fleet", "f5", ...more],
  ];
  const improv = scene.profile("improv.json", { wifi: { improv: true } });
  const p256 = await scene.run(flags(scene.profile("p256.json", certified), "--certs", "pki"));
  const wifi = await scene.run(flags(improv));
  const nobody = await scene.run(flags(scene.profile("p256.json", certified), "--certs", "nobody"));
  const told = [p256, wifi, nobody].map((ran) => `${ran.code} ${ran.stderr.trim().split("\n").at(-1)}`);
  assert.match(told[0]!, /^1 .*has no P-256: use a profile without/);
  assert.match(told[1]!, /^1 .*nobody has set it: set its Wi-Fi first/);
  assert.match(told[2]!, /^1 .*no certificate authority in nobody .*dormouse certs init/);
  assert.equal(board.store.readText("wifi-password"), "kept");
  const register = new Register(scene.at("f5/register.sqlite"));
  assert.deepEqual(register.list(), []);
  register.close();
});

test("nobody answers, and nobody is there: one line each, with what to do", async () => {
  const board = await plugged("silent");
  board.passes = () => false;
  const flags = ["info", "-p", board.port, "--wait", "500ms"];
  const silent = await scene.run(flags);
  assert.equal(silent.code, 1);
  assert.match(silent.stderr, /^dormouse: sim:silent-\d+: the board does not answer: check [^\n]+\n$/);
  await board.unplug();
  const absent = await scene.run(flags);
  assert.match(absent.stderr, /^dormouse: sim:silent-\d+ is not there: [^\n]+\n$/);
  const late = scene.run(["info", "-p", board.port, "--wait", "20s"]);
  board.passes = () => true;
  await board.plug();
  assert.match((await late).stdout, /state +unprovisioned\n/);
});

test("a port that is busy, and none at all", async () => {
  const board = await plugged("busy");
  const monitor = scene.start(["monitor", "-p", board.port]);
  // What comes before the port is open is lost.
  const logging = setInterval(() => board.log("hello\n"), 50);
  await once(monitor.child.stdout!, "data");
  clearInterval(logging);
  const busy = await scene.run(["info", "-p", board.port]);
  assert.match(busy.stderr, /is in use by another program/);
  monitor.child.kill("SIGINT");
  assert.equal((await monitor.ran).code, 0);
  const profile = scene.profile("flags.json");
  const wrong = await scene.run(["provision", "--profile", profile]);
  assert.deepEqual([wrong.code, wrong.stdout], [2, ""]);
  assert.match(wrong.stderr, /--port <PORT>: say where the board is/);
});
