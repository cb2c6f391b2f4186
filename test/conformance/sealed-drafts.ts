/**
 * Random messages before anybody has protected them, for sealed-agreement.test.ts: each with an owner, topic, counter,
 * content type, payload and keys of its own. And what may become of them on the way.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import type { Prng } from "../../host-sim/world/prng.js";
import type { SealAlgorithm, StampAlgorithm } from "../../host-sim/world/seal-keys.js";
import type { ContentType } from "../../lib/sealed/header.js";

/** A few key pairs: they cost more than all else, and a wrong one is not to be had by chance. */
export class Pair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
  /** PKCS #8. */
  readonly der: Uint8Array;
  readonly privatePem: string;
  readonly publicPem: string;
  /** 04, x, y. */
  readonly point: Uint8Array;

  /** @param der PKCS #8; without it a new pair */
  constructor(der?: Uint8Array) {
    const privateKey = der
      ? createPrivateKey({ key: Buffer.from(der), format: "der", type: "pkcs8" })
      : generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
    const publicKey = createPublicKey(privateKey);
    this.publicKey = publicKey;
    this.privateKey = privateKey;
    this.der = new Uint8Array(privateKey.export({ format: "der", type: "pkcs8" }));
    this.privatePem = privateKey.export({ format: "pem", type: "pkcs8" }) as string;
    this.publicPem = publicKey.export({ format: "pem", type: "spki" }) as string;
    const { x, y } = publicKey.export({ format: "jwk" });
    this.point = Uint8Array.from([4, ...Buffer.from(x!, "base64url"), ...Buffer.from(y!, "base64url")]);
  }
}
const pairs = [new Pair(), new Pair(), new Pair()];

export type Kind =
  | { readonly protection: "stamp"; readonly algorithm: StampAlgorithm }
  | { readonly protection: "seal"; readonly algorithm: SealAlgorithm }
  | { readonly protection: "sign" }
  | { readonly protection: "sealTo"; readonly signed: boolean };

export const kinds: Readonly<Record<string, Kind>> = {
  "hmac-256": { protection: "stamp", algorithm: 5 },
  "hmac-256-64": { protection: "stamp", algorithm: 4 },
  a128gcm: { protection: "seal", algorithm: 1 },
  a256gcm: { protection: "seal", algorithm: 3 },
  "aes-ccm-16-64-128": { protection: "seal", algorithm: 10 },
  "chacha20-poly1305": { protection: "seal", algorithm: 24 },
  es256: { protection: "sign" },
  "sealTo, unsigned": { protection: "sealTo", signed: false },
  "sealTo, signed": { protection: "sealTo", signed: true },
};

/** One message, before anybody has protected it. */
export interface Draft {
  readonly kind: Kind;
  readonly direction: "up" | "down";
  readonly id: string;
  readonly epoch: number;
  readonly kid: Uint8Array | undefined;
  readonly topic: string;
  readonly secret: Uint8Array;
  readonly own: Pair;
  readonly recipient: Pair;
  readonly recipientName: string;
  readonly counter: number;
  readonly contentType: ContentType | null;
  readonly payload: Uint8Array;
}

const letters = [..."abcdefghijklmnopqrstuvwxyz0123456789-_", "ü", "β", "雪", "🐭"];

export class Drafting {
  readonly #random: Prng;
  readonly #kind: Kind;

  constructor(kind: Kind, random: Prng) {
    this.#kind = kind;
    this.#random = random;
  }

  #text(min: number, max: number): string {
    return Array.from({ length: this.#random.whole(min, max) }, () => this.#one(letters)).join("");
  }

  #one<T>(of: readonly T[]): T {
    return of[this.#random.whole(0, of.length - 1)]!;
  }

  /** Of every size that CBOR writes differently. */
  #whole(maxBits: number): number {
    const bits = this.#random.whole(0, maxBits);
    const below = 2 ** bits;
    return this.#one([below - 1, Math.floor((this.#random.next() / 2 ** 32) * below)]);
  }

  draft(): Draft {
    const symmetric = this.#kind.protection === "stamp" || this.#kind.protection === "seal";
    const direction = symmetric ? this.#one(["up", "down"] as const) : "up";
    const id = this.#text(1, 16);
    return {
      kind: this.#kind,
      direction,
      id,
      epoch: this.#whole(32),
      kid: this.#random.whole(0, 2) === 0 ? this.#random.bytes(this.#random.whole(2, 8)) : undefined,
      topic: this.#one([`sensors/${id}/readings`, this.#text(1, 60)]),
      secret: this.#random.bytes(32),
      own: pairs[0]!,
      recipient: this.#one(pairs),
      recipientName: this.#text(1, 8),
      counter: this.#whole(40),
      contentType: direction === "down" ? 60 : this.#one([null, 110, 60] as const),
      payload: this.#random.bytes(this.#one([0, 1, 23, 24, 100, 255, 256, this.#random.whole(0, 700)])),
    };
  }
}

/** What somebody on the way does to a message, or a receiver takes for something else. */
export const damages: readonly ((
  message: Uint8Array,
  draft: Draft,
  random: Prng,
) => readonly [Uint8Array, Draft])[] = [
  (message, draft, random) => [
    changed(message, random.whole(0, message.length - 1), 1 << random.whole(0, 7)),
    draft,
  ],
  (message, draft, random) => [
    changed(message, random.whole(0, message.length - 1), random.whole(1, 255)),
    draft,
  ],
  (message, draft, random) => [message.subarray(0, random.whole(0, message.length - 1)), draft],
  (message, draft, random) => [spliced(message, random.whole(0, message.length), 0, random.bytes(1)), draft],
  (message, draft, random) => [spliced(message, random.whole(0, message.length - 1), 1), draft],
  (message, draft, random) => [spliced(message, message.length, 0, random.bytes(random.whole(1, 20))), draft],
  (message, draft) => [message, { ...draft, topic: `${draft.topic}x` }],
  // The same elements in an array whose head is longer than it needs be, or which ends with a break.
  (message, draft) => [
    spliced(message, headAt(message), 1, Uint8Array.of(0x98, message[headAt(message)]! & 15)),
    draft,
  ],
  (message, draft) => [
    spliced(
      spliced(message, headAt(message), 1, Uint8Array.of(0x9f)),
      message.length,
      0,
      Uint8Array.of(0xff),
    ),
    draft,
  ],
  (message, draft) => [
    message,
    draft.kind.protection === "sealTo" && !draft.kind.signed
      ? { ...draft, recipientName: `${draft.recipientName}x` }
      : draft.kid
        ? { ...draft, kid: changed(draft.kid, 0, 1) }
        : { ...draft, epoch: (draft.epoch ^ 1) >>> 0 },
  ],
];

/** Where the array begins, behind the tag. */
const headAt = (message: Uint8Array) => (message[0] === 0xd8 ? 2 : 1);

function changed(data: Uint8Array, at: number, bits: number): Uint8Array {
  const copy = Uint8Array.from(data);
  copy[at]! ^= bits;
  return copy;
}

export function spliced(
  data: Uint8Array,
  at: number,
  removed: number,
  added: Uint8Array = new Uint8Array(0),
): Uint8Array {
  return Uint8Array.from([...data.subarray(0, at), ...added, ...data.subarray(at + removed)]);
}
