import { sha1 } from "../../../lib/websocket/sha1.js";
import { bytes, test } from "../../device/harness.js";
import { ascii } from "./script.js";

test("SHA-1 of the examples in FIPS 180 and RFC 3174", () => {
  bytes(sha1(ascii("")), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  bytes(sha1(ascii("abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
  const two = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
  bytes(sha1(ascii(two)), "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
  bytes(sha1(ascii("01234567".repeat(80))), "dea356a2cddd90c7a7ecedc5ebb563934f460452");
});

test("SHA-1 around the ends of a block", () => {
  const digests: Readonly<Record<number, string>> = {
    55: "c1c8bbdc22796e28c0e15163d20899b65621d65a",
    56: "c2db330f6083854c99d4b5bfb6e8f29f201be699",
    63: "03f09f5b158a7a8cdad920bddc29b81c18a551f5",
    64: "0098ba824b5c16427bd7a1122a5a442a25ec644d",
    65: "11655326c708d70319be2610e8a57d9a5b959d3b",
  };
  for (const [length, digest] of Object.entries(digests))
    bytes(sha1(ascii("a".repeat(Number(length)))), digest);
});
