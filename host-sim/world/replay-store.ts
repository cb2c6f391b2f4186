/**
 * Which counters have been seen, in SQLite: one row per stream (a sender's key on one topic) with its highest
 * counter, one per counter inside the window with its tag. `admit` is one immediate transaction, so any number
 * of receivers may share the file. Call it only with what has been verified. No secret is stored.
 */
import sqlite from "node-sqlite3-wasm";

export type Admission = "fresh" | "duplicate" | "conflict" | "stale";

export interface Arrival {
  readonly kid: Uint8Array;
  readonly topic: string;
  readonly counter: number;
  readonly tag: Uint8Array;
}

/** How far below the highest counter a message may still arrive. */
export const hostWindow = 4096;

const schemaVersion = 1;

const schema = `
  CREATE TABLE stream (
    id INTEGER PRIMARY KEY,
    kid BLOB NOT NULL,
    topic TEXT NOT NULL,
    highest INTEGER NOT NULL,
    UNIQUE (kid, topic)
  );
  CREATE TABLE seen (
    stream INTEGER NOT NULL REFERENCES stream (id),
    counter INTEGER NOT NULL,
    tag BLOB NOT NULL,
    PRIMARY KEY (stream, counter)
  ) WITHOUT ROWID;
  PRAGMA user_version = ${schemaVersion};
`;

export class ReplayStore {
  readonly #database: sqlite.Database;
  readonly #window: number;

  /**
   * @param file a path, or ":memory:"
   * @throws {Error} when the file is no such store, or of a later version
   */
  constructor(file: string, window = hostWindow) {
    this.#window = window;
    this.#database = new sqlite.Database(file);
    try {
      this.#database.exec("PRAGMA busy_timeout = 5000");
      this.#transaction(() => this.#prepare(file));
    } catch (error) {
      this.#database.close();
      throw error;
    }
  }

  #prepare(file: string): void {
    const { user_version: version } = this.#database.get("PRAGMA user_version") as { user_version: number };
    const { tables } = this.#database.get("SELECT count(*) AS tables FROM sqlite_master") as {
      tables: number;
    };
    if (version === 0 && tables === 0) this.#database.exec(schema);
    else if (version !== schemaVersion)
      throw new Error(`${file} is no replay store of version ${schemaVersion}`);
  }

  #transaction<T>(work: () => T): T {
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      const result = work();
      this.#database.exec("COMMIT");
      return result;
    } catch (error) {
      if (this.#database.inTransaction) this.#database.exec("ROLLBACK");
      throw error;
    }
  }

  /** Checks a counter and marks it as seen, in one step. Only `fresh` changes anything. */
  admit(arrival: Arrival): Admission {
    return this.#transaction(() => this.#checkAndSet(arrival));
  }

  #checkAndSet({ kid, topic, counter, tag }: Arrival): Admission {
    const database = this.#database;
    const stream = database.get("SELECT id, highest FROM stream WHERE kid = ? AND topic = ?", [
      kid,
      topic,
    ]) as {
      id: number;
      highest: number;
    } | null;
    if (stream === null) {
      const { lastInsertRowid } = database.run("INSERT INTO stream (kid, topic, highest) VALUES (?, ?, ?)", [
        kid,
        topic,
        counter,
      ]);
      this.#mark(lastInsertRowid, counter, tag);
      return "fresh";
    }
    if (counter <= stream.highest - this.#window) return "stale";
    const seen = database.get("SELECT tag FROM seen WHERE stream = ? AND counter = ?", [
      stream.id,
      counter,
    ]) as {
      tag: Uint8Array;
    } | null;
    if (seen !== null) return Buffer.from(seen.tag).equals(tag) ? "duplicate" : "conflict";
    this.#mark(stream.id, counter, tag);
    if (counter > stream.highest) {
      database.run("UPDATE stream SET highest = ? WHERE id = ?", [counter, stream.id]);
      database.run("DELETE FROM seen WHERE stream = ? AND counter <= ?", [stream.id, counter - this.#window]);
    }
    return "fresh";
  }

  #mark(stream: number | bigint, counter: number, tag: Uint8Array): void {
    this.#database.run("INSERT INTO seen (stream, counter, tag) VALUES (?, ?, ?)", [stream, counter, tag]);
  }

  close(): void {
    this.#database.close();
  }
}
