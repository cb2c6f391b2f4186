/**
 * The keys a receiver accepts, from a file of mode 0600 (docs/receivers.md). Which algorithm a topic's messages have
 * is decided here, never by the message. Keys derived from a device's secret are kept, a bounded number of them, and
 * closed when they are dropped. Its owner closes the keyring; a new file is a new keyring.
 */
import { Buffer } from "node:buffer";
import type { Crypto } from "../lib/crypto/crypto.js";
import { topicMatches } from "../lib/mqtt/wire/topics.js";
import type { Claim } from "../lib/sealed/claimed.js";
import {
  type Channel,
  type Direction,
  encodeKid,
  type SealKey,
  type Sender,
  type SignKey,
  type StampKey,
  signKey,
} from "../lib/sealed/keys.js";
import type { ReceiverKey } from "../lib/sealed/protect.js";
import {
  closeEntry,
  type Entry,
  type KeyEntry,
  type RecipientEntry,
  type RecipientSigner,
  readEntry,
  type SecretEntry,
  type SignerEntry,
} from "./keyring-entries.js";
import { Fields, KeyringError } from "./keyring-fields.js";
import { nodeCrypto } from "./node-crypto.js";
import { type SaltedSender, saltedKid } from "./salted-kid.js";
import { readSecretFile } from "./secret-file.js";
import { defaultSymmetric, type Symmetric } from "./symmetric.js";
import { importedKey, TopicKeys } from "./topic-keys.js";

export { KeyringError } from "./keyring-fields.js";

/** Whose messages a key verifies. */
export interface Origin {
  readonly sender: Sender;
  readonly direction: Direction;
}

export type Found =
  | {
      readonly outcome: "found";
      /** The keyring's: valid until the next call. */
      readonly key: ReceiverKey;
      /** Of a message that `key` has verified, by that message's kid. */
      readonly originOf: (kid: Uint8Array) => Origin;
    }
  | { readonly outcome: "unknown-key" }
  | { readonly outcome: "expired" };

type DeviceEntry = SecretEntry | KeyEntry | SignerEntry;

/** What a controller sends with. */
export interface CommandKey {
  readonly epoch: number;
  /** The keyring's: valid until the next call. */
  readonly key: StampKey | SealKey;
}

const schemaVersion = 1;

/** Derived keys at a time; each takes about 500 bytes. */
const keptKeys = 4096;

export class Keyring {
  readonly #entries: readonly Entry[];
  readonly #devices = new Map<string, DeviceEntry>();
  /** What came with factory images, by device and topic. */
  readonly #factories = new Map<string, DeviceEntry>();
  readonly #recipients = new Map<string, RecipientEntry>();
  /** By recipient and kid. */
  readonly #signers = new Map<string, RecipientSigner>();
  /** What a replay store tells apart: sender, epoch, direction and topic. */
  readonly #streams = new Set<string>();
  readonly #topicKeys: TopicKeys;

