import { claimed } from "../../../lib/sealed/claimed.js";
import { thaw } from "../../../lib/sealed/frozen.js";
import { maxCounter } from "../../../lib/sealed/header.js";
import { closeKey, open, protect, type ReceiverKey } from "../../../lib/sealed/protect.js";
import { equal, fromHex, ok, test, throws } from "../../device/harness.js";
import { damaged } from "./damage.js";
import { here, messageOf, type Pair, pairsOf } from "./pairs.js";

function closePairs(pairs: readonly Pair[]): void {
  for (const { sender, receiver } of pairs) {
    closeKey(sender);
    closeKey(receiver);
  }
}

function flippedBytes(data: Uint8Array, see: (changed: Uint8Array, at: number) => void): void {
  for (let i = 0; i < data.length; i++) {
    const changed = data.slice();
    changed[i]! ^= 1;
    see(changed, i);
  }
}

/** The key of `receiver` for another topic, nothing else changed. */
function onTopic(receiver: ReceiverKey, topic: string): ReceiverKey {
  if (receiver.protection === "sealTo") return { ...receiver, topic };
  const topicBytes = Uint8Array.from(topic, (char) => char.charCodeAt(0));
  return { ...receiver, topicBytes };
}

test("what is protected opens, as SenML in CBOR and in JSON and as plain CBOR", (platform) => {
  const pairs = pairsOf(platform);
  for (const { name, sender, receiver, verdict } of pairs)
    for (const contentType of [undefined, 110, 60] as const) {
      const sent = thaw({ ...messageOf(3), ...(contentType && { contentType }) });
      const check = open(platform.crypto, receiver, protect(platform.crypto, sender, sent));
      equal(check.verdict, verdict, name);
      const opened = check.verdict === "verified" ? check.message : check;
      equal("payload" in opened && opened.payload, sent.plaintext, name);
      equal("contentType" in opened ? opened.contentType : undefined, contentType, name);
    }
  closePairs(pairs);
});

test("a message with a byte flipped or cut off is bad", (platform) => {
  const { crypto } = platform;
  const pairs = pairsOf(platform);
  for (const { name, sender, receiver } of pairs)
    damaged(protect(crypto, sender, messageOf(70000)), (data, what) =>
      equal(open(crypto, receiver, data).verdict, "bad", `${name}: ${what}`),
    );
  closePairs(pairs);
});

test("a message is bad on a topic that differs in a byte", (platform) => {
  const { crypto } = platform;
  const pairs = pairsOf(platform);
  for (const { name, sender, receiver } of pairs) {
    const message = protect(crypto, sender, messageOf(1));
    for (const topic of ["`/b", "a.b", "a/c", "a/b/", "a/"])
      equal(open(crypto, onTopic(receiver, topic), message).verdict, "bad", `${name} on ${topic}`);
    equal(open(crypto, onTopic(receiver, here.topic), message).verdict !== "bad", true, name);
  }
  closePairs(pairs);
});

test("a message is bad under a key id that differs in a byte", (platform) => {
  const { crypto } = platform;
  const pairs = pairsOf(platform);
  const unknown = { verdict: "bad", reason: "unknown-key" };
  for (const { name, sender, receiver } of pairs) {
    const message = protect(crypto, sender, messageOf(1));
    if (receiver.protection === "sealTo")
      flippedBytes(receiver.recipientKid, (recipientKid) =>
        equal(open(crypto, { ...receiver, recipientKid }, message), unknown, name),
      );
    else
      flippedBytes(receiver.kid, (kid) => equal(open(crypto, { ...receiver, kid }, message), unknown, name));
  }
  closePairs(pairs);
});

test("a message of one topic, sender or secret is bad with another's keys", (platform) => {
  const { crypto } = platform;
  const pairs = pairsOf(platform);
  const others = [
    { ...here, topic: "a/c" },
    { ...here, sender: { id: "e", epoch: 1 } },
    { ...here, sender: { id: "d", epoch: 2 } },
  ];
  for (const place of others) {
    const swapped = pairsOf(platform, place);
    for (const [i, { name, sender }] of pairs.entries()) {
      const { receiver } = swapped[i]!;
      // Whom a message that is sealed to a key comes from stands only in its signature.
      if (name === "sealTo" && place.topic === here.topic) continue;
      equal(open(crypto, receiver, protect(crypto, sender, messageOf(1))).verdict, "bad", name);
      equal(
        open(crypto, pairs[i]!.receiver, protect(crypto, swapped[i]!.sender, messageOf(1))).verdict,
        "bad",
      );
    }
    closePairs(swapped);
  }
  const shared = pairsOf(platform, { ...here, secret: 8 });
  for (const [i, { sender }] of pairs.entries())
    if (sender.protection === "stamp" || sender.protection === "seal")
      equal(open(crypto, shared[i]!.receiver, protect(crypto, sender, messageOf(1))), {
        verdict: "bad",
        reason: "not-authentic",
      });
  closePairs([...pairs, ...shared]);
});

