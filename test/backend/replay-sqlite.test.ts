import assert from "node:assert/strict";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { SqliteReplayStore } from "../../backend/replay/sqlite.js";
import { SqliteFile } from "../../backend/sqlite-file.js";
import { arrival } from "./replay-arrival.js";
import { replayContract } from "./replay-contract.js";

const folder = await mkdtemp(join(tmpdir(), "dormouse-replay-"));
after(() => rm(folder, { recursive: true, force: true }));

let files = 0;
const newFile = () => join(folder, `${++files}.db`);

replayContract(
  "SQLite",
  async () => {
    const file = newFile();
    return { open: async (window) => new SqliteReplayStore(file, window) };
  },
  200,
);

test("only the owner may read or write the store, its log and its index", async () => {
  const file = newFile();
  const store = new SqliteReplayStore(file);
  assert.equal(store.admitNow(arrival(1)), "fresh");
  for (const suffix of ["", "-wal", "-shm"])
    assert.equal((await stat(`${file}${suffix}`)).mode & 0o777, 0o600, suffix);
  await store.close();
});

test("a file that is something else is refused", async () => {
  const file = newFile();
  await writeFile(file, "not a database, but long enough to be taken for one".repeat(20));
  assert.throws(() => new SqliteReplayStore(file), /not a database/);
  const other = newFile();
  new SqliteFile(other, {
    name: "cellar",
    applicationId: 7,
    versions: [(f) => f.exec("CREATE TABLE a (b)")],
  }).close();
  assert.throws(() => new SqliteReplayStore(other), { message: `${other} is no replay store` });
});

test("a file of an earlier version is brought up to date in one step, one of a later version refused", () => {
  const file = newFile();
  const first = (f: SqliteFile) =>
    f.exec("CREATE TABLE mouse (name TEXT); INSERT INTO mouse VALUES ('Hazel')");
  const second = (f: SqliteFile) => f.exec("ALTER TABLE mouse ADD COLUMN asleep INTEGER DEFAULT 1");
  const fails = () => {
    throw new Error("no room");
  };
  const kind = (...versions: ((f: SqliteFile) => void)[]) => ({ name: "nest", applicationId: 7, versions });
  new SqliteFile(file, kind(first)).close();
  assert.throws(() => new SqliteFile(file, kind(first, second, fails)), /no room/);
  const upgraded = new SqliteFile(file, kind(first, second));
  assert.deepEqual({ ...upgraded.get("SELECT * FROM mouse") }, { name: "Hazel", asleep: 1 });
  upgraded.close();
  new SqliteFile(file, kind(first, second)).close();
  assert.throws(() => new SqliteFile(file, kind(first)), {
    message: `${file}: a nest of a later version (2)`,
  });
});

test("what waits when the store is closed is refused, not forgotten", async () => {
  const store = new SqliteReplayStore(newFile());
  const waiting = store.admit(arrival(1));
  await store.close();
  await assert.rejects(waiting);
});
