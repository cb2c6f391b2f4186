/** COSE_Mac, COSE_Sign and the keys of recipients, which only others' messages have. */
import { encode } from "../../../lib/cbor/encode.js";
import { CborError, CborTagged, type CborValue } from "../../../lib/cbor/value.js";
import { compressedKey } from "../../../lib/cose/ec2-key.js";
import { decodeMac, deriveMacKey, macTag, verifyMac } from "../../../lib/cose/mac.js";
import { agreedSecret, recipientContext } from "../../../lib/cose/recipient.js";
import { decodeSign, signStructure, verifySigner } from "../../../lib/cose/sign.js";
import { pkcs8 } from "../../device/cose-example-parts.js";
import { bytes, equal, fromHex, ok, test, throws } from "../../device/harness.js";

const payload = Uint8Array.of(1, 2, 3);
const none = new Uint8Array(0);

function headers(
  protectedHeader: [number, CborValue][],
  unprotected: [number, CborValue][] = [],
): CborValue[] {
  return [encode(new Map(protectedHeader)), new Map(unprotected)];
}

function mac(recipient: CborValue[], tag: Uint8Array): Uint8Array {
  return encode(new CborTagged(97, [...headers([[1, 5]]), payload, tag, [[...recipient, none]]]));
}

test("a COSE_Mac verifies under the key of its recipient, and no other", ({ crypto }) => {
  const recipient = headers([[1, -10]], [[-20, fromHex("aabb")]]);
  const parts = decodeMac(mac(recipient, new Uint8Array(32)));
  const secret = crypto.importSecret(new Uint8Array(32).fill(1));
  const key = deriveMacKey(crypto, secret, 5, parts.recipients[0]!);
  const tag = macTag(crypto, key, parts, none)!;
  const message = mac(recipient, tag);
  ok(verifyMac(crypto, key, decodeMac(message), none), "its own tag");
  ok(!verifyMac(crypto, key, decodeMac(message), payload), "other external data");
  tag[31]! ^= 1;
  ok(!verifyMac(crypto, key, decodeMac(mac(recipient, tag)), none), "a bit of the tag");
  const unsalted = decodeMac(mac(headers([[1, -10]]), new Uint8Array(32))).recipients[0]!;
  const other = deriveMacKey(crypto, secret, 5, unsalted);
  ok(!verifyMac(crypto, other, decodeMac(message), none), "a key without the salt");
  for (const one of [secret, key, other]) one.close();
});

test("an algorithm that is not here has no tag", ({ crypto }) => {
  const key = crypto.importMacKey(payload);
  const message = [...headers([[1, 6]]), payload, new Uint8Array(48), [[...headers([[1, -6]]), none]]];
  const parts = decodeMac(encode(new CborTagged(97, message)));
  equal(macTag(crypto, key, parts, none), undefined);
  ok(!verifyMac(crypto, key, parts, none), "HMAC 384");
  key.close();
});

test("identities, nonces and what else the parties know stand in the context in their order", () => {
  const parties: [number, CborValue][] = [-21, -22, -23, -24, -25, -26].map((name) => [
    name,
    Uint8Array.of(-name),
  ]);
  const recipient = decodeMac(mac(headers([[1, -10]], parties), payload)).recipients[0]!;
  bytes(recipientContext(5, 256, recipient), "8405834115411641178341184119411a8219010043a10129");
  const unsent = { partyUIdentity: none, publicOther: payload, privateOther: none };
  bytes(
    recipientContext(5, 256, recipient, unsent),
    "85058340411641178341184119411a8319010043a101294301020340",
  );
});

test("a COSE_Sign verifies signer by signer", ({ name, crypto }) => {
  if (name === "noble") return;
  const der = pkcs8(new Uint8Array(32).fill(5));
  const point = crypto.agreementPoint(crypto.importAgreementKey(der));
  const signing = crypto.importSigningKey(der);
  const verifying = crypto.importVerifyingKey(point);
  const message = (signature: Uint8Array, alg = -7) =>
    decodeSign(
      encode(new CborTagged(98, [...headers([[3, 0]]), payload, [[...headers([[1, alg]]), signature]]])),
    );
  const unsigned = message(new Uint8Array(64));
  const signature = crypto.sign(signing, signStructure(unsigned, unsigned.signers[0]!, none));
  const verdict = (sign: ReturnType<typeof message>, aad = none) =>
    verifySigner(crypto, verifying, sign, sign.signers[0]!, aad);
  ok(verdict(message(signature)), "its own signature");
  ok(!verdict(message(signature), payload), "other external data");
  const other = message(new Uint8Array(64), -35);
  const otherSignature = crypto.sign(signing, signStructure(other, other.signers[0]!, none));
  ok(!verdict(message(otherSignature, -35)), "another algorithm, though signed as such");
  ok(!verdict(message(signature.subarray(1))), "a shorter signature");
  ok(!verdict(unsigned), "a signature of zeros");
  signing.close();
  verifying.close();
});

test("the agreed secret is the sender's, from a point of the curve only", ({ name, crypto }) => {
  if (name === "noble") return;
  const [ours, theirs] = [5, 6].map((byte) =>
    crypto.importAgreementKey(pkcs8(new Uint8Array(32).fill(byte))),
  );
  const ephemeral = compressedKey(crypto.agreementPoint(theirs!));
  const recipient = (key: CborValue) =>
    decodeMac(mac(headers([[1, -25]], [[-1, key]]), payload)).recipients[0]!;
  const secret = agreedSecret(crypto, ours!, recipient(ephemeral));
  const same = crypto.agree(theirs!, crypto.agreementPoint(ours!));
  equal(crypto.deriveBytes(secret, payload, 32), crypto.deriveBytes(same, payload, 32));
  const offCurve = new Map([...ephemeral, [-3, new Uint8Array(32).fill(1)] as const]);
  throws(() => agreedSecret(crypto, ours!, recipient(offCurve)), CborError);
  throws(() => agreedSecret(crypto, ours!, recipient(null)), CborError);
  for (const key of [ours!, theirs!, secret, same]) key.close();
});
