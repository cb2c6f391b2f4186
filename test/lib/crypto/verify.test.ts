import { equal, fromHex, type Platform, test, throws } from "../../device/harness.js";
import { type Es256Case, es256Forms } from "../auth/vectors.js";
import { casesOf } from "../sealed/vectors.js";
import { order, points, refusalOf, wrongPoints } from "./p256-vectors.js";

const ascii = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
const message = ascii("what a dormouse signs");
const point =
  "0485bcde749bd923c85340c2fe89f8e8132a6ed7651c06a01005d79084039c66fcf447e089bb39bbf33e57c83afcc04232fb8d0c7aacadd78179" +
  "be1d3919eb4048";

/** OpenSSL 3.0's, by `openssl dgst -sha256 -sign`, the DER taken off; the last two by Node's `sign`. */
const signatures = [
  "74e2e9983acc45300cd92cc6ef24afeb02457cc8bda9e53a5967c77b1db67b06d0f50f275d6fec8238954536eafb3e544fca80c0b90a96fdb7ad4e8ebcce842e",
  "5281883981d5d7ec09bc8db3a6225e7f17b99f07ee19a78b6b2e7db5332219e5162e7d5c35865e9022a0fa054e8d3c459a6c1fcfa8f2bae59f94457fe757abab",
  "1fc49a86ea633014253a6bef9d1af0ce10d39bb3efe157045d3706b69ca3c68ccf389be1862f5c391f9a8af11779a7bc487db7cb12c1929a7a51a50bd53f11e3",
  "0242eeacacf4a9ef0a4d9bbc9ad4fd2d10f2ae55e7eceb5d36a72385825b611b151923b701101ee99f207c5128fbc3c465f167be7ec0778868c798e9adfd3ce8",
  "f8481b30e9fb71eaecd3f0bc506d16b140e27a3750b30552e592acad2598367bbb43a82058a1df872dc13f45bc573c145b7a7772de888e5430fcb43b7cbb552a",
];
const signature = signatures[0]!;
const [r, s] = [signature.slice(0, 64), signature.slice(64)];

/** @param check not called for noble, which has no P-256 and must say so */
function withP256({ name, crypto }: Platform, check: () => void): void {
  if (name !== "noble") return check();
  throws(() => crypto.importVerifyingKey(fromHex(point)), RangeError, /P-256/);
}

test("signatures by OpenSSL, Node and Python are accepted, under their own key and for their own data", (platform) => {
  const { crypto, vectors } = platform;
  withP256(platform, () => {
    const key = crypto.importVerifyingKey(fromHex(point));
    for (const one of signatures) equal(crypto.verify(key, message, fromHex(one)), true, one);
    equal(crypto.verify(key, ascii("what a dormouse sighs"), fromHex(signature)), false);
    equal(crypto.verify(key, fromHex(""), fromHex(signature)), false);
    for (const { forms, signatures: theirs } of casesOf<Es256Case>(vectors("auth/es256"))) {
      const own = crypto.importVerifyingKey(fromHex(forms[es256Forms[0]].slice(-130)));
      for (const one of theirs) {
        equal(crypto.verify(own, fromHex(one.message), fromHex(one.signature)), true, one.signature);
        equal(crypto.verify(key, fromHex(one.message), fromHex(one.signature)), false, one.signature);
      }
      own.close();
    }
    key.close();
  });
});

test("what the provider signs it verifies", (platform) => {
  const { crypto, vectors } = platform;
  withP256(platform, () => {
    const { pkcs8 } = casesOf<Es256Case>(vectors("auth/es256"))[0]!.forms;
    const signing = crypto.importSigningKey(fromHex(pkcs8));
    const verifying = crypto.importVerifyingKey(fromHex(pkcs8.slice(-130)));
    for (const length of [0, 1, 31, 32, 33, 500]) {
      const data = new Uint8Array(length).fill(length);
      const made = crypto.sign(signing, data);
      equal(crypto.verify(verifying, data, made), true, `${length} bytes`);
      equal(
        crypto.verify(verifying, new Uint8Array(length + 1).fill(length), made),
        false,
        `${length} bytes`,
      );
    }
    signing.close();
    verifying.close();
  });
});

