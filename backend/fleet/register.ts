/**
 * Which devices were provisioned, with what, and when: a SQLite file that any number of processes share. One row for
 * each secret that a device was given; no secret is in it. A row is written before the device hears of its epoch, so no
 * epoch of a device is given twice, whatever dies in between.
 */
import { Buffer } from "node:buffer";
import type { CertificateFacts } from "../../certs/pki/facts.js";
import { encodeKid } from "../../lib/sealed/keys.js";
import { type Row, SqliteFile, type Value } from "../sqlite-file.js";

/**
 * Pending: whether the device has it, only the device can say. Erased: it has it no more, or never had it and only a
 * certificate was issued for it.
 */
export type DeviceState = "pending" | "complete" | "erased";

/** How the secret came to the device: over its serial port, by `dormouse` or by the page, or with a factory image. */
export type Origin = "serial" | "browser" | "image";

/** Whose secret: what a row is looked up by. */
export interface DeviceEpoch {
  readonly id: string;
  readonly epoch: number;
}

export interface NewDevice {
  readonly id: string;
  readonly origin: Origin;
  /** The short name that its profile gives it in its messages, hex. */
  readonly shortKid?: string | undefined;
  /** 12 hex digits; empty when nobody has seen the board. */
  readonly mac: string;
  readonly board: string;
  readonly firmware: string;
  /** Which profile, as the operator names it. */
  readonly profile: string;
}

export interface DeviceRow extends Omit<NewDevice, "shortKid">, DeviceEpoch {
  readonly state: DeviceState;
  /** In its messages, hex; of a factory image's, what the device makes of it says itself. */
  readonly kid: string;
  readonly certificate: CertificateFacts | null;
  /** The public point of the key that its messages are signed with: 65 bytes, hex. */
  readonly signPoint: string | null;
  /** Each in milliseconds since 1970. */
  readonly begunMs: number;
  readonly completedMs: number | null;
  readonly erasedMs: number | null;
  /** When its certificate was revoked. */
  readonly revokedMs: number | null;
}

const schema = `
  CREATE TABLE device (
    id TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    state TEXT NOT NULL,
    origin TEXT NOT NULL,
    kid TEXT NOT NULL,
    mac TEXT NOT NULL,
    board TEXT NOT NULL,
    firmware TEXT NOT NULL,
    profile TEXT NOT NULL,
    serial TEXT,
    fingerprint TEXT,
    not_after INTEGER,
    issuer TEXT,
    point TEXT,
    sign_point TEXT,
    begun INTEGER NOT NULL,
    completed INTEGER,
    erased INTEGER,
    revoked INTEGER,
    PRIMARY KEY (id, epoch)
  ) STRICT, WITHOUT ROWID;
`;

/** "Dflt". */
const kind = {
  name: "fleet register",
  applicationId: 0x44666c74,
  versions: [
    (file: SqliteFile) => file.exec(schema),
    // Of those before, nobody knows.
    (file: SqliteFile) =>
      file.exec(`
        ALTER TABLE device ADD COLUMN committing INTEGER;
        UPDATE device SET committing = begun WHERE state = 'pending';
      `),
  ],
};

export class NoSuchRow extends RangeError {
  override name = "NoSuchRow";

  constructor({ id, epoch }: DeviceEpoch) {
    super(`the register has no ${id} of epoch ${epoch}`);
  }
}

const maxEpoch = 0xffff_ffff;

export class Register {
  readonly #file: SqliteFile;
  readonly #now: () => number;

  /**
   * @param path created with mode 0600 if there is nothing; or ":memory:"
   * @param now milliseconds since 1970
   * @throws {Error} when the file is no register, or of a later version
   */
  constructor(path: string, now: () => number = Date.now) {
    this.#file = new SqliteFile(path, kind);
    this.#now = now;
  }

