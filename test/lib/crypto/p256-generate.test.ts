import type { Crypto } from "../../../lib/crypto/crypto.js";
import { generateP256 } from "../../../lib/crypto/p256-generate.js";
import { p256PrivateNumber } from "../../../lib/crypto/p256-key.js";
import { bytes, equal, fromHex, hex, test, throws } from "../../device/harness.js";

/** A generator that gives these, one after the other, and then fails. */
function giving(crypto: Crypto, numbers: string[]): Crypto {
  return {
    ...crypto,
    random: (length) => {
      equal(length, 32);
      const next = numbers.shift();
      if (next === undefined) throw new Error("asked too often");
      return fromHex(next);
    },
  };
}

const order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
const below = order.replace(/1$/, "0");
const one = `${"00".repeat(31)}01`;

test("every number from 1 to the order less 1 is a key, and no other", ({ crypto }) => {
  const generated = (...numbers: string[]) => hex(p256PrivateNumber(generateP256(giving(crypto, numbers))));
  equal(generated(one), one);
  equal(generated(below), below);
  const lower = `fffffffe${"ff".repeat(28)}`;
  equal(generated(lower), lower, "a later byte does not count");
  const refused = [
    "00".repeat(32),
    order,
    "ff".repeat(32),
    order.replace(/1$/, "2"),
    `ffffffff01${"00".repeat(27)}`,
  ];
  for (const number of refused) equal(generated(number, one), one, number);
});

test("a key is PKCS #8 with the number alone", ({ crypto }) => {
  bytes(
    generateP256(giving(crypto, [below])),
    `3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420${below}`,
  );
});

test("a generator that is broken is not asked for ever", ({ crypto }) => {
  throws(() => generateP256({ ...crypto, random: (length) => new Uint8Array(length) }), RangeError);
});

test("keys differ, and sign", ({ name, crypto }) => {
  const first = generateP256(crypto);
  const second = generateP256(crypto);
  equal(hex(first) === hex(second), false);
  if (name === "noble") return;
  const key = crypto.importAgreementKey(first);
  const point = crypto.agreementPoint(key);
  const signing = crypto.importSigningKey(first);
  const verifying = crypto.importVerifyingKey(point);
  equal(crypto.verify(verifying, first, crypto.sign(signing, first)), true);
  for (const each of [key, signing, verifying]) each.close();
});