test("a signature with any bit flipped is refused", (platform) => {
  withP256(platform, () => {
    const { crypto } = platform;
    const key = crypto.importVerifyingKey(fromHex(point));
    const flipped = fromHex(signature);
    for (let bit = 0; bit < 512; bit++) {
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      equal(crypto.verify(key, message, flipped), false, `bit ${bit}`);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
    }
    equal(crypto.verify(key, message, flipped), true, "the sibling");
    key.close();
  });
});

test("r and s of zero, of the order and beyond it are refused, and whatever is not r and s", (platform) => {
  withP256(platform, () => {
    const { crypto } = platform;
    const key = crypto.importVerifyingKey(fromHex(point));
    const [zero, one, most] = ["00".repeat(32), `${"00".repeat(31)}01`, "ff".repeat(32)];
    for (const wrong of [zero, order, most]) {
      equal(crypto.verify(key, message, fromHex(wrong + s)), false, `r ${wrong}`);
      equal(crypto.verify(key, message, fromHex(r + wrong)), false, `s ${wrong}`);
      equal(crypto.verify(key, message, fromHex(wrong + wrong)), false, `both ${wrong}`);
    }
    equal(crypto.verify(key, message, fromHex(one + one)), false);
    equal(crypto.verify(key, message, fromHex(s + r)), false, "the wrong way round");
    const der = `30450220${r}022100${s}`;
    for (const wrong of ["", "00", r, signature.slice(2), `00${signature}`, `${signature}00`, der])
      equal(crypto.verify(key, message, fromHex(wrong)), false, `${wrong.length / 2} bytes`);
    equal(crypto.verify(key, message, fromHex(signature)), true, "the sibling");
    key.close();
  });
});

test("s and order - s are both right: a signature's bytes do not identify a message", (platform) => {
  withP256(platform, () => {
    const { crypto } = platform;
    const key = crypto.importVerifyingKey(fromHex(point));
    const other = (BigInt(`0x${order}`) - BigInt(`0x${s}`)).toString(16).padStart(64, "0");
    equal(crypto.verify(key, message, fromHex(r + other)), true);
    key.close();
  });
});

test("only a point of the curve, uncompressed, is a verifying key", (platform) => {
  const { name, crypto } = platform;
  for (const [what, wrong] of wrongPoints) {
    const refusal = name === "noble" ? /P-256/ : refusalOf(wrong);
    throws(() => crypto.importVerifyingKey(fromHex(wrong)), RangeError, refusal);
    equal(points.includes(wrong), false, what);
  }
  if (name === "noble") return;
  for (const right of points) crypto.importVerifyingKey(fromHex(right)).close();
});

test("a verifying key does nothing else, a closed one nothing", (platform) => {
  withP256(platform, () => {
    const { crypto } = platform;
    const bytes = fromHex(point);
    const key = crypto.importVerifyingKey(bytes);
    bytes.fill(0);
    equal(crypto.verify(key, message, fromHex(signature)), true, "the point is copied");
    throws(() => crypto.sign(key, message), TypeError);
    throws(() => crypto.hmac(key, message), TypeError);
    throws(() => crypto.agreementPoint(key), TypeError);
    throws(() => crypto.agree(key, fromHex(point)), TypeError);
    const secret = crypto.importSecret(message);
    throws(() => crypto.verify(secret, message, fromHex(signature)), TypeError);
    secret.close();
    key.close();
    key.close();
    throws(() => crypto.verify(key, message, fromHex(signature)), TypeError);
    throws(() => crypto.verify(key, message, fromHex("")), TypeError);
  });
});