test("a key opens its own protection and algorithm only", (platform) => {
  const { crypto } = platform;
  const pairs = pairsOf(platform);
  for (const { name, sender } of pairs) {
    const message = protect(crypto, sender, messageOf(1));
    equal(claimed(message)?.protection, sender.protection);
    // Signed or not, both are sealed to the same key.
    for (const other of pairs)
      if (other.name !== name && !(name === "sealTo, signed" && other.name === "sealTo"))
        equal(open(crypto, other.receiver, message).verdict, "bad", `${name} with the key of ${other.name}`);
  }
  closePairs(pairs);
});

test("a short kid stands in the message, the key comes from the sender's id all the same", (platform) => {
  const { crypto } = platform;
  const kid = Uint8Array.of(0xa1, 0xb2);
  const short = pairsOf(platform, { ...here, sender: { ...here.sender, kid } });
  const long = pairsOf(platform);
  for (const [i, { name, sender, receiver, verdict }] of short.entries()) {
    const message = protect(crypto, sender, messageOf(70000));
    equal(open(crypto, receiver, message).verdict, verdict, name);
    const claim = claimed(message)!;
    if (claim.protection === "sealTo") continue;
    equal(claim.kid, kid, name);
    equal(open(crypto, long[i]!.receiver, message), { verdict: "bad", reason: "unknown-key" }, name);
  }
  closePairs([...short, ...long]);
});

test("a compact stamp with a kid of 2 bytes and a counter of 3 adds 27 bytes to a payload of 60", (platform) => {
  const place = { ...here, sender: { ...here.sender, kid: Uint8Array.of(0xa1, 0xb2) } };
  const pairs = pairsOf(platform, place, ["stamp 4"]);
  const message = thaw({ counter: 70000, plaintext: new Uint8Array(60) });
  equal(protect(platform.crypto, pairs[0]!.sender, message).length, 60 + 27);
  closePairs(pairs);
});

test("a short kid has 2 to 8 bytes", (platform) => {
  for (const length of [0, 1, 9])
    throws(
      () =>
        pairsOf(platform, { ...here, sender: { ...here.sender, kid: new Uint8Array(length) } }, ["stamp 5"]),
      RangeError,
    );
  for (const length of [2, 8])
    closePairs(
      pairsOf(platform, { ...here, sender: { ...here.sender, kid: new Uint8Array(length) } }, ["stamp 5"]),
    );
});

test("the last counter is 2^40 - 1", (platform) => {
  const { crypto } = platform;
  const pairs = pairsOf(platform);
  for (const { name, sender, receiver, verdict } of pairs) {
    equal(open(crypto, receiver, protect(crypto, sender, messageOf(maxCounter))).verdict, verdict, name);
    if (name === "sealTo") continue; // carries none
    for (const counter of [maxCounter + 1, -1, 0.5, Number.NaN])
      throws(() => protect(crypto, sender, messageOf(counter)), RangeError);
  }
  closePairs(pairs);
});

test("a content type that no receiver takes is not sent", (platform) => {
  const { crypto } = platform;
  const pairs = pairsOf(platform);
  for (const { sender } of pairs)
    throws(() => protect(crypto, sender, thaw({ ...messageOf(1), contentType: 112 as 110 })), RangeError);
  closePairs(pairs);
});

test("a closed key protects and opens nothing", (platform) => {
  const { crypto } = platform;
  for (const { name, sender, receiver } of pairsOf(platform)) {
    const message = protect(crypto, sender, messageOf(1));
    closePairs([{ name, sender, receiver, verdict: "verified" }]);
    throws(() => open(crypto, receiver, message), TypeError);
    // A recipient's public key is no secret.
    if (name !== "sealTo") throws(() => protect(crypto, sender, messageOf(1)), TypeError);
  }
});

test("bytes that are no message are malformed, whatever the key", (platform) => {
  const pairs = pairsOf(platform);
  const noise = ["", "00", "a0", "f6", "d1", "d08340a040", "d18440a04040", "d28440a04040", "d8608440a04080"];
  for (const { name, receiver } of pairs)
    for (const text of noise) {
      equal(open(platform.crypto, receiver, fromHex(text)), { verdict: "bad", reason: "malformed" }, name);
      ok(claimed(fromHex(text)) === undefined, text);
    }
  closePairs(pairs);
});
