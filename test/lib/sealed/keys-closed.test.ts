/** Keys that a message needs for itself are closed, so zeroised, when it has been made or opened, whatever came of it. */
import type { Crypto, Key } from "../../../lib/crypto/crypto.js";
import { open, protect } from "../../../lib/sealed/protect.js";
import { equal, fromHex, ok, test, throws } from "../../device/harness.js";
import { messageOf, pairsOf } from "./pairs.js";
import { openerOf } from "./vector-keys.js";
import type { SealToRejects } from "./vectors.js";

/** A provider that knows which of the keys it made have not been closed. */
function watching(crypto: Crypto): { crypto: Crypto; open: Set<Key>; made: () => number } {
  const open = new Set<Key>();
  let made = 0;
  const watched = (key: Key): Key => {
    made++;
    open.add(key);
    const close = key.close;
    Object.defineProperty(key, "close", {
      value: () => {
        open.delete(key);
        close.call(key);
      },
    });
    return key;
  };
  return {
    open,
    made: () => made,
    crypto: {
      ...crypto,
      generateAgreementKey: () => watched(crypto.generateAgreementKey()),
      agree: (key, point) => watched(crypto.agree(key, point)),
      deriveAeadKey: (secret, info, alg, salt) => watched(crypto.deriveAeadKey(secret, info, alg, salt)),
    },
  };
}

test("sealing to a key and opening leave no key open", (platform) => {
  for (const { name, sender, receiver } of pairsOf(platform, undefined, ["sealTo", "sealTo, signed"])) {
    const watch = watching(platform.crypto);
    const message = protect(watch.crypto, sender, messageOf(1));
    equal(watch.made(), 3, `${name}: ephemeral key, secret, content key`);
    equal(watch.open.size, 0, `${name}, sealed`);
    open(watch.crypto, receiver, message);
    equal(watch.made(), 5, `${name}: secret, content key`);
    equal(watch.open.size, 0, `${name}, opened`);
    message[message.length - 1]! ^= 1;
    open(watch.crypto, receiver, message);
    equal(watch.open.size, 0, `${name}, refused`);
  }
});

test("nor do those that go wrong", ({ name, crypto, vectors }) => {
  if (name === "noble") return;
  const file = vectors("sealed/seal-to-reject") as SealToRejects;
  const opener = openerOf(crypto, file);
  const watch = watching(crypto);
  for (const { message } of file.cases) open(watch.crypto, opener, fromHex(message));
  ok(watch.made() > 20, "many of them got as far as a key");
  equal(watch.open.size, 0);
});

test("nor does a provider that fails in the midst of it", (platform) => {
  for (const { sender, receiver } of pairsOf(platform, undefined, ["sealTo"])) {
    const message = protect(platform.crypto, sender, messageOf(1));
    const fail = () => {
      throw new Error("no memory");
    };
    for (const failing of ["agree", "deriveAeadKey", "random", "encrypt"] as const) {
      const watch = watching(platform.crypto);
      throws(() => protect({ ...watch.crypto, [failing]: fail }, sender, messageOf(1)), Error, /no memory/);
      equal(watch.open.size, 0, failing);
    }
    for (const failing of ["agree", "deriveAeadKey", "decrypt"] as const) {
      const watch = watching(platform.crypto);
      throws(() => open({ ...watch.crypto, [failing]: fail }, receiver, message), Error, /no memory/);
      equal(watch.open.size, 0, failing);
    }
  }
});
