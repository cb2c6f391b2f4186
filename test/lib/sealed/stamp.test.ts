import { claimed } from "../../../lib/sealed/claimed.js";
import { thaw } from "../../../lib/sealed/frozen.js";
import { openStamp, stamp } from "../../../lib/sealed/stamp.js";
import { bytes, equal, fromHex, hex, test } from "../../device/harness.js";
import { damaged } from "./damage.js";
import { frozenOf, stampKeyOf } from "./vector-keys.js";
import { casesOf, type RejectFile, type StampCase } from "./vectors.js";

test("a stamp is that of the vectors, byte for byte, and verifies", (platform) => {
  const { crypto } = platform;
  for (const vector of casesOf<StampCase>(platform.vectors("sealed/stamp"))) {
    const { counter, contentType } = vector;
    const key = stampKeyOf(platform.crypto, vector);
    const message = stamp(crypto, key, frozenOf(vector));
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
  const key = stampKeyOf(platform.crypto, file);
  for (const { name, accept, message } of file.cases)
    equal(openStamp(platform.crypto, key, fromHex(message)).verdict, accept ? "verified" : "bad", name);
  key.key.close();
});

test("a bad stamp says which kind of bad, and not more", (platform) => {
  const file = platform.vectors("sealed/stamp-reject") as RejectFile;
  const key = stampKeyOf(platform.crypto, file);
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
  const key = stampKeyOf(platform.crypto, file);
  const message = fromHex(file.cases[0]!.message);
  damaged(message, (data, what) => equal(openStamp(platform.crypto, key, data).verdict, "bad", what));
  equal(openStamp(platform.crypto, key, message).verdict, "verified");
  key.key.close();
});

test("stamping again gives the same bytes", (platform) => {
  const [vector] = casesOf<StampCase>(platform.vectors("sealed/stamp"));
  const key = stampKeyOf(platform.crypto, vector!);
  const message = thaw({ counter: 7, plaintext: fromHex("00") });
  equal(hex(stamp(platform.crypto, key, message)), hex(stamp(platform.crypto, key, message)));
  key.key.close();
});
