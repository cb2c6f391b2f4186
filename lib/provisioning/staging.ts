/**
 * What is written before the commit: an entry at a time is put together in memory, from its first byte to its last, and
 * goes to flash as a whole. The device's secret stays in memory until the record is written. Memory: the entry, 4,096
 * bytes at most, and 32 for the secret; both are zeroed when they are done with.
 */
import { utf8Decode } from "../cbor/utf8.js";
import { isBlankSecret, secretBytes } from "../store/device-record.js";
import { maxProfileBytes } from "../store/profile.js";
import type { ProvisioningStore } from "./device-shell.js";
import { type Answer, type EntryName, maxEntryBytes, type Request } from "./messages.js";
import { isModest } from "./modest-json.js";
import { type Refusal, refusal } from "./refusal.js";

type Write = Extract<Request, { kind: "write" }>;

/** Bytes of each entry, least and most; of those that are not here, from 1 to what an entry may have. */
const lengths: { readonly [name in EntryName]?: readonly [number, number] } = Object.freeze({
  profile: Object.freeze([1, maxProfileBytes] as const),
  secret: Object.freeze([secretBytes, secretBytes] as const),
  "wifi-password": Object.freeze([1, 64] as const),
  "tls-psk": Object.freeze([16, 64] as const),
});
const anyLength = Object.freeze([1, maxEntryBytes] as const);

/** Entries of text; all others are bytes. */
const texts: readonly EntryName[] = Object.freeze(["profile", "wifi-password"] as const);

export class Staging {
  private readonly store: ProvisioningStore;
  private open: { readonly entry: EntryName; readonly bytes: Uint8Array; received: number } | undefined;
  private held: Uint8Array | undefined;

  constructor(store: ProvisioningStore) {
    this.store = store;
  }

  /** The device's secret, once it is complete; this object's, which zeroes it. */
  get secret(): Uint8Array | undefined {
    return this.held;
  }

  /** Takes a part, of which it keeps a copy. */
  write({ entry, total, offset, bytes }: Write): Answer {
    const [least, most] = lengths[entry] ?? anyLength;
    // Before anything is allocated.
    if (total > most) return refusal("too-long", `${entry} has at most ${most} bytes`);
    if (total < least) return refusal("bad-value", `${entry} has at least ${least} bytes`);
    if (offset === 0) this.begin(entry, total);
    const { open } = this;
    if (open?.entry !== entry || open.bytes.length !== total || open.received !== offset)
      return refusal("wrong-order", "each part of an entry begins where the one before has ended");
    if (bytes.length === 0) return refusal("bad-value", "a part has at least one byte");
    if (offset + bytes.length > total) return refusal("too-long", "more than the entry was to have");
    open.bytes.set(bytes, offset);
    open.received += bytes.length;
    const { received } = open;
    const problem = received < total ? undefined : this.complete(entry, open.bytes);
    return problem ?? { kind: "write", received };
  }

  /** What is not complete is dropped. */
  drop(): void {
    this.open?.bytes.fill(0);
    this.open = undefined;
  }

  close(): void {
    this.drop();
    this.held?.fill(0);
    this.held = undefined;
  }

  private begin(entry: EntryName, total: number): void {
    this.drop();
    // From here on the one before does not count any more.
    if (entry === "secret") this.close();
    this.open = { entry, bytes: new Uint8Array(total), received: 0 };
  }

  private complete(entry: EntryName, bytes: Uint8Array): Refusal | undefined {
    this.open = undefined;
    if (entry === "secret") {
      if (isBlankSecret(bytes)) return refusal("bad-value", "a secret is 32 random bytes");
      this.held = bytes;
      return undefined;
    }
    try {
      return texts.includes(entry) ? this.writeText(entry, bytes) : this.writeBytes(entry, bytes);
    } finally {
      bytes.fill(0);
    }
  }

  private writeText(entry: EntryName, bytes: Uint8Array): Refusal | undefined {
    let text: string;
    try {
      text = utf8Decode(bytes);
    } catch {
      return refusal("bad-value", `${entry} is not UTF-8`);
    }
    // Where text ends at a zero, less would be stored than was sent.
    if (bytes.includes(0)) return refusal("bad-value", `${entry} has a zero in it`);
    // It is parsed at the commit.
    if (entry === "profile" && !isModest(bytes))
      return refusal("bad-value", "profile: more values, or nested deeper, than any profile");
    this.store.write(entry, text);
    return this.store.readText(entry) === text ? undefined : notKept(entry);
  }

  private writeBytes(entry: EntryName, bytes: Uint8Array): Refusal | undefined {
    return writeAndCheck(this.store, entry, bytes) ? undefined : notKept(entry);
  }
}

function notKept(entry: EntryName): Refusal {
  return refusal("storage-failed", `flash does not keep ${entry}`);
}

/** Writes an entry of bytes. @returns whether flash says the same then */
export function writeAndCheck(store: ProvisioningStore, key: string, bytes: Uint8Array): boolean {
  store.write(key, bytes);
  const kept = store.readBytes(key);
  const same = kept?.length === bytes.length && kept.every((byte, i) => byte === bytes[i]);
  kept?.fill(0);
  return same;
}
