import { claimed } from "../../../lib/sealed/claimed.js";
import { thaw } from "../../../lib/sealed/frozen.js";
import { openSign, sign } from "../../../lib/sealed/sign.js";
import { bytes, equal, fromHex, ok, test, throws } from "../../device/harness.js";
import { damaged } from "./damage.js";
import { frozenOf, signingKeyOf, verifyingKeyOf } from "./vector-keys.js";
import { casesOf, type SignCase, type SignRejects } from "./vectors.js";

test("a signed message is that of the vectors, byte for byte, and verifies", ({ name, crypto, vectors }) => {
  for (const vector of casesOf<SignCase>(vectors("sealed/sign"))) {
    if (name === "noble") return throws(() => signingKeyOf(crypto, vector, vector.topic), RangeError);
    const { counter, contentType, topic } = vector;
    const signing = signingKeyOf(crypto, vector, topic);
    const verifying = verifyingKeyOf(crypto, vector, topic);
    const message = sign(crypto, signing, frozenOf(vector));
    bytes(message, vector.message, vector.name);
    equal(openSign(crypto, verifying, message), {
      verdict: "verified",
      message: {
        counter,
        payload: fromHex(vector.payload),
        identity: fromHex(vector.identity),
        kid: signing.kid,
        ...(contentType && { contentType }),
      },
    });
    equal(claimed(message), { protection: "sign", alg: -7, kid: signing.kid });
    signing.key.close();
    verifying.key.close();
  }
});

test("the neighbours of a good signed message are bad", ({ name, crypto, vectors }) => {
  if (name === "noble") return;
  const file = vectors("sealed/sign-reject") as SignRejects;
  const key = verifyingKeyOf(crypto, file, file.topic);
  for (const { name, accept, message } of file.cases)
    equal(openSign(crypto, key, fromHex(message)).verdict, accept ? "verified" : "bad", name);
  key.key.close();
});

test("a bad signed message says which kind of bad, and not more", ({ name, crypto, vectors }) => {
  if (name === "noble") return;
  const file = vectors("sealed/sign-reject") as SignRejects;
  const key = verifyingKeyOf(crypto, file, file.topic);
  const check = (wanted: string, reason: string) => {
    const found = file.cases.find(({ name }) => name === wanted)!;
    equal(openSign(crypto, key, fromHex(found.message)), { verdict: "bad", reason }, wanted);
  };
  check("untagged", "malformed");
  check("the signature in DER", "malformed");
  check("another algorithm", "malformed");
  check("another epoch's kid", "unknown-key");
  check("signed for another topic", "not-authentic");
  check("signed by another device", "not-authentic");
  key.key.close();
});

test("every truncation and every flip of a bit makes a signed message bad", ({ name, crypto, vectors }) => {
  if (name === "noble") return;
  const file = vectors("sealed/sign-reject") as SignRejects;
  const key = verifyingKeyOf(crypto, file, file.topic);
  const message = fromHex(file.cases[0]!.message);
  damaged(message, (data, what) => equal(openSign(crypto, key, data).verdict, "bad", what));
  equal(openSign(crypto, key, message).verdict, "verified");
  key.key.close();
});

test("(r, n - s) is as good as (r, s), and the same message", ({ name, crypto, vectors }) => {
  if (name === "noble") return;
  const file = vectors("sealed/sign-reject") as SignRejects;
  const key = verifyingKeyOf(crypto, file, file.topic);
  const first = openSign(crypto, key, fromHex(file.cases[0]!.message));
  const malleated = openSign(crypto, key, fromHex(file.malleated));
  ok(file.malleated !== file.cases[0]!.message, "other bytes");
  equal(malleated, first);
  key.key.close();
});

test("no signature goes around a signature", ({ name, crypto, vectors }) => {
  if (name === "noble") return;
  const [vector] = casesOf<SignCase>(vectors("sealed/sign"));
  const key = signingKeyOf(crypto, vector!, vector!.topic);
  throws(() => sign(crypto, key, thaw({ ...frozenOf(vector!), contentType: 18 })), RangeError);
  key.key.close();
});
