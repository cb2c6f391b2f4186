/**
 * Protected messages, damaged, and opened with their own keys and with others'. Whatever comes, `open` and `claimed`
 * answer out of their closed sets, never throw, agree with one another, and take no message that was changed.
 */
import type { AeadAlgorithm, Crypto } from "../../lib/crypto/crypto.js";
import { type Claim, claimed } from "../../lib/sealed/claimed.js";
import { thaw } from "../../lib/sealed/frozen.js";
import { type ContentType, isContentType, maxCounter } from "../../lib/sealed/header.js";
import { deriveSealKey, deriveStampKey, type Sender, signKey } from "../../lib/sealed/keys.js";
import type { Check } from "../../lib/sealed/opened.js";
import { open, protect, type ReceiverKey, type SenderKey } from "../../lib/sealed/protect.js";
import { pkcs8 } from "./cose-example-parts.js";
import { equal, hex, ok } from "./harness.js";
import { Random } from "./mqtt-fuzz-random.js";
import { damageMessage, maxDamagedBytes } from "./sealed-fuzz-damage.js";

interface Original {
  readonly name: string;
  readonly message: Uint8Array;
  readonly receiver: ReceiverKey;
  /** What the untouched message is to its own key. */
  readonly verdict: "verified" | "unauthenticated";
}

const senders: readonly Sender[] = [
  { id: "d", epoch: 0 },
  { id: "dormouse-1", epoch: 300, kid: Uint8Array.of(0xa1, 0xb2) },
];
const payloads = [0, 3, 60, 300];
const contentTypes: readonly (ContentType | undefined)[] = [undefined, 110, 60];
const counters = [0, 1, 70000, maxCounter];
const topics = ["a/b", "sensors/dormouse-1/readings"];

export class SealedCampaign {
  /** Messages that were damaged so far. */
  damaged = 0;
  /** How often each answer came: verdict or reason, by the protection of the key. */
  readonly seen: Record<string, number> = {};
  readonly #crypto: Crypto;
  readonly #seed: number;
  readonly #random = new Random();
  /** Of symmetric keys, and of key pairs, which take a hundred times as long. */
  readonly #quick: Original[] = [];
  readonly #slow: Original[] = [];
  readonly #buffer = new Uint8Array(maxDamagedBytes);

  constructor(crypto: Crypto, seed: number) {
    this.#crypto = crypto;
    this.#seed = seed;
    const secret = crypto.importSecret(new Uint8Array(32).fill(7));
    for (const [i, topic] of topics.entries()) {
      const channel = { sender: senders[i]!, direction: "up", topic } as const;
      for (const alg of [4, 5] as const) {
        const key = deriveStampKey(crypto, secret, channel, alg);
        this.#add(this.#quick, `stamp ${alg}`, key, key);
      }
      for (const alg of [1, 3, 10, 24] as const satisfies readonly AeadAlgorithm[]) {
        const key = deriveSealKey(crypto, secret, channel, alg);
        this.#add(this.#quick, `seal ${alg}`, key, key);
      }
      this.#addPairs(senders[i]!, topic);
    }
    secret.close();
  }

