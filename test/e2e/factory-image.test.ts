/**
 * A board with a factory image: at its first boot it takes a secret of its own, and nothing is ever protected by the
 * image's. Judged by backend/ from what the wire saw, and by what lies in flash.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { parseKeyring, readKeyring } from "../../backend/keyring.js";
import { Receiver } from "../../backend/receiver.js";
import { SqliteReplayStore } from "../../backend/replay/sqlite.js";
import { Board } from "../../bench/powercut/board.js";
import { CampaignBroker, type Published } from "../../bench/powercut/broker.js";
import { checkProfile } from "../../cli/profile/check.js";
import type { BootCause } from "../../host-sim/device.js";
import { engineFile } from "../../host-sim/engine-file.js";
import type { FlashEntry } from "../../host-sim/flash.js";
import { Station } from "../../host-sim/world/access-point.js";
import { answer, quietWorld } from "../../host-sim/world/network.js";
import { Prng } from "../../host-sim/world/prng.js";
import { encodeDeviceRecord } from "../../lib/store/device-record.js";
import { flashEntries, flashKeys } from "../../lib/store/flash-entries.js";
import { inProcess } from "../cli/in-process.js";
import { readNvs } from "../cli/nvs-reader.js";

const secret = new Uint8Array(32).fill(0x5e);
const secretHex = Buffer.from(secret).toString("hex");
const topic = "sensors/dormouse-1/readings";

describe("a factory image", () => {
  const folder = mkdtempSync(join(tmpdir(), "dormouse-factory-"));
  const published: Published[] = [];
  const log: string[] = [];
  const random = new Prng(1);
  const station = new Station();
  const broker = new CampaignBroker((one) => published.push(one));
  let board: Board;
  let atMs = Date.UTC(2026, 10, 22);

  before(async () => {
    await broker.start();
    board = await Board.start("esp32", { engine: await engineFile("release"), folder, replaced: new Map() });
    const world = quietWorld({ ssid: "burrow", password: "" }, {});
    board.events = {
      log: (line) => void log.push(line),
      ask: (kind, detail, at) => answer(world, random, kind, detail, at, station),
    };
  });
  after(async () => {
    await board.stop();
    await broker.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  beforeEach(() => {
    published.length = 0;
    log.length = 0;
    broker.forget();
    board.device.fault("none");
    board.writeRtc(new Uint8Array(board.rtcBytes));
    board.writeFlash(image());
  });

  function image(broken: object = {}): FlashEntry[] {
    const written = {
      schema: 1,
      device: { id: "dormouse-1" },
      wifi: { ssid: "burrow" },
      broker: { host: "127.0.0.1", port: broker.port, tls: false, insecure: true },
      topics: { protection: "seal" },
      cycle: { intervalSeconds: 900, wakeBudgetSeconds: 10 },
    };
    const checked = checkProfile(JSON.stringify(written));
    assert.ok(checked.ok);
    const { profile } = checked;
    const record = encodeDeviceRecord(secret, { epoch: 0, reservedEnd: 0, fromFactory: true });
    const none = { brokerPassword: null, jwtKey: null, ca: null, crl: null, certificate: null, key: null };
    const rest = { ...none, psk: null, signKey: null, wifiPassword: "" };
    const entries = flashEntries(
      { ...profile, broker: { ...profile.broker, ...broken } },
      { record, ...rest },
    );
    return [...entries];
  }

  async function wake(cause: BootCause = "deep-sleep") {
    broker.begin({});
    const end = await board.boot(cause, atMs);
    await broker.settled();
    atMs = end.wakesAt + 1000;
    return end;
  }

  const record = () => {
    const { value } = board.readFlash().find(({ key }) => key === flashKeys.record)!;
    return Buffer.from(value as Uint8Array);
  };

  async function judged() {
    const entry = {
      device: "dormouse-1",
      epoch: 0,
      secret: secretHex,
      factory: true,
      topics: { [topic]: "seal" },
    };
    const replay = new SqliteReplayStore(":memory:");
    const receiver = new Receiver({
      keyring: parseKeyring(JSON.stringify({ schema: 1, keys: [entry] })),
      replay,
    });
    const all = [];
    for (const one of published) all.push(await receiver.receive(one.topic, one.payload));
    receiver.close();
    await replay.close();
    return all.map(({ verdict, epoch, counter, salt }) => ({
      ...{ verdict, epoch, counter },
      salt: salt && Buffer.from(salt).toString("hex"),
    }));
  }

  test("the board's own secret is in flash after the first boot, and the image's is not", async () => {
    await wake("power-on");
    assert.equal(record().length, 68);
    assert.equal(record()[2], 3);
    assert.ok(
      !board
        .readFlash()
        .some(({ value }) => value instanceof Uint8Array && Buffer.from(value).includes(Buffer.from(secret))),
    );
    const own = record();
    await wake();
    assert.deepEqual(record().subarray(16, 64), own.subarray(16, 64), "once");
  });

  test("who has the image's secret opens all that it sends, by the salt in each message", async () => {
    await wake("power-on");
    await wake();
    await wake("power-on");
    const salt = record().subarray(48, 64);
    const epoch = salt.readUInt32BE() >>> 1;
    assert.deepEqual(
      await judged(),
      [0, 1, 1024].map((counter) => ({ verdict: "fresh", epoch, counter, salt: salt.toString("hex") })),
    );
  });

  test("the same image flashed again is another secret: counters begin anew, and nothing is repeated", async () => {
    await wake("power-on");
    const first = record();
    // RTC memory of the flashing before is there still
    board.writeFlash(image());
    await wake("software");
    await wake();
    assert.notDeepEqual(record().subarray(16, 48), first.subarray(16, 48));
    const all = await judged();
    assert.deepEqual(
      all.map(({ verdict, counter }) => [verdict, counter]),
      [
        ["fresh", 0],
        ["fresh", 0],
        ["fresh", 1],
      ],
    );
    assert.notEqual(all[0]!.epoch, all[1]!.epoch);
    assert.equal(all[1]!.epoch, all[2]!.epoch);
  });

  test("a power cut before it is written leaves the image's, and nothing has been sent", async () => {
    board.device.failPower({ cutAtEffect: 1 });
    const end = await wake("power-on");
    assert.equal(end.reason, "power-cut");
    assert.equal(record()[3], 1, "the image's record");
    assert.equal(published.length, 0);
    board.device.failPower({ cutAtEffect: 2 });
    await wake("power-on");
    assert.equal(record()[2], 3);
    await wake("power-on");
    assert.deepEqual(
      (await judged()).map(({ verdict, counter }) => [verdict, counter]),
      [["fresh", 0]],
    );
  });

  for (const fault of ["flash-full", "flash-lost"] as const)
    test(`without a place for it (${fault}) nothing is sent, and it is told`, async () => {
      board.device.fault(fault);
      const end = await wake("power-on");
      assert.equal(end.reason, "sleep");
      assert.equal(published.length, 0);
      assert.match(log.join("\n"), /"kind":"storage-failed","code":0,"detail":"flash does not keep/);
      board.device.fault("none");
      await wake();
      assert.equal((await judged())[0]?.verdict, "fresh");
    });

  test("what `dormouse nvs` makes is such an image, and the fleet's keyring opens what its board sends", async () => {
    const at = (name: string) => join(folder, name);
    const written = {
      schema: 1,
      device: { id: "dormouse-1" },
      wifi: { ssid: "burrow" },
      broker: { host: "127.0.0.1", port: broker.port, tls: false, insecure: true },
      topics: { protection: "sign" },
      cycle: { intervalSeconds: 900, wakeBudgetSeconds: 10 },
    };
    writeFileSync(at("mine.json"), JSON.stringify(written));
    const words = ["--profile", at("mine.json"), "--out", at("nvs.bin"), "--fleet", at("fleet")];
    assert.deepEqual((await inProcess(["nvs", ...words])).stderr, "");
    const entries: FlashEntry[] = [];
    for (const [domain, values] of readNvs(new Uint8Array(readFileSync(at("nvs.bin")))))
      for (const [key, { type, value }] of values)
        entries.push({ domain, key, type: type === "blob" ? "buffer" : (type as "string"), value });
    board.writeFlash(entries);
    await wake("power-on");
    await wake();
    const replay = new SqliteReplayStore(":memory:");
    const receiver = new Receiver({ keyring: readKeyring(at("fleet/keyring.json")), replay });
    const received = [];
    for (const one of published) received.push(await receiver.receive(one.topic, one.payload));
    receiver.close();
    await replay.close();
    assert.deepEqual(
      received.map(({ verdict, counter, sender }) => [verdict, counter, sender]),
      [
        ["fresh", 0, "dormouse-1"],
        ["fresh", 1, "dormouse-1"],
      ],
    );
    assert.equal(record()[2], 3);
  });

  test("a password that is derived of the secret is refused: the broker could not know it", async () => {
    const derived = { auth: "derived", username: "dormouse-1" };
    const tls = { tls: { ...tlsSettings, pins: [pin("A"), pin("E")] }, insecure: undefined };
    board.writeFlash(image({ ...derived, ...tls }));
    await wake("power-on");
    assert.match(log.join("\n"), /"kind":"profile-invalid".*factory image/);
    assert.equal(record()[3], 1);
  });
});

const pin = (letter: string) => `sha256/${letter.repeat(43)}=`;
const tlsSettings = {
  minVersion: "1.2",
  identity: "none",
  forwardSecrecy: true,
  withoutClock: "accept",
  resumption: false,
  earlyData: false,
};
