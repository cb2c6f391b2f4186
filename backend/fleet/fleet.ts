/**
 * A folder with what a fleet's owner must keep: register.sqlite, which holds no secret, and keyring.json with every
 * device's, which `dormouse listen --fleet` and any receiver read. Both are for their owner alone (0600), and git ignores
 * the folder. Several processes may provision into it at once.
 */
import { Buffer } from "node:buffer";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { topicMatches } from "../../lib/mqtt/wire/topics.js";
import { KeyringError } from "../keyring.js";
import { editKeyringFile, type KeyringJsonEntry, keyringEntries } from "../keyring-file.js";
import { type DeviceKeys, keyringEntriesOf, publishedTopics } from "./device-entries.js";
import { type DeviceEpoch, type DeviceRow, type NewDevice, Register } from "./register.js";

/** Where it is when nobody says so. */
export const defaultFleet = "fleet";

/** How long receivers take what an earlier secret has protected: until then the broker may still hold it. */
const graceMs = 86_400_000;

export function fleetKeyring(folder: string): string {
  return join(folder, "keyring.json");
}

export function fleetRegister(folder: string): string {
  return join(folder, "register.sqlite");
}

export class Fleet {
  readonly folder: string;
  readonly register: Register;
  readonly #now: () => number;

  /**
   * @param folder made with mode 0700 if there is none
   * @param now milliseconds since 1970
   * @throws {Error} when it cannot be used
   */
  constructor(folder: string, now: () => number = Date.now) {
    makeFleetFolder(folder);
    this.folder = folder;
    this.register = new Register(fleetRegister(folder), now);
    this.#now = now;
  }

  get keyring(): string {
    return fleetKeyring(this.folder);
  }

  /**
   * A pending row, under an epoch that nobody has a secret of: not the register, not the keyring, and not the device.
   * @param above what the device itself says that it has
   * @throws as Register.begin; {KeyringError | OpenToOthers} when the keyring cannot be used
   */
  begin(device: NewDevice, above = -1): DeviceRow {
    // A secret that a device made in the field is in the keyring alone.
    const known = keyringEntries(this.keyring).filter((entry) => entry.device === device.id);
    return this.register.begin(device, Math.max(above, ...known.map(({ epoch }) => epoch as number)));
  }

  /**
   * Adds to the keyring what is known of a device's keys by now: its secret before the device gets it, the point of the
   * key that it signs with when it has made that.
   * @returns the name of the recipient to whom it seals, when the keyring does not have that one's key
   * @throws {KeyringError} when the entries cannot stand beside what is there
   */
  async addKeys(keys: DeviceKeys): Promise<string | undefined> {
    const { profile } = keys;
    const { up } = profile.topics;
    const { entries, signer } = keyringEntriesOf(keys);
    let missing: string | undefined;
    await editKeyringFile(this.keyring, (before) => {
      if (keys.factory && keys.secret) refuseSecondImage(before, profile.device.id);
      const kept = this.#withoutFormer(before, keys);
      const all = entries.length > 0 ? [...kept, ...entries] : kept;
      if (up.protection !== "sealTo") return all;
      if (!all.some(({ recipient }) => recipient === up.recipientKid)) missing = up.recipientKid;
      return all.map((one) =>
        one.recipient === up.recipientKid ? withSender(one, publishedTopics(profile), signer) : one,
      );
    });
    return missing;
  }