  /** Takes the entries over: they are closed when they cannot stand together. @throws {KeyringError} */
  constructor(entries: readonly Entry[], crypto: Crypto = nodeCrypto, kept = keptKeys) {
    this.#entries = entries;
    this.#topicKeys = new TopicKeys(crypto, kept);
    try {
      for (const [n, entry] of entries.entries()) this.#index(entry, `entry ${n + 1}`);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  #index(entry: Entry, where: string): void {
    if (entry.kind === "recipient") {
      const id = hex(entry.recipientKid);
      if (this.#recipients.has(id)) throw new KeyringError(`${where}: recipient: there is one of that name`);
      this.#recipients.set(id, entry);
      for (const [n, signer] of (entry.signers ?? []).entries()) {
        const place = signerPlace(id, signer.factory ? signer.sender.id : signer.kid);
        if (this.#signers.has(place))
          throw new KeyringError(`${where}: signers: ${n + 1}: there is one of that key identifier`);
        this.#signers.set(place, signer);
      }
      return;
    }
    for (const topic of entry.topics.keys()) {
      const { sender, direction, factory } = entry;
      const place = factory ? factoryPlace(sender.id, topic) : placeOf(entry.kid, topic);
      const places = factory ? this.#factories : this.#devices;
      if (places.has(place))
        throw new KeyringError(`${where}: there is an entry of that key identifier for ${topic}`);
      places.set(place, entry);
      const stream = JSON.stringify([sender.id, sender.epoch, direction, topic]);
      // What one secret has counted would be stale or a conflict under the other.
      if (this.#streams.has(stream))
        throw new KeyringError(
          `${where}: there is another entry of that device and epoch for ${topic}: a new secret is a new epoch`,
        );
      this.#streams.add(stream);
    }
  }

  /**
   * The key for what a message claims to be. Nothing of it is verified: `open` compares all of it with the key.
   * @param topic as the device knows it
   * @param nowMs since 1970
   */
  find(claim: Claim, topic: string, nowMs: number): Found {
    return claim.protection === "sealTo"
      ? this.#recipient(claim.recipientKid, topic, nowMs)
      : this.#device(claim, topic, nowMs);
  }

  #device(
    { kid, protection }: Exclude<Claim, { protection: "sealTo" }>,
    topic: string,
    nowMs: number,
  ): Found {
    const salted = saltedKid(kid);
    const entry =
      this.#devices.get(placeOf(salted?.plain ?? kid, topic)) ??
      (salted && this.#factories.get(factoryPlace(salted.sender.id, topic)));
    if (!entry || entry.topics.get(topic)?.protection !== protection) return { outcome: "unknown-key" };
    if (isOver(entry, nowMs)) return { outcome: "expired" };
    const origin = { sender: salted?.sender ?? entry.sender, direction: entry.direction };
    const key = this.#keyOf(entry, topic, salted?.sender);
    return { outcome: "found", key: salted ? { ...key, kid } : key, originOf: () => origin };
  }

  #recipient(recipientKid: Uint8Array | undefined, topic: string, nowMs: number): Found {
    const entry = recipientKid && this.#recipients.get(hex(recipientKid));
    if (!entry?.filters.some((filter) => topicMatches(filter, topic))) return { outcome: "unknown-key" };
    if (isOver(entry, nowMs)) return { outcome: "expired" };
    const signerEntry = (kid: Uint8Array) => {
      const salted = saltedKid(kid);
      const id = hex(entry.recipientKid);
      const signer =
        this.#signers.get(signerPlace(id, salted?.plain ?? kid)) ??
        (salted && this.#signers.get(signerPlace(id, salted.sender.id)));
      if (!signer || isOver(signer, nowMs)) return undefined;
      const { filters, key, direction } = signer;
      if (filters && !filters.some((filter) => topicMatches(filter, topic))) return undefined;
      return { key, sender: salted?.sender ?? signer.sender, direction };
    };
    const signerOf = (kid: Uint8Array) => {
      const signer = signerEntry(kid);
      return signer && signKey(signer.sender, topic, signer.key);
    };
    const opener = {
      protection: "sealTo",
      recipientKid: entry.recipientKid,
      agreementKey: entry.key,
      topic,
    } as const;
    return {
      outcome: "found",
      key: entry.signers ? { ...opener, signer: signerOf } : opener,
      originOf: (kid) => signerEntry(kid)!,
    };
  }

  #keyOf(entry: DeviceEntry, topic: string, salted: SaltedSender | undefined): StampKey | SealKey | SignKey {
    switch (entry.kind) {
      case "signer":
        return signKey(entry.sender, topic, entry.key);
      case "key":
        return importedKey(entry, topic);
      case "secret":
        return this.#derivedKey(entry, topic, salted);
    }
  }

  #derivedKey(entry: SecretEntry, topic: string, salted: SaltedSender | undefined): StampKey | SealKey {
    const { secret, sender, direction, kid, factory } = entry;
    const used = entry.topics.get(topic)!;
    if (!factory || !salted)
      return this.#topicKeys.derived(placeOf(kid, topic), secret, { sender, direction, topic }, used);
    const channel = { sender: salted, direction, topic };
    return this.#topicKeys.derivedOfOwn(placeOf(encodeKid(salted), topic), secret, channel, used);
  }

  /**
   * The key for what `sender`, a controller, sends to `device`: the one that was derived for it, else one derived of
   * the device's newest secret.
   * @param used as the device's profile has it; without, as this keyring has it for that topic, else a stamp
   * @param maxEpoch of the secret: the newest that is no newer
   */
  commandKey(
    device: string,
    sender: string,
    topic: string,
    used: Symmetric | undefined,
    nowMs: number,
    maxEpoch = Number.MAX_SAFE_INTEGER,
  ): CommandKey | undefined {
    let newest: SecretEntry | KeyEntry | undefined;
    for (const entry of this.#entries) {
      if (entry.kind !== "secret" && entry.kind !== "key") continue;
      if (isOver(entry, nowMs) || !isForCommands(entry, device, sender, topic, used)) continue;
      if (entry.sender.epoch > maxEpoch) continue;
      const isNewer = !newest || entry.sender.epoch > newest.sender.epoch;
      if (isNewer || (entry.kind === "key" && entry.sender.epoch === newest?.sender.epoch)) newest = entry;
    }
    if (!newest) return undefined;
    const { epoch } = newest.sender;
    if (newest.kind === "key") return { epoch, key: importedKey(newest, topic) };
    const how = used ?? newest.commands.get(topic) ?? newest.topics.get(topic) ?? defaultSymmetric.stamp;
    const channel: Channel = { sender: { id: sender, epoch }, direction: "down", topic };
    const { secret } = newest;
    const place = `${hex(newest.kid)} down ${how.alg} ${placeOf(encodeKid(channel.sender), topic)}`;
    return { epoch, key: this.#topicKeys.derived(place, secret, channel, how) };
  }

  /** Whether there is a key for what `device` sends on `topic`, that says whose it is. */
  accepts(device: string, topic: string, nowMs: number): boolean {
    return this.#entries.some((entry) => {
      if (isOver(entry, nowMs)) return false;
      if (entry.kind === "recipient")
        return entry.signers !== null && entry.filters.some((filter) => topicMatches(filter, topic));
      return entry.direction === "up" && entry.sender.id === device && entry.topics.has(topic);
    });
  }

  /** The controllers for which there are derived keys. */
  get controllers(): readonly string[] {
    const ids = this.#entries.map((entry) =>
      entry.kind === "key" && entry.direction === "down" ? entry.sender.id : undefined,
    );
    return [...new Set(ids.filter((id) => id !== undefined))];
  }

