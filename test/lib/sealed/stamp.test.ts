import { claimed } from "../../../lib/sealed/claimed.js";
import { thaw } from "../../../lib/sealed/frozen.js";
import { deriveStampKey, type StampKey } from "../../../lib/sealed/keys.js";
import { openStamp, stamp } from "../../../lib/sealed/stamp.js";
import { bytes, equal, fromHex, hex, type Platform, test } from "../../device/harness.js";
import { casesOf, channelOf, type RejectFile, type StampCase } from "./vectors.js";

function keyOf({ crypto }: Platform, vector: StampCase | RejectFile): StampKey {
  const secret = crypto.importSecret(fromHex(vector.secret));
  const key = deriveStampKey(crypto, secret, channelOf(vector), vector.alg);
  secret.close();
  return key;
}

test("a stamp is that of the vectors, byte for byte, and verifies", (platform) => {
  const { crypto } = platform;
  for (const vector of casesOf<StampCase>(platform.vectors("sealed/stamp"))) {
    const { counter, contentType } = vector;
    const key = keyOf(platform, vector);
    const draft = { counter, plaintext: fromHex(vector.payload), ...(contentType && { contentType }) };
    const message = stamp(crypto, key, thaw(draft));
    bytes(message, vector.message, vector.name);
    const check = openStamp(crypto, key, message);
    equal(check, {
      verdict: "verified",
      message: {
        counter,
        payload: fromHex(vector.payload),
        identity: fromHex(vector.tag),
        kid: key.kid,
        ...(contentType && { contentType }),
      },
    });
    equal(claimed(message), { protection: "stamp", alg: vector.alg, kid: key.kid });
    key.key.close();
  }
});

test("the neighbours of a good stamp are bad", (platform) => {
  const file = platform.vectors("sealed/stamp-reject") as RejectFile;
  const key = keyOf(platform, file);
  for (const { name, accept, message } of file.cases)
    equal(openStamp(platform.crypto, key, fromHex(message)).verdict, accept ? "verified" : "bad", name);
  key.key.close();
});

test("a bad stamp says which kind of bad, and not more", (platform) => {
  const file = platform.vectors("sealed/stamp-reject") as RejectFile;
  const key = keyOf(platform, file);
  const reasonOf = (wanted: string) => {
    const found = file.cases.find(({ name }) => name === wanted)!;
    const check = openStamp(platform.crypto, key, fromHex(found.message));
    return check.verdict === "bad" ? check.reason : check.verdict;
  };
  equal(reasonOf("untagged"), "malformed");
  equal(reasonOf("the tag is cut to 8 bytes"), "malformed");
  equal(reasonOf("another epoch's kid"), "unknown-key");
  equal(reasonOf("HMAC 256/64 under the key of 256/256"), "unknown-key");
  equal(reasonOf("authenticated for another topic"), "not-authentic");
  key.key.close();
});

test("every truncation and every flip of a bit makes a stamp bad", (platform) => {
  const file = platform.vectors("sealed/stamp-reject") as RejectFile;
  const key = keyOf(platform, file);
  const message = fromHex(file.cases[0]!.message);
  const bad = (data: Uint8Array, what: string) =>
    equal(openStamp(platform.crypto, key, data).verdict, "bad", what);
  for (let length = 0; length < message.length; length++)
    bad(message.subarray(0, length), `cut to ${length}`);
  for (let i = 0; i < message.length; i++) {
    message[i]! ^= 1 << (i % 8);
    bad(message, `flip at ${i}`);
    message[i]! ^= 1 << (i % 8);
  }
  equal(openStamp(platform.crypto, key, message).verdict, "verified");
  key.key.close();
});

test("stamping again gives the same bytes", (platform) => {
  const [vector] = casesOf<StampCase>(platform.vectors("sealed/stamp"));
  const key = keyOf(platform, vector!);
  const message = thaw({ counter: 7, plaintext: fromHex("00") });
  equal(hex(stamp(platform.crypto, key, message)), hex(stamp(platform.crypto, key, message)));
  key.key.close();
});