  /**
   * A short name stands for one secret, so a second one under it needs the first to be gone: of an attempt that came to
   * nothing it goes here.
   */
  #withoutFormer(
    before: readonly KeyringJsonEntry[],
    { profile: { device }, epoch, factory }: DeviceKeys,
  ): readonly KeyringJsonEntry[] {
    if (device.kid === undefined || factory) return before;
    const ofName = (entry: KeyringJsonEntry) =>
      entry.device === device.id && entry.kid === device.kid && entry.epoch !== epoch;
    const mac = this.register.find(device.id, epoch)?.mac;
    const never = new Set(
      before
        .filter((entry) => ofName(entry))
        .map((entry) => entry.epoch as number)
        .filter((former) => this.register.withdraw({ id: device.id, epoch: former }, mac)),
    );
    if (before.some((entry) => ofName(entry) && !never.has(entry.epoch as number)))
      throw new KeyringError(
        `${device.id} has had the short name ${device.kid} before, which is another secret's: write another device.kid, or none, into its profile`,
      );
    return before.some(ofName) ? before.filter((entry) => !ofName(entry)) : before;
  }

  /**
   * The device's secret of that epoch, as the keyring has it.
   * @returns 32 bytes, which the caller zeroes
   * @throws {KeyringError | OpenToOthers} when the keyring cannot be used
   */
  secretOf({ id, epoch }: DeviceEpoch): Uint8Array | undefined {
    const entry = keyringEntries(this.keyring).find(
      (one) => one.device === id && one.epoch === epoch && one.secret !== undefined,
    );
    return entry && Uint8Array.from(Buffer.from(entry.secret as string, "hex"));
  }

  /**
   * A recipient's private key, to which devices seal: with it the keyring opens what they send.
   * @param name as their profiles have it
   * @param privateKey PEM
   * @param topics filters
   * @throws {KeyringError} when there is one of that name, or it is no such key
   */
  async addRecipient(name: string, privateKey: string, topics: readonly string[]): Promise<void> {
    await editKeyringFile(this.keyring, (before) => [...before, { recipient: name, privateKey, topics }]);
  }

  /**
   * The device has shown that it has all of this epoch: older secrets are accepted for a day more, and those that no
   * device ever had are forgotten. One that another board may have, whose commit was sent, stays as it is.
   */
  async complete(of: DeviceEpoch): Promise<void> {
    this.register.complete(of);
    const pending = this.register
      .list(of.id)
      .filter(({ epoch, state }) => epoch < of.epoch && state === "pending");
    const { mac } = this.register.find(of.id, of.epoch)!;
    // The row first: who still works on it fails before its commit.
    const fates = new Map(
      pending.map((row) => [row.epoch, this.register.withdraw(row, mac) ? "forget" : "keep"] as const),
    );
    await this.#retire(of.id, (epoch) => fates.get(epoch) ?? (epoch < of.epoch ? "end" : "keep"));
  }

  /** The device's secret was erased: it is accepted for a day more. */
  async erase(of: DeviceEpoch): Promise<void> {
    this.register.erase(of);
    await this.#retire(of.id, (epoch) => (epoch === of.epoch ? "end" : "keep"));
  }

  /** A device that never got what was begun for it. What it leaves is the row of a certificate that was issued. */
  async withdraw(of: DeviceEpoch): Promise<void> {
    await this.#retire(of.id, (epoch) => (epoch === of.epoch ? "forget" : "keep"));
    this.register.withdraw(of);
  }

  /** Factory images of the device that were made before are of no use any more: their keys are forgotten. */
  async discardImages(id: string): Promise<void> {
    const images = this.register
      .list(id)
      .filter(({ origin, state }) => origin === "image" && state !== "erased");
    const gone = new Set(images.map(({ epoch }) => epoch));
    await this.#retire(id, (epoch) => (gone.has(epoch) ? "forget" : "keep"));
    for (const image of images) this.register.erase(image);
  }

  /**
   * A device that was lost: nothing that it sends from now on is accepted.
   * @returns how many entries of the keyring it had
   */
  async distrust(id: string): Promise<number> {
    let ended = 0;
    await this.#edit(id, (entry) => {
      ended++;
      return { ...entry, until: instant(this.#now()) };
    });
    return ended;
  }

  /** By what is to become of each of its secrets. */
  #retire(id: string, what: (epoch: number) => "keep" | "end" | "forget"): Promise<void> {
    return this.#edit(id, (entry) => {
      const fate = what(entry.epoch as number);
      if (fate === "forget") return undefined;
      return fate === "end" && entry.until === undefined
        ? { ...entry, until: instant(this.#now() + graceMs) }
        : entry;
    });
  }

  /** Replaces the entries of what the device sends, those among a recipient's signers too; undefined removes one. */
  #edit(id: string, edit: (entry: KeyringJsonEntry) => KeyringJsonEntry | undefined): Promise<void> {
    return editKeyringFile(this.keyring, (before) => {
      let changed = false;
      const edited = (entry: KeyringJsonEntry): KeyringJsonEntry[] => {
        if (entry.recipient !== undefined && Array.isArray(entry.signers)) {
          const signers = (entry.signers as KeyringJsonEntry[]).flatMap(edited);
          const { signers: _, ...without } = entry;
          return [signers.length > 0 ? { ...entry, signers } : without];
        }
        if (entry.device !== id || entry.direction === "down") return [entry];
        const next = edit(entry);
        changed ||= next !== entry;
        return next === undefined ? [] : [next];
      };
      const after = before.flatMap(edited);
      return changed ? after : before;
    });
  }

  /** May be called twice. */
  close(): void {
    this.register.close();
  }
}

/** As a keyring has it, in whole seconds. */
function instant(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/** Messages of a factory image's device name no epoch of the image's, so a keyring can have one image of each device. */
function refuseSecondImage(keys: readonly KeyringJsonEntry[], id: string): void {
  if (keys.some((entry) => entry.device === id && entry.factory === true))
    throw new KeyringError(
      `there is a factory image of ${id} already, whose messages could not be opened any more`,
    );
}

/** A recipient's entry, for one more device that seals to it. */
function withSender(
  recipient: KeyringJsonEntry,
  published: readonly string[],
  signer: KeyringJsonEntry | undefined,
): KeyringJsonEntry {
  const filters = recipient.topics as readonly string[];
  const more = published.filter((topic) => !filters.some((filter) => topicMatches(filter, topic)));
  const signers = (recipient.signers ?? []) as readonly KeyringJsonEntry[];
  return {
    ...recipient,
    topics: [...filters, ...more],
    ...(signer && { signers: [...signers, signer] }),
  };
}

/** For its owner alone, and ignored by git. One that is there stays. */
export function makeFleetFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  try {
    writeFileSync(join(folder, ".gitignore"), "*\n", { flag: "wx" });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}
