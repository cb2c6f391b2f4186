import { bytes, equal, fromHex, test, throws } from "../../device/harness.js";

const range = (length: number) => Uint8Array.from({ length }, (_, i) => i);
const ascii = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

test("HKDF-SHA-256 gives RFC 5869 A.3: no salt, no info", ({ crypto }) => {
  const secret = crypto.importSecret(new Uint8Array(22).fill(0x0b));
  bytes(
    crypto.deriveBytes(secret, new Uint8Array(0), 42),
    "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
  );
  secret.close();
});

test("HKDF-SHA-256 gives RFC 5869 A.1 and A.2: with a salt, and with a long one", ({ crypto }) => {
  const short = crypto.importSecret(new Uint8Array(22).fill(0x0b));
  bytes(
    crypto.deriveBytes(short, fromHex("f0f1f2f3f4f5f6f7f8f9"), 42, range(13)),
    "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
  );
  short.close();
  const [salt, info] = [0x60, 0xb0].map((first) => range(80).map((i) => first + i));
  const long = crypto.importSecret(range(80));
  bytes(
    crypto.deriveBytes(long, info!, 82, salt),
    "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da3275600c2f" +
      "09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
  );
  long.close();
});

test("an empty salt is none, and a key goes by its salt as bytes do", ({ crypto }) => {
  const secret = crypto.importSecret(range(32));
  const [info, none] = [range(3), new Uint8Array(0)];
  equal(crypto.deriveBytes(secret, info, 40, none), crypto.deriveBytes(secret, info, 40));
  equal(crypto.deriveBytes(secret, info, 40, new Uint8Array(32)), crypto.deriveBytes(secret, info, 40));
  for (const salt of [undefined, none, range(1), range(64), range(65)]) {
    const derived = crypto.deriveMacKey(secret, info, 32, salt);
    const imported = crypto.importMacKey(crypto.deriveBytes(secret, info, 32, salt));
    equal(crypto.hmac(derived, info), crypto.hmac(imported, info), `salt of ${salt?.length}`);
    derived.close();
    imported.close();
  }
  secret.close();
});

test("nothing is derived that RFC 5869 does not have", ({ crypto }) => {
  const secret = crypto.importSecret(range(32));
  equal(crypto.deriveBytes(secret, range(0), 255 * 32).length, 255 * 32);
  for (const byteLength of [0, -1, 255 * 32 + 1, Number.NaN, Number.POSITIVE_INFINITY]) {
    throws(() => crypto.deriveBytes(secret, range(0), byteLength), RangeError);
    throws(() => crypto.deriveMacKey(secret, range(0), byteLength), RangeError);
  }
  secret.close();
  throws(() => crypto.importSecret(range(0)), RangeError);
});

// Computed with Python's hashlib and hmac, as RFC 5869 §2 says. The secret is longer than a hash block.
test("HKDF-SHA-256 with info, over several blocks", ({ crypto }) => {
  const secret = crypto.importSecret(range(80));
  bytes(
    crypto.deriveBytes(secret, range(80), 82),
    "eef89277d52ba279c7312df5fc040959b4ede54f201592645e418e7e1e5eb486537d5bd5f3a55b1aba3c38017d83f1782b68009d" +
      "962b9db522c3a11a971d481f2482af2a9ab807feda9887bec78e1b2aad3b",
  );
  secret.close();
});

// RFC 4231's message; key = HKDF-SHA-256(00…1f, no salt, "dormouse test") of each length: shorter than,
// as long as, and longer than a hash block, as in RFC 4231's cases. Computed with Python's hashlib and hmac.
const macs: readonly (readonly [number, string])[] = [
  [1, "11a6d7e1f8fc67ba561618210b2efd676f85872519573a28e03caa7197c657c7"],
  [16, "9b5deadf49f08e889376d8e96af27cb5312db90ef9b24800908106dd9204a7b7"],
  [32, "fec2c2d41d4a15b5d7d1968c4725865de234ed5cd343f32c936bc2d181871b31"],
  [64, "49de3a661e705628db64a2f3536eba51ef3649668b21a0930ff967f3c5c7bc77"],
  [65, "e6a90e63ccb94e2b5620667dfba0fd2135ca8bdcdbca4637fa588dfc1ef3a704"],
  [131, "1efcd8cabdf4b8d2bd1eb458b85b2cc0cfcc2c5ff50af44aaa26409d9c480f93"],
];

test("HMAC-SHA-256 under derived keys of every kind of length", ({ crypto }) => {
  const secret = crypto.importSecret(range(32));
  for (const [byteLength, expected] of macs) {
    const key = crypto.deriveMacKey(secret, ascii("dormouse test"), byteLength);
    bytes(crypto.hmac(key, ascii("what do ya want for nothing?")), expected, `key of ${byteLength} bytes`);
    key.close();
  }
  secret.close();
});

test("a MAC key lives on when its secret is closed", ({ crypto }) => {
  const secret = crypto.importSecret(range(32));
  const key = crypto.deriveMacKey(secret, ascii("dormouse test"), 32);
  secret.close();
  bytes(crypto.hmac(key, ascii("what do ya want for nothing?")), macs[2]![1]);
  key.close();
});

test("the secret is copied: what the caller does to its bytes changes nothing", ({ crypto }) => {
  const material = new Uint8Array(22).fill(0x0b);
  const secret = crypto.importSecret(material);
  material.fill(0);
  bytes(crypto.deriveBytes(secret, new Uint8Array(0), 4), "8da4e775");
  secret.close();
});

test("another info gives another key", ({ crypto }) => {
  const secret = crypto.importSecret(range(32));
  const a = crypto.deriveBytes(secret, fromHex("00"), 32);
  const b = crypto.deriveBytes(secret, fromHex("01"), 32);
  equal(
    a.some((byte, i) => byte !== b[i]),
    true,
    "the keys differ",
  );
  secret.close();
});

test("a closed key throws TypeError, and closing twice is allowed", ({ crypto }) => {
  const secret = crypto.importSecret(range(32));
  const key = crypto.deriveMacKey(secret, new Uint8Array(0), 32);
  key.close();
  key.close();
  throws(() => crypto.hmac(key, range(1)), TypeError);
  secret.close();
  secret.close();
  throws(() => crypto.deriveBytes(secret, new Uint8Array(0), 32), TypeError);
  throws(() => crypto.deriveMacKey(secret, new Uint8Array(0), 32), TypeError);
});
