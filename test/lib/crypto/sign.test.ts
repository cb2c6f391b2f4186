import { bytes, equal, fromHex, type Platform, test, throws } from "../../device/harness.js";
import { type Es256Case, es256Forms } from "../auth/vectors.js";
import { casesOf } from "../sealed/vectors.js";
import { order } from "./p256-vectors.js";

const range = (length: number) => Uint8Array.from({ length }, (_, i) => i);

function firstKey({ vectors }: Platform): string {
  return casesOf<Es256Case>(vectors("auth/es256"))[0]!.forms.pkcs8;
}

test("ES256 gives RFC 6979 A.2.5, and what Python makes of other keys", ({ name, crypto, vectors }) => {
  for (const { forms, signatures } of casesOf<Es256Case>(vectors("auth/es256"))) {
    if (name === "noble")
      return throws(() => crypto.importSigningKey(fromHex(forms.pkcs8)), RangeError, /P-256/);
    for (const form of es256Forms) {
      const key = crypto.importSigningKey(fromHex(forms[form]));
      const some = form === "pkcs8" ? signatures : signatures.slice(0, 1);
      for (const { message, signature } of some) bytes(crypto.sign(key, fromHex(message)), signature, form);
      key.close();
    }
  }
});

test("the signing key is copied: what the caller does to its bytes changes nothing", (platform) => {
  const { name, crypto } = platform;
  if (name === "noble") return;
  const der = fromHex(firstKey(platform));
  const key = crypto.importSigningKey(der);
  const before = crypto.sign(key, range(3));
  der.fill(0);
  equal(crypto.sign(key, range(3)), before);
  key.close();
});

test("a private number of 0, of the curve's order and beyond it is no key; its neighbour below is one", (platform) => {
  const { name, crypto } = platform;
  const right = firstKey(platform);
  const number = casesOf<Es256Case>(platform.vectors("auth/es256"))[0]!.key;
  const withNumber = (other: string) => fromHex(right.replace(number, other));
  for (const wrong of ["00".repeat(32), order, "ff".repeat(32)])
    throws(() => crypto.importSigningKey(withNumber(wrong)), RangeError, /P-256/);
  if (name !== "noble") crypto.importSigningKey(withNumber(order.replace(/1$/, "0"))).close();
});

test("bytes that are no P-256 key are refused, and the refusal tells none of them", ({ crypto }) => {
  for (const wrong of ["", "30", "00".repeat(32), `3041${"02".repeat(65)}`])
    throws(() => crypto.importSigningKey(fromHex(wrong)), RangeError, /^[^0-9]*P-256[^0-9]*(#8 or SEC 1)?$/);
});

test("a closed signing key throws TypeError, and closing twice is allowed", (platform) => {
  const { name, crypto } = platform;
  if (name === "noble") return;
  const key = crypto.importSigningKey(fromHex(firstKey(platform)));
  key.close();
  key.close();
  throws(() => crypto.sign(key, range(1)), TypeError);
});

test("no key does another's work", (platform) => {
  const { name, crypto } = platform;
  if (name === "noble") return;
  const secret = crypto.importSecret(range(32));
  const mac = crypto.importMacKey(range(32));
  const signing = crypto.importSigningKey(fromHex(firstKey(platform)));
  throws(() => crypto.sign(mac, range(1)), TypeError);
  throws(() => crypto.sign(secret, range(1)), TypeError);
  throws(() => crypto.hmac(signing, range(1)), TypeError);
  throws(() => crypto.deriveBytes(signing, range(1), 16), TypeError);
  for (const key of [secret, mac, signing]) key.close();
});

// RFC 4231 §4.2, §4.3 and §4.4
const macs: readonly (readonly [key: string, data: string, mac: string])[] = [
  ["0b".repeat(20), "4869205468657265", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"],
  [
    "4a656665",
    "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
  ],
  ["aa".repeat(20), "dd".repeat(50), "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"],
];

test("HMAC-SHA-256 under an imported key gives RFC 4231's", ({ crypto }) => {
  for (const [key, data, mac] of macs) {
    const material = fromHex(key);
    const imported = crypto.importMacKey(material);
    material.fill(0);
    bytes(crypto.hmac(imported, fromHex(data)), mac);
    imported.close();
    throws(() => crypto.hmac(imported, fromHex(data)), TypeError);
  }
});

test("a MAC key of no bytes is refused", ({ crypto }) => {
  throws(() => crypto.importMacKey(range(0)), RangeError);
  crypto.importMacKey(range(1)).close();
});
