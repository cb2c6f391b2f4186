/** What becomes of messages at a receiver: `open`, then the window. */
import { decode } from "../../../lib/cbor/decode.js";
import { encode } from "../../../lib/cbor/encode.js";
import { CborTagged, type CborValue } from "../../../lib/cbor/value.js";
import type { Crypto } from "../../../lib/crypto/crypto.js";
import { topicBytesOf } from "../../../lib/sealed/keys.js";
import { closeKey, open, protect } from "../../../lib/sealed/protect.js";
import type { SealToKey } from "../../../lib/sealed/seal-to.js";
import type { SealToOpener } from "../../../lib/sealed/unseal.js";
import { emptyWindow, judge, type Verdict } from "../../../lib/sealed/window.js";
import { equal, fromHex, hex, ok, type Platform, test } from "../../device/harness.js";
import { messageOf, type Pair, pairsOf, verifiedOf } from "./pairs.js";
import { verifyingKeyOf } from "./vector-keys.js";
import type { SignRejects } from "./vectors.js";

type Arrival = readonly [counter: number, text: number, verdict: Verdict];

function receive(platform: Platform, { name, sender, receiver }: Pair, arrivals: readonly Arrival[]): void {
  let window = emptyWindow(8);
  for (const [counter, text, expected] of arrivals) {
    const message = protect(platform.crypto, sender, messageOf(counter, text));
    const judged = judge(window, verifiedOf(platform.crypto, receiver, message));
    equal(judged.verdict, expected, `${name}: counter ${counter}`);
    window = judged.window;
  }
  closeKey(sender);
  closeKey(receiver);
}

test("again is a duplicate, the same counter with other bytes a conflict, long ago is stale", (platform) => {
  for (const pair of pairsOf(platform))
    if (pair.verdict === "verified")
      receive(platform, pair, [
        [5, 1, "fresh"],
        [5, 1, "duplicate"],
        [5, 2, "conflict"],
        [4, 1, "fresh"],
        [13, 1, "fresh"],
        [5, 1, "stale"],
        [6, 1, "fresh"],
        [13, 2, "conflict"],
        [13, 1, "duplicate"],
      ]);
});

test("what is sealed to a key and not signed is never judged: anyone can have sent it", (platform) => {
  const { crypto } = platform;
  for (const { sender, receiver } of pairsOf(platform, undefined, ["sealTo"])) {
    const check = open(crypto, receiver, protect(crypto, sender, messageOf(5)));
    equal(check, { verdict: "unauthenticated", payload: messageOf(5).plaintext });
    closeKey(receiver);
  }
});

test("a signature changed into its twin is a duplicate, not a conflict", ({ name, crypto, vectors }) => {
  if (name === "noble") return;
  const file = vectors("sealed/sign-reject") as SignRejects;
  const key = verifyingKeyOf(crypto, file, file.topic);
  const first = judge(emptyWindow(8), verifiedOf(crypto, key, fromHex(file.cases[0]!.message)));
  equal(first.verdict, "fresh");
  equal(judge(first.window, verifiedOf(crypto, key, fromHex(file.malleated))).verdict, "duplicate");
  closeKey(key);
});

test("a retry of what is sealed and signed has other bytes, and is a duplicate", (platform) => {
  const { crypto } = platform;
  for (const { sender, receiver } of pairsOf(platform, undefined, ["sealTo, signed"])) {
    const [one, two] = [1, 2].map(() => protect(crypto, sender, messageOf(5)));
    ok(hex(one!) !== hex(two!), "the ephemeral keys differ");
    const first = judge(emptyWindow(8), verifiedOf(crypto, receiver, one!));
    equal(judge(first.window, verifiedOf(crypto, receiver, two!)).verdict, "duplicate");
    closeKey(sender);
    closeKey(receiver);
  }
});

test("a message sealed and signed for one recipient or topic, wrapped anew for another, is bad", (platform) => {
  const { crypto } = platform;
  for (const { sender, receiver } of pairsOf(platform, undefined, ["sealTo, signed"])) {
    if (sender.protection !== "sealTo" || receiver.protection !== "sealTo") continue;
    const { signer: _, ...anyone } = sender;
    // The recipient opens it, and seals what was inside to another, or to itself on another topic.
    const inside = innerOf(platform, sender, receiver);
    for (const [to, from] of [
      [
        { ...anyone, topic: "a/c" },
        { ...receiver, topic: "a/c" },
      ],
      [
        { ...anyone, recipientKid: Uint8Array.of(1) },
        { ...receiver, recipientKid: Uint8Array.of(1) },
      ],
    ] as const)
      equal(open(crypto, from, rewrap(platform, to, inside)), { verdict: "bad", reason: "not-authentic" });
    // The same done for the same recipient and topic is what a retry looks like.
    equal(open(crypto, receiver, rewrap(platform, anyone, inside)).verdict, "verified");
    closeKey(sender);
    closeKey(receiver);
  }
});

/** The COSE_Sign1 within a message, as a dishonest recipient gets at it. */
function innerOf({ crypto }: Platform, sender: SealToKey, receiver: SealToOpener): Uint8Array {
  let plaintext: Uint8Array | undefined;
  const spying: Crypto = {
    ...crypto,
    decrypt: (...args) => {
      plaintext = crypto.decrypt(...args)?.slice();
      return plaintext?.slice();
    },
  };
  verifiedOf(spying, receiver, protect(crypto, sender, messageOf(5)));
  return plaintext!;
}

/** Sealed by somebody who signs nothing, around a signature of somebody else. */
function rewrap({ crypto }: Platform, key: SealToKey, inside: Uint8Array): Uint8Array {
  const forging: Crypto = {
    ...crypto,
    encrypt: (contentKey, nonce, _aad, _plaintext) => {
      const aad = encode(["Encrypt", contentHeader(nonce), topicBytesOf(key.topic)]);
      return crypto.encrypt(contentKey, nonce, aad, inside);
    },
  };
  const message = decode(protect(forging, key, messageOf(5)));
  if (!(message instanceof CborTagged) || !Array.isArray(message.value)) throw new Error("no message");
  const [header, unprotected, ciphertext, recipients] = message.value;
  const iv = (decode(header as Uint8Array) as Map<number, Uint8Array>).get(5)!;
  return encode(new CborTagged(96, [contentHeader(iv), unprotected, ciphertext, recipients]));
}

function contentHeader(iv: Uint8Array): Uint8Array {
  return encode(
    new Map<number, CborValue>([
      [1, 1],
      [3, 18],
      [5, iv],
    ]),
  );
}
