import { claimed } from "../../../lib/sealed/claimed.js";
import { openSeal, seal } from "../../../lib/sealed/seal.js";
import { bytes, equal, fromHex, test } from "../../device/harness.js";
import { damaged } from "./damage.js";
import { frozenOf, hasAead, sealKeyOf } from "./vector-keys.js";
import { casesOf, type SealCase, type SealRejects } from "./vectors.js";

const rejectFiles = ["sealed/seal-reject-chacha", "sealed/seal-reject-ccm"];

test("a seal is that of the vectors, byte for byte, and opens", ({ crypto, vectors }) => {
  for (const vector of casesOf<SealCase>(vectors("sealed/seal"))) {
    const { alg, counter, contentType } = vector;
    if (!hasAead(crypto, alg)) continue;
    const key = sealKeyOf(crypto, vector);
    bytes(key.contextIv, vector.contextIv, "Context IV");
    const message = seal(crypto, key, frozenOf(vector));
    bytes(message, vector.message, vector.name);
    const identity = message.subarray(message.length - (alg === 10 ? 8 : 16));
    equal(openSeal(crypto, key, message), {
      verdict: "verified",
      message: {
        counter,
        payload: fromHex(vector.payload),
        identity,
        kid: key.kid,
        ...(contentType && { contentType }),
      },
    });
    equal(claimed(message), { protection: "seal", alg, kid: key.kid });
    key.key.close();
  }
});

test("the neighbours of a good seal are bad", ({ crypto, vectors }) => {
  for (const name of rejectFiles) {
    const file = vectors(name) as SealRejects;
    if (!hasAead(crypto, file.alg)) continue;
    const key = sealKeyOf(crypto, file);
    for (const { name, accept, message } of file.cases)
      equal(openSeal(crypto, key, fromHex(message)).verdict, accept ? "verified" : "bad", name);
    key.key.close();
  }
});

test("a bad seal says which kind of bad, and not more", ({ crypto, vectors }) => {
  const file = vectors("sealed/seal-reject-chacha") as SealRejects;
  const key = sealKeyOf(crypto, file);
  const check = (wanted: string, reason: string) => {
    const found = file.cases.find(({ name }) => name === wanted)!;
    equal(openSeal(crypto, key, fromHex(found.message)), { verdict: "bad", reason }, wanted);
  };
  check("untagged", "malformed");
  check("shorter than a tag", "malformed");
  check("another epoch's kid", "unknown-key");
  check("another algorithm", "unknown-key");
  check("sealed for another topic", "not-authentic");
  check("the tag is one bit off", "not-authentic");
  key.key.close();
});

test("every truncation and every flip of a bit makes a seal bad", ({ crypto, vectors }) => {
  for (const name of rejectFiles) {
    const file = vectors(name) as SealRejects;
    if (!hasAead(crypto, file.alg)) continue;
    const key = sealKeyOf(crypto, file);
    const message = fromHex(file.cases[0]!.message);
    damaged(message, (data, what) => equal(openSeal(crypto, key, data).verdict, "bad", what));
    equal(openSeal(crypto, key, message).verdict, "verified");
    key.key.close();
  }
});
