import { parsePin } from "../../../lib/tls/pins.js";
import { bytes, test, throws } from "../../device/harness.js";

// SHA-256 of nothing: FIPS 180-4's function, its base64 by coreutils
const empty = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
const emptyHex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const zeros = `${"A".repeat(43)}=`;
const ones = `${"/".repeat(42)}8=`;

test("a pin is read in all three spellings", () => {
  for (const spelling of [`sha256/${empty}`, `sha256//${empty}`, `pin-sha256="${empty}"`])
    bytes(parsePin(spelling), emptyHex, spelling);
});

test("every digit of base64 has its value", () => {
  bytes(parsePin(`sha256/${zeros}`), "00".repeat(32));
  bytes(parsePin(`sha256/${ones}`), "ff".repeat(32));
  // RFC 4648 §4's alphabet in its order, in two pieces
  bytes(
    parsePin("sha256/ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopk="),
    "00108310518720928b30d38f41149351559761969b71d79f8218a39259a7a299",
  );
  bytes(
    parsePin("sha256/pqrstuvwxyz0123456789+/AAAAAAAAAAAAAAAAAAAA="),
    "a6aaecb6ebf0c72cf4d76df8e7aefcf7efc00000000000000000000000000000",
  );
});

test("a digest may begin with the slash that ends sha256//", () => {
  bytes(parsePin(`sha256//${ones.slice(1)}`), "ff".repeat(32));
  bytes(parsePin(`sha256//${ones}`), "ff".repeat(32));
});

test("what is no pin is refused", () => {
  const spellings = [
    "",
    empty,
    `sha256/${empty.slice(1)}`,
    `sha256/${empty}=`,
    `sha256/${empty} `,
    ` sha256/${empty}`,
    `sha256///${empty}`,
    `SHA256/${empty}`,
    `sha1/${empty}`,
    `sha512/${empty}`,
    `sha256:${empty}`,
    `pin-sha256=${empty}`,
    `pin-sha256="${empty}'`,
    `pin-sha256='${empty}'`,
    `pin-sha256="${empty};`,
    `sha256/${empty.slice(0, -1)}A`,
    `sha256/${empty.slice(0, -2)}==`,
  ];
  for (const spelling of spellings) throws(() => parsePin(spelling), RangeError);
});

test("a character outside the alphabet is refused wherever it stands", () => {
  for (let at = 0; at < 43; at++)
    for (const strange of ["-", "_", "=", " ", "\n", "@", "[", "`", "{", ":", ".", ",", "é", "\0", "\u0141"])
      throws(() => parsePin(`sha256/${zeros.slice(0, at)}${strange}${zeros.slice(at + 1)}`), RangeError);
});

test("the same 32 bytes have no second base64", () => {
  const tail = (digit: string) => `sha256/${"A".repeat(42)}${digit}=`;
  for (const digit of "AEIMQUYcgkosw048") parsePin(tail(digit));
  for (const digit of "BCDFGHJKLNOPRSTVWXZabdefhijlmnpqrtuvxyz1235679+/")
    throws(() => parsePin(tail(digit)), RangeError);
});

test("a pin that is no text is a TypeError", () => {
  for (const value of [undefined, null, 7, new Uint8Array(32), [`sha256/${empty}`]] as unknown[])
    throws(() => parsePin(value as string), TypeError);
});
