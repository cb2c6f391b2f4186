import assert from "node:assert/strict";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { postgresAddress } from "../../backend/replay/postgres-address.js";

const folder = await mkdtemp(join(tmpdir(), "dormouse-address-"));
after(() => rm(folder, { recursive: true, force: true }));

const url = "postgresql://mouse:secret-word@db.example/replay?sslmode=verify-full";

/** The complaint, which never quotes the password. */
function complaint(reference: string, env = {}): string {
  try {
    return `accepted ${postgresAddress(reference, env)}`;
  } catch (error) {
    const { message } = error as Error;
    assert.ok(!message.includes("secret-word"), message);
    return message;
  }
}

test("a URL comes from the environment or from a file that is its owner's alone", async () => {
  assert.equal(postgresAddress("env:DATABASE", { DATABASE: url }), url);
  const path = join(folder, "database");
  await writeFile(path, `${url}\n`, { mode: 0o600 });
  assert.equal(postgresAddress(`file:${path}`), url);
  await chmod(path, 0o640);
  assert.match(complaint(`file:${path}`), /is open to others than its owner: chmod 600/);
});

test("pg: leaves it to PGHOST and its like", () => {
  assert.equal(postgresAddress("pg:"), undefined);
});

test("an argument may name the server, but not hold a password", () => {
  const named = "postgresql://mouse@db.example/replay?sslmode=verify-full";
  assert.equal(postgresAddress(named), named);
  assert.match(complaint(url), /^a password in an argument is for all to see: give env:NAME or file:PATH/);
  assert.match(complaint("postgresql://db.example/replay?user=mouse&password=secret-word"), /for all to see/);
});

test("another machine is reached over TLS, or somebody has said that it is not", async () => {
  const path = join(folder, "remote");
  for (const server of [
    "db.example",
    "192.0.2.1:5433",
    "localhost.example",
    "127.example",
    "/d?host=db.example",
  ]) {
    const remote = `postgresql://${server.startsWith("/") ? server : `mouse@${server}/replay`}`;
    await writeFile(path, remote, { mode: 0o600 });
    for (const reference of [remote, "env:DATABASE", `file:${path}`])
      assert.match(
        complaint(reference, { DATABASE: remote }),
        /^PostgreSQL on another machine: add \?sslmode=/,
      );
    const said = `${remote}${remote.includes("?") ? "&" : "?"}sslmode=disable`;
    assert.equal(postgresAddress(said), said);
  }
  for (const here of ["localhost", "127.0.0.1:5433", "[::1]", "%2Frun%2Fpostgresql", ""])
    assert.equal(postgresAddress(`postgres://${here}/replay`), `postgres://${here}/replay`);
});

test("what is no such URL is refused, unquoted", () => {
  assert.match(complaint("env:DATABASE"), /^the environment has no DATABASE$/);
  assert.match(complaint("env:DATABASE", { DATABASE: "secret-word" }), /in DATABASE is no URL such as/);
  assert.match(complaint("mysql://mouse:secret-word@db"), /as given is no URL such as/);
  assert.match(complaint("host=db password=secret-word"), /as given is no URL/);
});
