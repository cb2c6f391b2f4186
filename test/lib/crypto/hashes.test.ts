import { bytes, equal, test } from "../../device/harness.js";

// FIPS 180-4 examples (NIST CSRC, SHA-256), and lengths around the padding's edge.
test("SHA-256 gives the published digests", ({ crypto }) => {
  bytes(crypto.sha256(new Uint8Array(0)), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  bytes(crypto.sha256(ascii("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  bytes(
    crypto.sha256(ascii("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
  );
  const kilobyte = Uint8Array.from({ length: 1024 }, (_, i) => i & 0xff);
  bytes(crypto.sha256(kilobyte), "785b0751fc2c53dc14a4ce3d800e69ef9ce1009eb327ccf458afe09c242c26c9");
});

test("SHA-256 reads only the view it is given", ({ crypto }) => {
  const around = ascii("xxabcxx");
  bytes(
    crypto.sha256(around.subarray(2, 5)),
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
  );
});

test("random bytes have the length asked for and do not repeat", ({ crypto }) => {
  equal(crypto.random(0).length, 0);
  equal(crypto.random(1000).length, 1000);
  const a = crypto.random(16);
  const b = crypto.random(16);
  equal(
    a.every((byte, i) => byte === b[i]),
    false,
    "two draws are the same",
  );
});

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}
