/**
 * The keys of single topics: derived from a device's secret when they are first needed, a bounded number of them kept,
 * the one not used for longest closed to make room.
 */
import type { Crypto, Key } from "../lib/crypto/crypto.js";
import {
  type Channel,
  deriveSealKey,
  deriveStampKey,
  type SealKey,
  type StampKey,
  topicBytesOf,
} from "../lib/sealed/keys.js";
import { deriveNextSecret } from "../lib/sealed/next-secret.js";
import type { KeyEntry } from "./keyring-entries.js";
import type { SaltedSender } from "./salted-kid.js";
import type { Symmetric } from "./symmetric.js";

export class TopicKeys {
  readonly #crypto: Crypto;
  readonly #limit: number;
  /** By place, the one used last at the end. */
  readonly #keys = new Map<string, StampKey | SealKey>();

  constructor(crypto: Crypto, limit: number) {
    this.#crypto = crypto;
    this.#limit = limit;
  }

  /**
   * The key of that place, valid until the next call.
   * @param place names secret, channel and algorithm
   */
  derived(place: string, secret: Key, channel: Channel, used: Symmetric): StampKey | SealKey {
    return this.#kept(place, () => derive(this.#crypto, secret, channel, used));
  }

  /** The same, of the secret that the channel's sender made of `factory`. */
  derivedOfOwn(
    place: string,
    factory: Key,
    channel: Channel & { readonly sender: SaltedSender },
    used: Symmetric,
  ): StampKey | SealKey {
    return this.#kept(place, () => {
      const { salt, epoch } = channel.sender;
      const bytes = deriveNextSecret(this.#crypto, factory, epoch, salt);
      const secret = this.#crypto.importSecret(bytes);
      bytes.fill(0);
      try {
        return derive(this.#crypto, secret, channel, used);
      } finally {
        secret.close();
      }
    });
  }

  #kept(place: string, make: () => StampKey | SealKey): StampKey | SealKey {
    const key = this.#keys.get(place) ?? make();
    this.#keys.delete(place);
    this.#keys.set(place, key);
    if (this.#keys.size > this.#limit) {
      const [oldest, dropped] = this.#keys.entries().next().value!;
      this.#keys.delete(oldest);
      dropped.key.close();
    }
    return key;
  }

  close(): void {
    for (const { key } of this.#keys.values()) key.close();
    this.#keys.clear();
  }
}

function derive(crypto: Crypto, secret: Key, channel: Channel, used: Symmetric): StampKey | SealKey {
  return used.protection === "stamp"
    ? deriveStampKey(crypto, secret, channel, used.alg)
    : deriveSealKey(crypto, secret, channel, used.alg);
}

/** The entry's own key, for one of its topics. */
export function importedKey({ topics, kid, key, contextIv }: KeyEntry, topic: string): StampKey | SealKey {
  const used = topics.get(topic)!;
  const common = { kid, topicBytes: topicBytesOf(topic), key };
  return used.protection === "stamp" ? { ...used, ...common } : { ...used, ...common, contextIv: contextIv! };
}
