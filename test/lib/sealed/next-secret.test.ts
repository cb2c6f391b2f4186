import { thaw } from "../../../lib/sealed/frozen.js";
import { deriveStampKey, encodeKid } from "../../../lib/sealed/keys.js";
import { deriveNextSecret, epochOfSalt } from "../../../lib/sealed/next-secret.js";
import { openStamp, stamp } from "../../../lib/sealed/stamp.js";
import { bytes, equal, fromHex, test, throws } from "../../device/harness.js";
import { casesOf, type NextSecretCase } from "./vectors.js";

const secret = fromHex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
const salt = fromHex("a0a1a2a3a4a5a6a7a8a9aaabacadaeaf");

test("the next secret is what HKDF of OpenSSL gives", ({ crypto }) => {
  const present = crypto.importSecret(secret);
  // node -e: hkdfSync("sha256", secret, salt, dCBOR(["dormouse1", "next-secret", 7]), 32)
  bytes(
    deriveNextSecret(crypto, present, 7, salt),
    "3bb326fcd37a04039a0c4154a1d979acd631c4ff8ae4dcccb1fab90ebbc83993",
  );
  present.close();
});

test("epoch and salt each make another secret", ({ crypto }) => {
  const present = crypto.importSecret(secret);
  const one = deriveNextSecret(crypto, present, 7, salt);
  for (const other of [
    deriveNextSecret(crypto, present, 8, salt),
    deriveNextSecret(crypto, present, 7, fromHex("a0a1a2a3a4a5a6a7a8a9aaabacadaeae")),
  ])
    equal(
      one.every((byte, i) => byte === other[i]),
      false,
    );
  present.close();
});

test("a salt of fewer than 16 bytes or more than 64, and no epoch, are refused", ({ crypto }) => {
  const present = crypto.importSecret(secret);
  throws(() => deriveNextSecret(crypto, present, 7, salt.subarray(1)), RangeError);
  throws(() => deriveNextSecret(crypto, present, 7, new Uint8Array(65)), RangeError);
  throws(() => deriveNextSecret(crypto, present, 2 ** 32, salt), RangeError);
  throws(() => deriveNextSecret(crypto, present, 0.5, salt), RangeError);
  equal(deriveNextSecret(crypto, present, 7, new Uint8Array(64)).length, 32);
  present.close();
});

test("what replaces a factory image's secret: its epoch, kid and stamps are those of the vectors", (platform) => {
  const { crypto } = platform;
  for (const vector of casesOf<NextSecretCase>(platform.vectors("sealed/next-secret"))) {
    const { epoch, topic, senderId, counter } = vector;
    const ownSalt = fromHex(vector.salt);
    equal(epochOfSalt(ownSalt), epoch);
    const first = crypto.importSecret(fromHex(vector.secret));
    const next = deriveNextSecret(crypto, first, epoch, ownSalt);
    bytes(next, vector.nextSecret);
    const own = crypto.importSecret(next);
    const sender = { id: senderId, epoch, salt: ownSalt };
    bytes(encodeKid(sender), vector.kid);
    bytes(encodeKid({ ...sender, kid: fromHex("a1b2") }), vector.kid, "no short kid in its place");
    const key = deriveStampKey(crypto, own, { sender, direction: "up", topic });
    bytes(stamp(crypto, key, thaw({ counter, plaintext: fromHex(vector.payload) })), vector.message);
    equal(openStamp(crypto, key, fromHex(vector.message)).verdict, "verified");
    for (const one of [first, own, key.key]) one.close();
  }
});

test("the epoch of a salt leaves higher ones", () => {
  equal(epochOfSalt(new Uint8Array(16).fill(0xff)), 2 ** 31 - 1);
  equal(epochOfSalt(new Uint8Array(16)), 0);
});