  /** What to subscribe to for all that devices send: topics, and the filters of recipients, each once. */
  get filters(): readonly string[] {
    const filters = new Set<string>();
    for (const entry of this.#entries) {
      if (entry.kind === "recipient") for (const filter of entry.filters) filters.add(filter);
      else if (entry.direction === "up") for (const topic of entry.topics.keys()) filters.add(topic);
    }
    return [...filters];
  }

  /** Closes every key. May be called twice; no other call may follow. */
  close(): void {
    this.#topicKeys.close();
    for (const entry of this.#entries) closeEntry(entry);
  }
}

/**
 * @param text the keyring file's content, JSON
 * @throws {KeyringError} in one line that names entry and field and holds nothing else of the file
 */
export function parseKeyring(text: string, crypto: Crypto = nodeCrypto): Keyring {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // The parser's own message quotes the text.
    throw new KeyringError("the keyring is not JSON");
  }
  const fields = new Fields(parsed, "keyring");
  if (fields.any("schema") !== schemaVersion) fields.fail("schema", `${schemaVersion} is needed`);
  const list = fields.list("keys");
  fields.end();
  const entries: Entry[] = [];
  try {
    for (const item of list) entries.push(readEntry(crypto, new Fields(item, `entry ${entries.length + 1}`)));
  } catch (error) {
    for (const entry of entries) closeEntry(entry);
    throw error;
  }
  return new Keyring(entries, crypto);
}

/**
 * @throws {KeyringError} as `parseKeyring`, with the file's name
 * @throws {OpenToOthers} when others than the owner may read the file
 * @throws {Error} of the file system
 */
export function readKeyring(path: string, crypto: Crypto = nodeCrypto): Keyring {
  const text = readSecretFile(path);
  try {
    return parseKeyring(text.toString("utf8"), crypto);
  } catch (error) {
    throw error instanceof KeyringError ? new KeyringError(`${path}: ${error.message}`) : error;
  } finally {
    text.fill(0);
  }
}

function isForCommands(
  entry: SecretEntry | KeyEntry,
  device: string,
  sender: string,
  topic: string,
  used: Symmetric | undefined,
): boolean {
  if (entry.kind === "secret") return entry.sender.id === device && !entry.factory;
  if (entry.direction !== "down" || entry.device !== device || entry.sender.id !== sender) return false;
  const alg = entry.topics.get(topic)?.alg;
  return alg !== undefined && (!used || used.alg === alg);
}

function isOver({ until }: { readonly until: number | undefined }, nowMs: number): boolean {
  return until !== undefined && nowMs > until;
}

function factoryPlace(device: string, topic: string): string {
  return JSON.stringify([device, topic]);
}

/** @param who a kid, or the id of a device with a factory image */
function signerPlace(recipient: string, who: Uint8Array | string): string {
  return `${recipient} ${typeof who === "string" ? JSON.stringify(who) : hex(who)}`;
}

function placeOf(kid: Uint8Array, topic: string): string {
  return `${hex(kid)} ${topic}`;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
}
