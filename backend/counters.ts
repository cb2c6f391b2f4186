/**
 * A controller's counters in a SQLite file, which any number of its processes share: one number for each device and
 * secret, written down before it is handed out, so that a process that dies loses a counter and never repeats one. Nor
 * does a backup of the file that was put in its place, unless it is of the same hour.
 * Beside them what each device published last as its challenge, which saves the next command a second attempt.
 */
import { maxCounter } from "../lib/sealed/header.js";
import { SqliteFile } from "./sqlite-file.js";

export interface CounterStream {
  /** The controller's id. */
  readonly sender: string;
  /** Whose secret the keys come from. */
  readonly device: string;
  readonly epoch: number;
}

const schema = `
  CREATE TABLE counter (
    sender TEXT NOT NULL,
    device TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    next INTEGER NOT NULL,
    PRIMARY KEY (sender, device, epoch)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE challenge (
    device TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    challenge BLOB NOT NULL,
    PRIMARY KEY (device, epoch)
  ) STRICT, WITHOUT ROWID;
`;

/** "Dctr". */
const kind = {
  name: "file of counters",
  applicationId: 0x44637472,
  versions: [(file: SqliteFile) => file.exec(schema)],
};

/** More commands a second than anybody sends to one device for years. */
const countersASecond = 256;

/**
 * A file that is set back to an older one goes on from the clock's last full hour. Not oftener: two commands on their way
 * must not be further apart than a device's window.
 */
const setBackSeconds = 3600;

export class Counters {
  readonly #file: SqliteFile;
  readonly #now: () => number;

  /**
   * @param path created with mode 0600 if there is nothing; or ":memory:"
   * @param now milliseconds since 1970
   * @throws {Error} when the file is none of these, or of a later version
   */
  constructor(path: string, now: () => number = Date.now) {
    this.#file = new SqliteFile(path, kind);
    this.#now = now;
  }

  /**
   * A counter that nobody else gets. On the disk when this returns.
   * @throws {RangeError} when all are used: the device needs a new secret
   */
  async reserve({ sender, device, epoch }: CounterStream): Promise<number> {
    return this.#file.transaction(() => {
      const row = this.#file.get(
        "SELECT next FROM counter WHERE sender = ? AND device = ? AND epoch = ?",
        sender,
        device,
        epoch,
      );
      const next = (row?.next as number | undefined) ?? -1;
      // To the second, not the hour: two files of one sender id, which must not be, would meet there.
      const counter = next < this.#beyond(setBackSeconds) ? this.#beyond(1) : next;
      if (counter > maxCounter)
        throw new RangeError(`all counters for ${device} are used: provision it anew`);
      this.#file.run(
        "INSERT INTO counter VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET next = ?4",
        sender,
        device,
        epoch,
        counter + 1,
      );
      return counter;
    });
  }

  /**
   * Beyond whatever was given out before the clock's last multiple of `stepSeconds`, by this file or one that was lost. A
   * counter used twice would be refused by the device, and tell an eavesdropper about sealed commands.
   */
  #beyond(stepSeconds: number): number {
    const seconds = Math.floor(this.#now() / 1000 / stepSeconds) * stepSeconds;
    return Math.max(0, Math.min(seconds * countersASecond, (maxCounter + 1) / 2 + 2 ** 37));
  }

  /** The device's last challenge as far as this file knows; no secret, and not to be trusted either. */
  async challengeOf({ device, epoch }: Omit<CounterStream, "sender">): Promise<Uint8Array | undefined> {
    const sql = "SELECT challenge FROM challenge WHERE device = ? AND epoch = ?";
    return this.#file.get(sql, device, epoch)?.challenge as Uint8Array | undefined;
  }

  async keepChallenge(
    { device, epoch }: Omit<CounterStream, "sender">,
    challenge: Uint8Array,
  ): Promise<void> {
    this.#file.run(
      "INSERT INTO challenge VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET challenge = ?3",
      device,
      epoch,
      challenge,
    );
  }

  /** May be called twice. */
  close(): void {
    this.#file.close();
  }
}