  #addPairs(sender: Sender, topic: string): void {
    const crypto = this.#crypto;
    const [signer, recipient] = [5, 6].map((byte) => pkcs8(new Uint8Array(32).fill(byte)));
    const pointOf = (der: Uint8Array) => crypto.agreementPoint(crypto.importAgreementKey(der));
    const signing = signKey(sender, topic, crypto.importSigningKey(signer!));
    const verifying = signKey(sender, topic, crypto.importVerifyingKey(pointOf(signer!)));
    const recipientKid = Uint8Array.of(0x70, 0x31);
    const to = { protection: "sealTo", recipientKid, recipientPoint: pointOf(recipient!), topic } as const;
    const agreementKey = crypto.importAgreementKey(recipient!);
    const from = { protection: "sealTo", recipientKid, agreementKey, topic } as const;
    this.#add(this.#slow, "sign", signing, verifying);
    this.#add(this.#slow, "sealTo", to, from, "unauthenticated");
    this.#add(this.#slow, "sealTo, signed", { ...to, signer: signing }, { ...from, signer: verifying });
  }

  #add(
    list: Original[],
    name: string,
    sender: SenderKey,
    receiver: ReceiverKey,
    verdict: Original["verdict"] = "verified",
  ): void {
    for (const [i, length] of payloads.entries()) {
      const contentType = contentTypes[i % contentTypes.length];
      const content = { counter: counters[i]!, plaintext: new Uint8Array(length).fill(0x61) };
      const frozen = thaw(contentType === undefined ? content : { ...content, contentType });
      list.push({ name, message: protect(this.#crypto, sender, frozen), receiver, verdict });
    }
  }

  /** @throws {Error} that says what went in */
  go(messages: number): void {
    for (const until = this.damaged + messages; this.damaged < until; ) this.run();
  }

  /** One damaged message. */
  run(): void {
    const random = this.#random;
    // Each has numbers of its own, so it can be repeated alone.
    random.seed(this.#seed + Math.imul(this.damaged, 0x10001));
    const list = random.once(24) ? this.#slow : this.#quick;
    const one = random.pick(list);
    const length = damageMessage(this.#buffer, one.message, random.pick(list).message, random);
    const message = this.#buffer.subarray(0, length);
    const number = this.damaged++;
    try {
      const claim = this.#claim(message);
      this.#open(one, claim, message, same(message, one.message));
      const other = random.pick(list);
      if (other.receiver !== one.receiver) this.#open(other, claim, message, same(message, other.message));
    } catch (error) {
      const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
      throw new Error(`seed ${this.#seed}, message ${number}, ${one.name}, ${hex(message)}: ${what}`);
    }
  }

  #claim(message: Uint8Array): Claim | undefined {
    const claim = claimed(message);
    if (!claim) return undefined;
    const id = claim.protection === "sealTo" ? claim.recipientKid : claim.kid;
    ok(id instanceof Uint8Array && Number.isInteger(claim.alg), "a claim has a key id and an algorithm");
    this.#count(`claimed ${claim.protection}`);
    return claim;
  }

  #open(by: Original, claim: Claim | undefined, message: Uint8Array, untouched: boolean): void {
    const { protection } = by.receiver;
    const check = open(this.#crypto, by.receiver, message);
    checkShape(check);
    const answer = check.verdict === "bad" ? check.reason : check.verdict;
    this.#count(`${protection} ${answer}`);
    if (untouched) return equal(check.verdict, by.verdict, "an untouched message");
    if (check.verdict !== "bad") this.#known(check, by, message);
    if (claim?.protection !== protection)
      return equal(answer, "malformed", "what claims to be nothing of the kind");
    // Whether the ephemeral key is a point of the curve is found out when it is used.
    if (protection !== "sealTo") ok(answer !== "malformed", "what claims to be of the kind");
  }

  /** A message that is not the key's own, and is not bad: another original, whole, of the same key. */
  #known(check: Check, by: Original, message: Uint8Array): void {
    const found = [...this.#quick, ...this.#slow].find((one) => same(one.message, message));
    ok(found && found.name.split(",")[0] === by.name.split(",")[0], "a changed message is bad");
    // Whom it comes from is only asked by a key with a signer.
    equal(check.verdict, by.verdict, "another whole message");
  }

  #count(what: string): void {
    this.seen[what] = (this.seen[what] ?? 0) + 1;
  }
}

/** A check has what its verdict has, and nothing more: above all no payload when it is bad. */
function checkShape(check: Check): void {
  switch (check.verdict) {
    case "bad":
      ok(["malformed", "unknown-key", "not-authentic"].includes(check.reason), check.reason);
      return equal(Object.keys(check).length, 2, "fields of a bad message");
    case "unauthenticated":
      return ok(check.payload instanceof Uint8Array, "a payload");
    case "verified": {
      const { counter, payload, identity, kid, contentType } = check.message;
      ok(Number.isSafeInteger(counter) && counter >= 0 && counter <= maxCounter, "a counter");
      ok(payload instanceof Uint8Array && kid.length >= 2 && identity.length >= 8, "payload, kid, identity");
      return ok(contentType === undefined || isContentType(contentType), "a content type");
    }
    default:
      throw new Error("a verdict of no meaning");
  }
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
