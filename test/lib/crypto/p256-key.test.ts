import { p256PrivateNumber } from "../../../lib/crypto/p256-key.js";
import { bytes, equal, fromHex, hex, test, throws } from "../../device/harness.js";
import { type Es256Case, type Es256Form, es256Forms } from "../auth/vectors.js";
import { casesOf } from "../sealed/vectors.js";

const firstForms = (vectors: unknown) => casesOf<Es256Case>(vectors)[0]!.forms;

test("the private number is found in every form that tools write", ({ vectors }) => {
  for (const { key, forms } of casesOf<Es256Case>(vectors("auth/es256")))
    for (const form of es256Forms) bytes(p256PrivateNumber(fromHex(forms[form])), key, form);
});

test("the number is a view: who zeroes the key has zeroed it", ({ vectors }) => {
  const der = fromHex(firstForms(vectors("auth/es256")).pkcs8);
  const number = p256PrivateNumber(der);
  der.fill(0);
  bytes(number, "00".repeat(32));
});

/** What becomes of it: the number, or a refusal. */
function outcome(der: Uint8Array): string {
  try {
    return hex(p256PrivateNumber(der));
  } catch (error) {
    equal(error instanceof RangeError, true, String(error));
    return "refused";
  }
}

test("a key that is cut short, or followed by something, is refused", ({ vectors }) => {
  const forms = firstForms(vectors("auth/es256"));
  for (const form of es256Forms) {
    const der = fromHex(forms[form]);
    for (let length = 0; length < der.length; length++)
      equal(outcome(der.subarray(0, length)), "refused", `${form}, ${length} bytes`);
    equal(outcome(fromHex(`${forms[form]}00`)), "refused", form);
    equal(outcome(der) !== "refused", true, form);
  }
});

test("of a key with one byte changed nothing but a number of 32 bytes is believed", ({ vectors }) => {
  const { pkcs8 } = firstForms(vectors("auth/es256"));
  const number = outcome(fromHex(pkcs8));
  const at = pkcs8.indexOf(number) / 2;
  for (let i = 0; i < pkcs8.length / 2; i++) {
    const der = fromHex(pkcs8);
    der[i]! ^= 1;
    const found = outcome(der);
    // version 0 and 1 are both right, and the public key is not looked into
    if (found === number) equal(i === 5 || i > at + 33, true, `byte ${i}`);
    else equal(found === "refused" || (i >= at && i < at + 32), true, `byte ${i}`);
  }
});

/** [what is wrong, form, what stands there, what stands there instead] */
const wrong: readonly (readonly [string, Es256Form, string, string])[] = [
  ["a length in a form that is not the shortest", "pkcs8, number alone", "3041", "308141"],
  ["a length of two bytes", "pkcs8", "308187", "30820087"],
  ["a length without end", "pkcs8, number alone", "3041", "3080"],
  ["another curve", "pkcs8", "2a8648ce3d030107", "2a8648ce3d030106"],
  ["another kind of key", "pkcs8", "2a8648ce3d0201", "2a8648ce3d0202"],
  ["version 2", "pkcs8", "020100", "020102"],
  ["version 0 of an EC key", "sec1", "020101", "020100"],
  ["a number of 31 bytes and one more element", "sec1", "0420c9", "041f"],
  ["another curve in SEC 1", "sec1", "2a8648ce3d030107", "2a8648ce3d030101"],
  [
    "another curve within PKCS #8",
    "pkcs8, with curve",
    "a00a06082a8648ce3d030107",
    "a00a06082a8648ce3d030101",
  ],
  ["SEC 1 without a curve", "sec1, number and curve", "a00a", "a10a"],
];

test("what is no P-256 private key is refused, in one sentence that tells nothing of it", ({ vectors }) => {
  const forms = firstForms(vectors("auth/es256"));
  for (const [what, form, right, instead] of wrong) {
    equal(forms[form].includes(right), true, `${what}: the sibling has it`);
    const der = fromHex(forms[form].replace(right, instead));
    throws(() => p256PrivateNumber(der), RangeError, /^not a P-256 private key in PKCS #8 or SEC 1$/);
    equal(outcome(der), "refused", what);
  }
});
