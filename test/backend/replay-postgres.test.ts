import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { type PostgresOptions, PostgresReplayStore } from "../../backend/replay/postgres.js";
import { PostgresServer } from "./postgres-server.js";
import { arrival } from "./replay-arrival.js";
import { replayContract } from "./replay-contract.js";

const server = await PostgresServer.start();
after(() => server.stop());

const open = (options: PostgresOptions = {}) =>
  PostgresReplayStore.open({ connectionString: server.url, ...options });

let places = 0;

replayContract(
  "PostgreSQL",
  async () => {
    // A database for each: the contract's streams are the same every time.
    const name = `place_${++places}`;
    await server.query(`CREATE DATABASE ${name}`);
    const connectionString = server.url.replace(/postgres$/, name);
    return { open: (window) => open({ connectionString, ...(window !== undefined && { window }) }) };
  },
  100,
);

test("twelve receivers that start at once make one set of tables", async () => {
  await server.query("CREATE DATABASE crowd");
  const connectionString = server.url.replace(/postgres$/, "crowd");
  const stores = await Promise.all(Array.from({ length: 12 }, () => open({ connectionString })));
  const verdicts = await Promise.all(stores.map((store) => store.admit(arrival(1))));
  assert.equal(verdicts.filter((verdict) => verdict === "fresh").length, 1);
  for (const store of stores) await store.close();
});

test("many receivers, many streams in any order: each message once, and no deadlock", async () => {
  const stores = await Promise.all(Array.from({ length: 8 }, () => open()));
  const messages = Array.from({ length: 400 }, (_, n) =>
    arrival(n >> 3, 1, { topic: `t${n % 8}`, epoch: 7 }),
  );
  const fresh = new Map<string, number>();
  await Promise.all(
    stores.map(async (store, n) => {
      const own = n % 2 === 0 ? messages : [...messages].reverse();
      for (let at = 0; at < own.length; at += 25)
        await Promise.all(
          own.slice(at, at + 25).map(async (message) => {
            const id = `${message.topic} ${message.counter}`;
            if ((await store.admit(message)) === "fresh") fresh.set(id, (fresh.get(id) ?? 0) + 1);
          }),
        );
    }),
  );
  assert.equal(fresh.size, 400);
  assert.ok([...fresh.values()].every((count) => count === 1));
  for (const store of stores) await store.close();
});

test("a connection that the server ends is made anew, whether idle or not", async () => {
  const store = await open();
  const cut = () =>
    server.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'dormouse'",
    );
  assert.equal(await store.admit(arrival(1, 1, { epoch: 1 })), "fresh");
  await cut();
  await delay(50);
  assert.equal(await store.admit(arrival(1, 1, { epoch: 1 })), "duplicate");
  for (let counter = 2; counter < 12; counter++) {
    const admission = store.admit(arrival(counter, 1, { epoch: 1 }));
    await cut();
    assert.equal(
      await admission,
      "fresh",
      `counter ${counter}: its own mark of the first attempt is no duplicate`,
    );
  }
  await store.close();
});

test("an answer that is lost with the connection loses no message: its own mark is no duplicate", async () => {
  await (await open()).close();
  const folder = mkdtempSync(join(tmpdir(), "dormouse-proxy-"));
  let mute = false;
  const sockets: Socket[] = [];
  // The client's words reach the server, the server's answers not always the client.
  const proxy = createServer((client) => {
    const upstream = connect(server.socket);
    sockets.push(client, upstream);
    client.on("data", (data) => upstream.write(data));
    upstream.on("data", (data) => mute || client.write(data));
    for (const socket of [client, upstream]) socket.on("error", () => {});
  });
  proxy.listen(join(folder, ".s.PGSQL.5432"));
  await once(proxy, "listening");
  const store = await open({
    connectionString: server.url.replace(/@[^/]*/, `@${encodeURIComponent(folder)}`),
  });
  mute = true;
  const message = arrival(1, 1, { epoch: 10 });
  const admission = store.admit(message);
  const marks = "SELECT FROM dormouse.stream JOIN dormouse.seen ON stream = id WHERE epoch = 10";
  while ((await server.query(marks)).rowCount === 0) await delay(10);
  mute = false;
  for (const socket of sockets.splice(0)) socket.destroy();
  assert.equal(await admission, "fresh");
  assert.equal(await store.admit(message), "duplicate");
  await store.close();
  for (const socket of sockets) socket.destroy();
  proxy.close();
  rmSync(folder, { recursive: true });
});

