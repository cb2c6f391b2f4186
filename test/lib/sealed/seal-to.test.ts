import type { Crypto } from "../../../lib/crypto/crypto.js";
import { claimed } from "../../../lib/sealed/claimed.js";
import { thaw } from "../../../lib/sealed/frozen.js";
import { closeKey } from "../../../lib/sealed/protect.js";
import { sealTo } from "../../../lib/sealed/seal-to.js";
import { openSealTo, type SealToOpener } from "../../../lib/sealed/unseal.js";
import { bytes, equal, fromHex, hex, ok, test, throws } from "../../device/harness.js";
import { damaged } from "./damage.js";
import { frozenOf, openerOf, sealToKeyOf, verifyingKeyOf, withRandomness } from "./vector-keys.js";
import { casesOf, type SealToCase, type SealToRejects } from "./vectors.js";

function checkVector(crypto: Crypto, vector: SealToCase): void {
  const { counter, contentType, ephemeralKey, iv } = vector;
  const key = sealToKeyOf(crypto, vector);
  const opener = openerOf(crypto, vector);
  const message = sealTo(withRandomness(crypto, ephemeralKey, iv), key, frozenOf(vector));
  bytes(message, vector.message, vector.name);
  const content = { payload: fromHex(vector.payload), ...(contentType && { contentType }) };
  const kid = key.signer?.kid;
  equal(
    openSealTo(crypto, opener, message),
    kid
      ? { verdict: "verified", message: { counter, identity: fromHex(vector.identity!), kid, ...content } }
      : { verdict: "unauthenticated", ...content },
    vector.name,
  );
  const recipientKid = fromHex(vector.recipientKid);
  equal(claimed(message), { protection: "sealTo", alg: 1, recipientKid });
  closeKey(key);
  closeKey(opener);
}

test("with the vectors' ephemeral keys and IVs sealTo gives their bytes, and opens", (platform) => {
  const { name, crypto, vectors } = platform;
  for (const vector of casesOf<SealToCase>(vectors("sealed/seal-to"))) {
    if (name === "noble") return throws(() => sealToKeyOf(crypto, vector), RangeError);
    checkVector(crypto, vector);
  }
});

test("the neighbours of a good message are bad, or not authenticated", ({ name, crypto, vectors }) => {
  if (name === "noble") return;
  const file = vectors("sealed/seal-to-reject") as SealToRejects;
  const { signer, ...anonymous } = openerOf(crypto, file);
  for (const { name, accept, message, withoutSigner } of file.cases) {
    const data = fromHex(message);
    const demanding = openSealTo(crypto, { ...anonymous, signer: signer! }, data);
    equal(demanding.verdict, accept ? "verified" : "bad", name);
    equal(openSealTo(crypto, anonymous, data).verdict, withoutSigner, `${name}, to whom knows no signer`);
  }
  closeKey({ ...anonymous, signer: signer! });
});

test("a bad message says which kind of bad, and not more", ({ name, crypto, vectors }) => {
  if (name === "noble") return;
  const file = vectors("sealed/seal-to-reject") as SealToRejects;
  const opener = openerOf(crypto, file);
  const check = (wanted: string, reason: string) => {
    const found = file.cases.find(({ name }) => name === wanted)!;
    equal(openSealTo(crypto, opener, fromHex(found.message)), { verdict: "bad", reason }, wanted);
  };
  check("untagged", "malformed");
  check("x of no point", "malformed");
  check("a recipient's kid of no bytes", "malformed");
  check("a recipient's kid of 33 bytes", "malformed");
  check("the ephemeral key uncompressed", "malformed");
  check("another recipient's kid", "unknown-key");
  check("another epoch's kid", "unknown-key");
  check("sealed for another topic", "not-authentic");
  check("signed for another recipient", "not-authentic");
  check("not signed", "not-authentic");
  closeKey(opener);
});

test("every truncation and every flip of a bit makes the message bad", ({ name, crypto, vectors }) => {
  if (name === "noble") return;
  const file = vectors("sealed/seal-to-reject") as SealToRejects;
  const { signer, ...anonymous } = openerOf(crypto, file);
  const message = fromHex(file.cases[0]!.message);
  damaged(message, (data, what) => equal(openSealTo(crypto, anonymous, data).verdict, "bad", what));
  equal(openSealTo(crypto, anonymous, message).verdict, "unauthenticated");
  closeKey({ ...anonymous, signer: signer! });
});

test("a retry has other bytes around the same signature", ({ name, crypto, vectors }) => {
  if (name === "noble") return;
  const [vector] = casesOf<SealToCase>(vectors("sealed/seal-to"));
  const key = sealToKeyOf(crypto, vector!);
  const opener = openerOf(crypto, vector!);
  const [first, again] = [1, 2].map(() => sealTo(crypto, key, frozenOf(vector!)));
  ok(hex(first!) !== hex(again!), "the ephemeral key is new");
  equal(openSealTo(crypto, opener, first!), openSealTo(crypto, opener, again!));
  closeKey(key);
  closeKey(opener);
});

test("the signer's key is found by the kid inside", ({ name, crypto, vectors }) => {
  if (name === "noble") return;
  const file = vectors("sealed/seal-to-reject") as SealToRejects;
  const message = fromHex(file.cases[0]!.message);
  const { signer, ...anonymous } = openerOf(crypto, file);
  const asked: Uint8Array[] = [];
  const lookup = (found: boolean): SealToOpener => ({
    ...anonymous,
    signer: (kid) => {
      asked.push(kid);
      return found ? verifyingKeyOf(crypto, file.signer, file.topic) : undefined;
    },
  });
  equal(openSealTo(crypto, lookup(true), message).verdict, "verified");
  equal(openSealTo(crypto, lookup(false), message), { verdict: "bad", reason: "unknown-key" });
  equal(
    asked.map(hex),
    ["4a646f726d6f7573652d3101", "4a646f726d6f7573652d3101"].map((kid) => `82${kid}`),
  );
  closeKey({ ...anonymous, signer: signer! });
});

test("what no receiver would take is not sent", ({ name, crypto, vectors }) => {
  if (name === "noble") return;
  const vector = casesOf<SealToCase>(vectors("sealed/seal-to"))[1]!;
  const key = sealToKeyOf(crypto, vector);
  const message = frozenOf(vector);
  throws(() => sealTo(crypto, key, thaw({ ...message, contentType: 18 })), RangeError);
  for (const length of [0, 33])
    throws(() => sealTo(crypto, { ...key, recipientKid: new Uint8Array(length) }, message), RangeError);
  throws(() => sealTo(crypto, { ...key, topic: "a/+" }, message), RangeError);
  const offCurve = key.recipientPoint.slice();
  offCurve[64]! ^= 1;
  throws(() => sealTo(crypto, { ...key, recipientPoint: offCurve }, message), RangeError);
  sealTo(crypto, key, message);
});
