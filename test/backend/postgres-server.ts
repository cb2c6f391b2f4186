/** A PostgreSQL server of a test's own: Debian's program, a temporary folder, a Unix socket, nothing on the network. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";

const versions = "/usr/lib/postgresql";

/** The newest version's programs. */
function programs(): string {
  const found = existsSync(versions)
    ? readdirSync(versions)
        .sort((a, b) => Number(a) - Number(b))
        .map((version) => join(versions, version, "bin"))
        .filter((bin) => existsSync(join(bin, "initdb")))
    : [];
  const bin = found.at(-1);
  if (!bin) throw new Error(`no PostgreSQL in ${versions}: npm test installs it on Debian`);
  return bin;
}

/** PostgreSQL refuses to run as root: then it runs as Debian's user for it. */
function owner(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag: string) => Number(spawnSync("id", [flag, "postgres"], { encoding: "utf8" }).stdout);
  return { uid: id("-u"), gid: id("-g") };
}

export class PostgresServer {
  readonly password = "correct horse battery staple";
  readonly #folder = mkdtempSync(join(tmpdir(), "dormouse-pg-"));
  readonly #data = join(this.#folder, "data");
  readonly #bin = programs();
  readonly #owner = owner();
  #server: ChildProcess | undefined;
  #log = "";

  /** With a database, whose user has a password. */
  static async start(): Promise<PostgresServer> {
    const server = new PostgresServer();
    const passwordFile = join(server.#folder, "password");
    writeFileSync(passwordFile, server.password, { mode: 0o600 });
    if (server.#owner) {
      const { uid, gid } = server.#owner;
      for (const path of [server.#folder, passwordFile]) chownSync(path, uid, gid);
      chmodSync(server.#folder, 0o711);
    }
    const settings = ["-D", server.#data, "-U", "mouse", "-A", "scram-sha-256", "--pwfile", passwordFile];
    const made = spawnSync(join(server.#bin, "initdb"), [...settings, "-E", "UTF8", "--no-sync"], {
      ...server.#owner,
      cwd: server.#folder,
      encoding: "utf8",
    });
    if (made.status !== 0) throw new Error(`initdb: ${made.stderr || made.error}`);
    // A test that is ended early must not leave it running.
    process.once("exit", () => server.#server?.kill("SIGQUIT"));
    await server.run();
    return server;
  }

  /** Where it listens. */
  get socket(): string {
    return join(this.#folder, ".s.PGSQL.5432");
  }

  get url(): string {
    return this.urlOf("mouse", this.password);
  }

  urlOf(user: string, password?: string): string {
    const secret = password === undefined ? "" : `:${encodeURIComponent(password)}`;
    return `postgresql://${user}${secret}@${encodeURIComponent(this.#folder)}/postgres`;
  }

  /** What PGHOST and so on say to the same effect. */
  get environment(): Record<string, string> {
    return { PGHOST: this.#folder, PGUSER: "mouse", PGDATABASE: "postgres", PGPASSWORD: this.password };
  }

  async run(): Promise<void> {
    const options = ["-D", this.#data, "-k", this.#folder, "-c", "listen_addresses=", "-c", "fsync=off"];
    this.#server = spawn(join(this.#bin, "postgres"), options, {
      ...this.#owner,
      cwd: this.#folder,
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#server.stderr!.on("data", (data) => {
      this.#log += data;
    });
    for (;;) {
      if (this.#server.exitCode !== null) throw new Error(`postgres ended: ${this.#log}`);
      const client = new pg.Client({ connectionString: this.url });
      try {
        await client.connect();
        await client.end();
        return;
      } catch {
        await client.end().catch(() => {});
        await delay(50);
      }
    }
  }

  /** One statement or several, as the owner. */
  async query(sql: string): Promise<pg.QueryResult> {
    const client = new pg.Client({ connectionString: this.url });
    await client.connect();
    try {
      return await client.query(sql);
    } finally {
      await client.end();
    }
  }

  /** At once, without a goodbye to its clients. */
  async crash(): Promise<void> {
    await this.#end("SIGQUIT");
  }

  async stop(): Promise<void> {
    await this.#end("SIGINT");
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const server = this.#server;
    if (!server || server.exitCode !== null) return;
    const ended = once(server, "exit");
    server.kill(signal);
    await ended;
  }
}
