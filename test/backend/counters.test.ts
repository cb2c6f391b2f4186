import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, copyFileSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Counters } from "../../backend/counters.js";
import { SqliteReplayStore } from "../../backend/replay/sqlite.js";
import { SqliteFile } from "../../backend/sqlite-file.js";
import { maxCounter } from "../../lib/sealed/header.js";

const folder = mkdtempSync(join(tmpdir(), "dormouse-counters-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const kind = { name: "file of counters", applicationId: 0x44637472, versions: [() => {}] };
const stream = { sender: "office", device: "d", epoch: 0 };
const year2026 = Date.UTC(2026, 0);

test("each device, epoch and controller has counters of its own, one after the other, also when opened anew", async () => {
  const file = join(folder, "plain");
  let counters = new Counters(file, () => year2026);
  const first = await counters.reserve(stream);
  assert.equal(await counters.reserve(stream), first + 1);
  for (const other of [{ device: "e" }, { epoch: 1 }, { sender: "attic" }])
    assert.equal(await counters.reserve({ ...stream, ...other }), first);
  counters.close();
  counters.close();
  counters = new Counters(file, () => year2026 + 1000);
  assert.equal(await counters.reserve(stream), first + 2);
  counters.close();
  assert.equal(statSync(file).mode & 0o777, 0o600);
});

test("a closed file is whole by itself, also while another process has it open", async () => {
  const file = join(folder, "whole");
  const other = new Counters(file, () => year2026);
  await other.reserve(stream);
  for (const open of [true, false]) {
    const counters = new Counters(file, () => year2026);
    const last = await counters.reserve(stream);
    counters.close();
    const copy = join(folder, `copy-${open}`);
    copyFileSync(file, copy);
    const restored = new Counters(copy, () => year2026);
    assert.equal(await restored.reserve(stream), last + 1);
    restored.close();
    other.close();
    assert.equal(statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0, 0);
  }
});

test("a device's last challenge is kept for whoever opens the file next", async () => {
  const file = join(folder, "challenges");
  const counters = new Counters(file);
  assert.equal(await counters.challengeOf(stream), undefined);
  await counters.keepChallenge(stream, Uint8Array.of(1));
  await counters.keepChallenge(stream, Uint8Array.of(2));
  await counters.keepChallenge({ ...stream, epoch: 1 }, Uint8Array.of(3));
  counters.close();
  const later = new Counters(file);
  const kept = async (of: { device: string; epoch: number }) => [...((await later.challengeOf(of)) ?? [])];
  assert.deepEqual(await kept(stream), [2]);
  assert.deepEqual(await kept({ device: "d", epoch: 1 }), [3]);
  assert.deepEqual(await kept({ device: "e", epoch: 0 }), []);
  later.close();
});

test("a file that was lost is begun anew beyond whatever it had given out", async () => {
  const before = new Counters(":memory:", () => year2026);
  let last = 0;
  for (let i = 0; i < 255; i++) last = await before.reserve(stream);
  before.close();
  const afresh = new Counters(":memory:", () => year2026 + 1000);
  assert.ok((await afresh.reserve(stream)) > last);
  afresh.close();
});

test("a clock that is wrong leaves counters for a long time, and the last one is the last", async () => {
  for (const ms of [-1e15, Date.UTC(9999, 0)]) {
    const counters = new Counters(":memory:", () => ms);
    const first = await counters.reserve(stream);
    assert.ok(first >= 0 && first < maxCounter - 1e11, `${first}`);
    counters.close();
  }
  const file = join(folder, "last");
  new Counters(file).close();
  const raw = new SqliteFile(file, kind);
  raw.run("INSERT INTO counter VALUES ('office', 'd', 0, ?)", maxCounter);
  raw.close();
  const counters = new Counters(file);
  assert.equal(await counters.reserve(stream), maxCounter);
  await assert.rejects(counters.reserve(stream), RangeError);
  counters.close();
});

test("a backup that takes the file's place gives no counter again, nor does a clock that is set back", async () => {
  const file = join(folder, "before");
  const backup = join(folder, "backup");
  let nowMs = year2026 + 3_599_000;
  const given: number[] = [];
  const reserve = async (path: string, count: number) => {
    const counters = new Counters(path, () => nowMs);
    for (let i = 0; i < count; i++) given.push(await counters.reserve(stream));
    counters.close();
  };
  await reserve(file, 3);
  const raw = new SqliteFile(file, kind);
  raw.exec(`VACUUM INTO '${backup}'`);
  raw.close();
  await reserve(file, 200);
  nowMs += 3_600_000;
  await reserve(backup, 3);
  nowMs -= 7_200_000;
  await reserve(backup, 3);
  assert.equal(new Set(given).size, 209);
  assert.deepEqual(
    given,
    [...given].sort((a, b) => a - b),
  );
});

test("two files of one controller, which must not be, do not meet at the full hour", async () => {
  let nowMs = year2026;
  const [one, other] = [new Counters(":memory:", () => nowMs), new Counters(":memory:", () => nowMs)];
  const given = [await one.reserve(stream)];
  for (const counters of [other, one, other, one]) {
    nowMs += 3_601_000;
    given.push(await counters.reserve(stream));
  }
  nowMs += 3_600_000;
  given.push(await other.reserve(stream));
  nowMs += 1000;
  given.push(await one.reserve(stream));
  assert.equal(new Set(given).size, given.length);
  one.close();
  other.close();
});

test("a file that others may write is refused", () => {
  const file = join(folder, "open");
  new Counters(file).close();
  for (const mode of [0o620, 0o602, 0o666]) {
    chmodSync(file, mode);
    assert.throws(() => new Counters(file), /can be written by others than its owner: chmod 600/);
  }
  chmodSync(file, 0o644);
  new Counters(file).close();
});

test("another kind of file is refused", () => {
  const replay = join(folder, "replay");
  new SqliteReplayStore(replay).close();
  assert.throws(() => new Counters(replay), /is no file of counters/);
  const text = join(folder, "text");
  writeFileSync(text, "no database, but long enough to be looked at ".repeat(40));
  assert.throws(() => new Counters(text));
});

test("processes that share a file, and are killed at any moment, get no counter twice", async () => {
  const file = join(folder, "shared");
  const given = new Map<number, number>();
  const program = fileURLToPath(new URL("counters-worker.js", import.meta.url));
  const start = (): [ChildProcess, () => number] => {
    const child = spawn(process.execPath, [program, file], { stdio: ["ignore", "pipe", "inherit"] });
    let lines = 0;
    createInterface(child.stdout!).on("line", (line) => {
      lines++;
      given.set(Number(line), (given.get(Number(line)) ?? 0) + 1);
    });
    return [child, () => lines];
  };
  const workers = [start(), start(), start()];
  for (let round = 0; round < 6; round++) {
    const [child, lines] = workers[round % workers.length]!;
    while (lines() < 20) await once(child.stdout!, "data");
    child.kill("SIGKILL");
    await once(child, "close");
    workers[round % workers.length] = start();
  }
  for (const [child, lines] of workers) {
    while (lines() < 20) await once(child.stdout!, "data");
    child.kill("SIGKILL");
    await once(child, "close");
  }
  assert.ok(given.size >= 180);
  assert.deepEqual(
    [...given].filter(([, times]) => times > 1),
    [],
  );
});
