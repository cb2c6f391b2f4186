/** Every protection with a key for its sender and one for its receiver, as far as the provider has them. */
import { algorithm } from "../../../lib/cose/labels.js";
import type { Crypto } from "../../../lib/crypto/crypto.js";
import { type Frozen, thaw } from "../../../lib/sealed/frozen.js";
import { deriveSealKey, deriveStampKey, type Sender, signKey } from "../../../lib/sealed/keys.js";
import type { Verified } from "../../../lib/sealed/opened.js";
import { open, type ReceiverKey, type SenderKey } from "../../../lib/sealed/protect.js";
import { fromHex, type Platform } from "../../device/harness.js";
import { hasAead } from "./vector-keys.js";
import type { SealToRejects } from "./vectors.js";

export interface Pair {
  readonly name: string;
  readonly sender: SenderKey;
  readonly receiver: ReceiverKey;
  /** What an untouched message is. */
  readonly verdict: "verified" | "unauthenticated";
}

export interface Place {
  readonly topic: string;
  readonly sender: Sender;
  /** Any byte, repeated 32 times. */
  readonly secret: number;
}

export const here: Place = { topic: "a/b", sender: { id: "d", epoch: 1 }, secret: 7 };

/** @param names those wanted; all unless said */
export function pairsOf(platform: Platform, place: Place = here, names?: readonly string[]): Pair[] {
  const made: Pair[] = [];
  const add = (name: string, make: () => Omit<Pair, "name">) => {
    if (!names || names.includes(name)) made.push({ name, ...make() });
  };
  const { crypto } = platform;
  const { sender, topic } = place;
  const channel = { sender, direction: "up", topic } as const;
  const secret = crypto.importSecret(new Uint8Array(32).fill(place.secret));
  for (const alg of [algorithm.hmac256, algorithm.hmac256Tag64])
    add(`stamp ${alg}`, () => {
      const key = deriveStampKey(crypto, secret, channel, alg);
      return { sender: key, receiver: key, verdict: "verified" };
    });
  for (const alg of [1, 3, 10, 24] as const)
    if (hasAead(crypto, alg))
      add(`seal ${alg}`, () => {
        const key = deriveSealKey(crypto, secret, channel, alg);
        return { sender: key, receiver: key, verdict: "verified" };
      });
  secret.close();
  if (platform.name !== "noble") addP256(platform, place, add);
  return made;
}

function addP256(
  { crypto, vectors }: Platform,
  { sender, topic }: Place,
  add: (name: string, make: () => Omit<Pair, "name">) => void,
): void {
  const file = vectors("sealed/seal-to-reject") as SealToRejects;
  const signing = () => signKey(sender, topic, crypto.importSigningKey(fromHex(file.signer.signKey)));
  const verifying = () => signKey(sender, topic, crypto.importVerifyingKey(fromHex(file.signer.point)));
  const recipientKid = fromHex(file.recipientKid);
  const to = () => {
    const recipientPoint = fromHex(file.recipientPoint);
    return { protection: "sealTo", recipientKid, recipientPoint, topic } as const;
  };
  const opener = () => {
    const agreementKey = crypto.importAgreementKey(fromHex(file.recipientKey));
    return { protection: "sealTo", recipientKid, agreementKey, topic } as const;
  };
  add("sign", () => ({ sender: signing(), receiver: verifying(), verdict: "verified" }));
  add("sealTo", () => ({ sender: to(), receiver: opener(), verdict: "unauthenticated" }));
  add("sealTo, signed", () => ({
    sender: { ...to(), signer: signing() },
    receiver: { ...opener(), signer: verifying() },
    verdict: "verified",
  }));
}

export function messageOf(counter: number, text = 1): Frozen {
  return thaw({ counter, plaintext: Uint8Array.of(0x81, text) });
}

/** @throws Error when it does not verify */
export function verifiedOf(crypto: Crypto, key: ReceiverKey, message: Uint8Array): Verified {
  const check = open(crypto, key, message);
  if (check.verdict !== "verified") throw new Error(check.verdict);
  return check.message;
}
