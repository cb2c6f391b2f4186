/**
 * The replay store of one machine: a SQLite file, shared by any number of processes. One row for each stream with its
 * highest counter, one for each counter inside the window with its message's identity.
 */
import { Buffer } from "node:buffer";
import { type Row, SqliteFile } from "../sqlite-file.js";
import {
  type Admission,
  type Arrival,
  checkArrival,
  hostWindow,
  identityBytes,
  type ReplayStore,
} from "./replay-store.js";

const schema = `
  CREATE TABLE stream (
    id INTEGER PRIMARY KEY,
    sender TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    direction TEXT NOT NULL,
    topic TEXT NOT NULL,
    highest INTEGER NOT NULL,
    UNIQUE (sender, epoch, direction, topic)
  ) STRICT;
  CREATE TABLE seen (
    stream INTEGER NOT NULL REFERENCES stream (id),
    counter INTEGER NOT NULL,
    identity BLOB NOT NULL,
    PRIMARY KEY (stream, counter)
  ) STRICT, WITHOUT ROWID;
`;

/** "Drpl". */
const kind = {
  name: "replay store",
  applicationId: 0x4472706c,
  versions: [(file: SqliteFile) => file.exec(schema)],
};

interface Waiting {
  readonly arrival: Arrival;
  readonly resolve: (admission: Admission) => void;
  readonly reject: (error: unknown) => void;
}

export class SqliteReplayStore implements ReplayStore {
  readonly #file: SqliteFile;
  readonly #window: number;
  #waiting: Waiting[] = [];

  /**
   * @param path a file, or ":memory:"
   * @param window how far below the highest counter a message may arrive
   * @throws {Error} when the file is no such store, or of a later version
   */
  constructor(path: string, window = hostWindow) {
    this.#file = new SqliteFile(path, kind);
    this.#window = window;
  }

  /** What arrives in one turn of the event loop shares a transaction: it is writing to the disk that takes time. */
  admit(arrival: Arrival): Promise<Admission> {
    return new Promise((resolve, reject) => {
      checkArrival(arrival);
      if (this.#waiting.length === 0) setImmediate(() => this.#admitWaiting());
      this.#waiting.push({ arrival, resolve, reject });
    });
  }

  #admitWaiting(): void {
    const waiting = this.#waiting.splice(0);
    try {
      const admissions = this.#file.transaction(() =>
        waiting.map(({ arrival }) => this.#checkAndSet(arrival)),
      );
      for (const [n, { resolve }] of waiting.entries()) resolve(admissions[n]!);
    } catch (error) {
      for (const { reject } of waiting) reject(error);
    }
  }

  /** As `admit`, at once. */
  admitNow(arrival: Arrival): Admission {
    checkArrival(arrival);
    return this.#file.transaction(() => this.#checkAndSet(arrival));
  }

  #checkAndSet({ sender, epoch, direction, topic, counter, identity }: Arrival): Admission {
    const file = this.#file;
    const kept = identity.subarray(0, identityBytes);
    const stream = file.get(
      "SELECT id, highest FROM stream WHERE sender = ? AND epoch = ? AND direction = ? AND topic = ?",
      sender,
      epoch,
      direction,
      topic,
    ) as (Row & { readonly id: number; readonly highest: number }) | undefined;
    if (stream === undefined) {
      const id = file.run(
        "INSERT INTO stream (sender, epoch, direction, topic, highest) VALUES (?, ?, ?, ?, ?)",
        sender,
        epoch,
        direction,
        topic,
        counter,
      );
      this.#mark(id, counter, kept);
      return "fresh";
    }
    const { id, highest } = stream;
    if (counter <= highest - this.#window) return "stale";
    const seen = file.get("SELECT identity FROM seen WHERE stream = ? AND counter = ?", id, counter);
    if (seen !== undefined)
      return Buffer.compare(seen.identity as Uint8Array, kept) === 0 ? "duplicate" : "conflict";
    this.#mark(id, counter, kept);
    if (counter > highest) {
      file.run("UPDATE stream SET highest = ? WHERE id = ?", counter, id);
      file.run("DELETE FROM seen WHERE stream = ? AND counter <= ?", id, counter - this.#window);
    }
    return "fresh";
  }

  #mark(stream: number, counter: number, identity: Uint8Array): void {
    this.#file.run(
      "INSERT INTO seen (stream, counter, identity) VALUES (?, ?, ?)",
      stream,
      counter,
      identity,
    );
  }

  /** Refuses what has not been admitted yet. */
  async close(): Promise<void> {
    this.#file.close();
  }
}
