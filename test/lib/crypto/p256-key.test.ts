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

/** DER: tag, length, content. */
function element(tag: string, ...content: string[]): string {
  const all = content.join("");
  return `${tag}${(256 + all.length / 2).toString(16).slice(1)}${all}`;
}

const curve = element("06", "2a8648ce3d030107");
const keyType = element("06", "2a8648ce3d0201");
const nothing = element("05");

/** Each is right but for what it is given. */
function sec1({ number = "07".repeat(32), named = curve, more = "" }): string {
  return element("30", element("02", "01"), element("04", number), element("a0", named), more);
}
function pkcs8({ version = "00", algorithm = keyType + curve, key = sec1({}), more = "" }): string {
  return element("30", element("02", version), element("30", algorithm), element("04", key), more);
}

test("what stands beside the number is what belongs there, and nothing more", () => {
  const accepted = [
    sec1({}),
    sec1({ more: element("a1", "0300") }),
    pkcs8({}),
    pkcs8({ version: "01", more: element("a0", nothing) + element("81", "00") }),
  ];
  for (const der of accepted) equal(outcome(fromHex(der)), "07".repeat(32), der);
  const refused = [
    sec1({ number: "07".repeat(31) }),
    sec1({ number: "07".repeat(33) }),
    sec1({ named: curve + nothing }),
    sec1({ named: "" }),
    sec1({ more: "a1" }),
    sec1({ more: "a102" }),
    pkcs8({ algorithm: keyType + curve + nothing }),
    pkcs8({ algorithm: curve + keyType }),
    pkcs8({ algorithm: keyType }),
    pkcs8({ version: "" }),
    pkcs8({ version: "0000" }),
    pkcs8({ more: "a0" }),
    pkcs8({ more: "a001" }),
    pkcs8({ key: sec1({}) + nothing }),
    pkcs8({ key: pkcs8({}) }),
    pkcs8({ key: "" }),
  ];
  for (const der of refused) equal(outcome(fromHex(der)), "refused", der);
});
