/**
 * One SQLite file that several processes share, each of which may die at any moment: the system drops a dead
 * process's locks, and the next one rolls back what it left half done. What a transaction has written is on the disk
 * when it returns. Not for network file systems, whose locks are not reliable.
 */
import { closeSync, openSync, statSync } from "node:fs";
import { DatabaseSync, type DatabaseSyncInstance, type StatementSyncInstance } from "@photostructure/sqlite";

export type Row = Readonly<Record<string, number | string | Uint8Array | null>>;
export type Value = number | string | Uint8Array | null;

/** What a file is for, so that no other is taken for it. */
export interface Kind {
  readonly name: string;
  /** SQLite's `application_id`. */
  readonly applicationId: number;
  /** The statements of schema version 1, of what makes version 2 of it, and so on. */
  readonly versions: readonly ((database: SqliteFile) => void)[];
}

/** How long a process waits for the others. Each is done within milliseconds, unless the disk hangs. */
const busyMs = 10_000;
const busyCode = 5;
/** The same at the end, where nothing is lost without it. */
const checkpointMs = 1000;

export class SqliteFile {
  readonly #database: DatabaseSyncInstance;
  readonly #statements = new Map<string, StatementSyncInstance>();

  /**
   * @param path created with mode 0600 if there is nothing; or ":memory:"
   * @throws {Error} when the file is of another kind or a later version, or cannot be opened
   */
  constructor(path: string, kind: Kind) {
    if (path !== ":memory:") create(path);
    this.#database = new DatabaseSync(path, { timeout: busyMs });
    try {
      this.#prepare(path, kind);
    } catch (error) {
      this.#database.close();
      throw error;
    }
  }

  #prepare(path: string, { name, applicationId, versions }: Kind): void {
    const number = (pragma: string) => this.get(`PRAGMA ${pragma}`)![pragma] as number;
    // A log beside the file: one synchronisation a transaction instead of three.
    whenFree(() => this.exec("PRAGMA journal_mode = WAL"));
    this.exec("PRAGMA synchronous = FULL");
    this.transaction(() => {
      const version = number("user_version");
      const empty = this.get("SELECT count(*) AS tables FROM sqlite_master")!.tables === 0;
      if (!(version === 0 && empty) && number("application_id") !== applicationId)
        throw new Error(`${path} is no ${name}`);
      if (version > versions.length) throw new Error(`${path}: a ${name} of a later version (${version})`);
      for (const upgrade of versions.slice(version)) upgrade(this);
      if (version < versions.length)
        this.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${versions.length}`);
    });
  }

  exec(sql: string): void {
    this.#database.exec(sql);
  }

  /** The first row, if there is one. */
  get(sql: string, ...values: Value[]): Row | undefined {
    return this.#statement(sql).get(...values) as Row | undefined;
  }

  all(sql: string, ...values: Value[]): Row[] {
    return this.#statement(sql).all(...values) as Row[];
  }

  /** @returns how many rows it has changed */
  change(sql: string, ...values: Value[]): number {
    return Number(this.#statement(sql).run(...values).changes);
  }

  /** @returns the new row's id, of what inserts one */
  run(sql: string, ...values: Value[]): number {
    return Number(this.#statement(sql).run(...values).lastInsertRowid);
  }

  #statement(sql: string): StatementSyncInstance {
    let statement = this.#statements.get(sql);
    if (!statement) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  /** All of `work` or nothing of it, and nobody else's in between. */
  transaction<T>(work: () => T): T {
    // Immediate: two that read first and then both want to write would refuse each other.
    this.exec("BEGIN IMMEDIATE");
    try {
      const result = work();
      this.exec("COMMIT");
      return result;
    } catch (error) {
      if (this.#database.isTransaction) this.exec("ROLLBACK");
      throw error;
    }
  }

  /** Then the file is whole without the log beside it, unless another process is writing. May be called twice. */
  close(): void {
    if (!this.#database.isOpen) return;
    try {
      // SQLite empties its log when the last connection is gone: here when the statements are collected, maybe never.
      this.exec(`PRAGMA busy_timeout = ${checkpointMs}; PRAGMA wal_checkpoint(TRUNCATE)`);
    } catch {
      // A full disk: what was committed is safe in the log.
    }
    this.#database.close();
    this.#statements.clear();
  }
}

/** Never opens a file that is there: closing it would take away the locks this process has on it (POSIX). */
function create(path: string): void {
  try {
    closeSync(openSync(path, "wx", 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    // Who may write it could have a counter given twice, or a message taken twice.
    if (process.platform !== "win32" && (statSync(path).mode & 0o022) !== 0)
      throw new Error(`${path} can be written by others than its owner: chmod 600 ${path}`);
  }
}

/** SQLite does not wait for others by itself where it fears a deadlock, as when two make one new file a WAL file. */
function whenFree(work: () => void): void {
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  for (let waited = 0; ; waited += 10)
    try {
      work();
      return;
    } catch (error) {
      const { errcode = 0 } = error as { readonly errcode?: number };
      // The lower byte: the upper ones say why it is busy.
      if ((errcode & 0xff) !== busyCode || waited >= busyMs) throw error;
      Atomics.wait(sleeper, 0, 0, 10);
    }
}