test("who judges a stream's message holds it: the next one waits, and sees what came of it", async () => {
  const store = await open();
  await store.admit(arrival(0, 1, { epoch: 11 }));
  const first = new pg.Client({ connectionString: server.url });
  await first.connect();
  await first.query("BEGIN");
  const arrays =
    "ARRAY['dormouse-1'], ARRAY[11], ARRAY['up'], ARRAY['t'], ARRAY[5000], ARRAY['00'], ARRAY['00']";
  const { rows } = await first.query(`SELECT dormouse.admit(${arrays}, 4096) AS admissions`);
  assert.deepEqual(rows[0].admissions, ["fresh"]);
  const second = store.admit(arrival(1, 1, { epoch: 11 }));
  const waiting =
    "SELECT FROM pg_stat_activity WHERE application_name = 'dormouse' AND wait_event_type = 'Lock'";
  let settled = false;
  second.finally(() => {
    settled = true;
  });
  while (!settled && (await server.query(waiting)).rowCount === 0) await delay(10);
  await first.query("COMMIT");
  assert.equal(await second, "stale");
  await first.end();
  await store.close();
});

test("what passes with another attempt is tried again: serialisation, deadlock, one row made by two", async () => {
  const store = await open();
  for (const [n, code] of ["40001", "40P01", "23505"].entries()) {
    await server.query(`
      CREATE SEQUENCE attempts;
      CREATE FUNCTION fail_twice() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF nextval('attempts') <= 2 THEN RAISE EXCEPTION USING ERRCODE = '${code}'; END IF;
        RETURN NEW;
      END $$;
      CREATE TRIGGER fail_twice BEFORE INSERT ON dormouse.seen FOR EACH ROW EXECUTE FUNCTION fail_twice();
    `);
    assert.equal(await store.admit(arrival(n, 1, { epoch: 12 })), "fresh", code);
    await server.query(
      "DROP TRIGGER fail_twice ON dormouse.seen; DROP FUNCTION fail_twice; DROP SEQUENCE attempts",
    );
  }
  await store.close();
});

test("what was admitted before a crash of the server is known after it, and what came meanwhile waits", async () => {
  const store = await open();
  assert.equal(await store.admit(arrival(1, 1, { epoch: 2 })), "fresh");
  await server.crash();
  const meanwhile = store.admit(arrival(2, 1, { epoch: 2 }));
  await delay(100);
  await server.run();
  assert.equal(await meanwhile, "fresh");
  assert.equal(await store.admit(arrival(1, 1, { epoch: 2 })), "duplicate");
  await store.close();
});

test("a server that stays away is an error, not a verdict, and one that is back is used again", async () => {
  const store = await open({ patienceMs: 200 });
  await server.crash();
  await assert.rejects(store.admit(arrival(1, 1, { epoch: 3 })), /ECONNREFUSED|ENOENT|terminated|Connection/);
  await assert.rejects(open(), /ECONNREFUSED|ENOENT/);
  await server.run();
  assert.equal(await store.admit(arrival(1, 1, { epoch: 3 })), "fresh");
  await store.close();
  await assert.rejects(store.admit(arrival(2, 1, { epoch: 3 })), /closed/);
});

test("a receiver needs no right to create what is there", async () => {
  await (await open()).close();
  await server.query(`
    CREATE ROLE plain LOGIN PASSWORD 'plain';
    GRANT USAGE ON SCHEMA dormouse TO plain;
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA dormouse TO plain;
  `);
  const store = await open({ connectionString: server.urlOf("plain", "plain") });
  assert.equal(await store.admit(arrival(1, 1, { epoch: 4 })), "fresh");
  await store.close();
});

test("a wrong password, and tables of a later version, are refused at once", async () => {
  const secret = "not the password";
  const wrong = open({ connectionString: server.urlOf("mouse", secret) });
  await assert.rejects(
    wrong,
    (error: Error) => /password/.test(error.message) && !error.message.includes(secret),
  );
  await server.query("UPDATE dormouse.replay_version SET version = 2");
  await assert.rejects(open(), /later version \(2\)/);
  await server.query("UPDATE dormouse.replay_version SET version = 1");
});

test("a server that isolates transactions more strictly gives the same verdicts", async () => {
  await server.query("CREATE DATABASE strict");
  await server.query("ALTER DATABASE strict SET default_transaction_isolation = 'serializable'");
  const connectionString = server.url.replace(/postgres$/, "strict");
  const stores = await Promise.all(Array.from({ length: 4 }, () => open({ connectionString })));
  const verdicts = await Promise.all(
    Array.from({ length: 50 }, (_, counter) => stores.map((store) => store.admit(arrival(counter)))).flat(),
  );
  assert.equal(verdicts.filter((verdict) => verdict === "fresh").length, 50);
  assert.equal(verdicts.filter((verdict) => verdict === "duplicate").length, 150);
  for (const store of stores) await store.close();
});

test("without a URL, PGHOST and its like say where the server is", async () => {
  const before = { ...process.env };
  Object.assign(process.env, server.environment);
  try {
    const store = await PostgresReplayStore.open();
    assert.equal(await store.admit(arrival(1, 1, { epoch: 9 })), "fresh");
    await store.close();
  } finally {
    for (const name of Object.keys(server.environment))
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
  }
});