  /** The epoch that the device's next secret would get, if nobody else begins meanwhile. */
  nextEpoch(id: string): number {
    return Number(this.#file.get("SELECT max(epoch) + 1 AS next FROM device WHERE id = ?", id)?.next ?? 0);
  }

  /**
   * A pending row, under an epoch that the device never had.
   * @param above the epoch is beyond this one too: what the device itself says that it has
   * @throws {RangeError} when all epochs are used, or for an id or short name that no device can have
   */
  begin(device: NewDevice, above = -1): DeviceRow {
    return this.#file.transaction(() => {
      const { id, shortKid, origin, mac, board, firmware, profile } = device;
      const epoch = Math.max(this.nextEpoch(id), above + 1);
      if (epoch > maxEpoch) throw new RangeError(`${id} had all epochs`);
      const sender = {
        id,
        epoch,
        ...(shortKid !== undefined && { kid: Uint8Array.from(Buffer.from(shortKid, "hex")) }),
      };
      const kid = Buffer.from(encodeKid(sender)).toString("hex");
      this.#file.run(
        `INSERT INTO device (id, epoch, state, origin, kid, mac, board, firmware, profile, begun)
          VALUES (?, ?, 'pending', ?, ?, ?, ?, ?, ?, ?)`,
        ...[id, epoch, origin, kid, mac, board, firmware, profile, this.#now()],
      );
      return this.find(id, epoch)!;
    });
  }

  /**
   * Takes a pending row back that the device never had. Its epoch may be given again; but of one with a certificate, which
   * may be somewhere and can be revoked by nothing else, the row stays as an erased one.
   * @param mac of a board that is known to have nothing of it: that one's row goes even when a commit was sent
   * @returns false: a device may have it, or nothing is pending
   */
  withdraw({ id, epoch }: DeviceEpoch, mac = ""): boolean {
    const pending = `WHERE id = ? AND epoch = ? AND state = 'pending'
      AND (committing IS NULL OR mac = nullif(?, ''))`;
    const row = [id, epoch, mac];
    return this.#file.transaction(() => {
      const gone = this.#file.change(`DELETE FROM device ${pending} AND serial IS NULL`, ...row);
      const set = "SET state = 'erased', erased = ?";
      return gone + this.#file.change(`UPDATE device ${set} ${pending}`, this.#now(), ...row) > 0;
    });
  }

  /**
   * The device is about to be told to commit: from now on the row is taken back by nobody.
   * @throws {NoSuchRow} when somebody has taken it back
   */
  committing({ id, epoch }: DeviceEpoch): void {
    const set = "SET committing = ? WHERE id = ? AND epoch = ? AND state = 'pending'";
    if (this.#file.change(`UPDATE device ${set}`, this.#now(), id, epoch) !== 1)
      throw new NoSuchRow({ id, epoch });
  }

  /** The certificate that was issued for it, or that it keeps. @throws {RangeError} without such a row */
  issued(of: DeviceEpoch, { serial, fingerprint, notAfterMs, issuer, point }: CertificateFacts): void {
    const set = "serial = ?, fingerprint = ?, not_after = ?, issuer = ?, point = ?";
    this.#update(of, set, serial, fingerprint, notAfterMs, issuer, point);
  }

  /** @param point 65 bytes. @throws {RangeError} without such a row */
  signsWith(of: DeviceEpoch, point: Uint8Array): void {
    this.#update(of, "sign_point = ?", Buffer.from(point).toString("hex"));
  }

  /** The device has shown that it has it all. Once more changes nothing. @throws {RangeError} without such a row */
  complete(of: DeviceEpoch): void {
    this.#update(of, "state = 'complete', completed = coalesce(completed, ?)", this.#now());
  }

  /** The device has lost its secret. @throws {RangeError} without such a row */
  erase(of: DeviceEpoch): void {
    this.#update(of, "state = 'erased', erased = coalesce(erased, ?)", this.#now());
  }

  /** Its certificate is on the list of revoked ones. @throws {RangeError} without such a row */
  revoke(of: DeviceEpoch): void {
    this.#update(of, "revoked = coalesce(revoked, ?)", this.#now());
  }

  /** The row of that epoch, or the newest. */
  find(id: string, epoch?: number): DeviceRow | undefined {
    const row =
      epoch === undefined
        ? this.#file.get("SELECT * FROM device WHERE id = ? ORDER BY epoch DESC LIMIT 1", id)
        : this.#file.get("SELECT * FROM device WHERE id = ? AND epoch = ?", id, epoch);
    return row && deviceRow(row);
  }

  /** By id, the newest of each first. @param id of one device alone */
  list(id?: string): DeviceRow[] {
    const order = "ORDER BY id, epoch DESC";
    const rows =
      id === undefined
        ? this.#file.all(`SELECT * FROM device ${order}`)
        : this.#file.all(`SELECT * FROM device WHERE id = ? ${order}`, id);
    return rows.map(deviceRow);
  }

  #update({ id, epoch }: DeviceEpoch, set: string, ...values: Value[]): void {
    const changed = this.#file.change(
      `UPDATE device SET ${set} WHERE id = ? AND epoch = ?`,
      ...values,
      id,
      epoch,
    );
    if (changed !== 1) throw new NoSuchRow({ id, epoch });
  }

  /** May be called twice. */
  close(): void {
    this.#file.close();
  }
}

function deviceRow(row: Row): DeviceRow {
  const text = (name: string) => row[name] as string;
  const time = (name: string) => row[name] as number | null;
  return {
    id: text("id"),
    epoch: row.epoch as number,
    state: text("state") as DeviceState,
    origin: text("origin") as Origin,
    kid: text("kid"),
    mac: text("mac"),
    board: text("board"),
    firmware: text("firmware"),
    profile: text("profile"),
    certificate:
      row.serial === null
        ? null
        : {
            serial: text("serial"),
            fingerprint: text("fingerprint"),
            notAfterMs: row.not_after as number,
            issuer: row.issuer as string | null,
            point: row.point as string | null,
          },
    signPoint: row.sign_point as string | null,
    begunMs: row.begun as number,
    completedMs: time("completed"),
    erasedMs: time("erased"),
    revokedMs: time("revoked"),
  };
}
