import { base64urlLength, readBase64url, writeBase64url } from "../../../lib/auth/base64url.js";
import { equal, fromHex, hex, test, throws } from "../../device/harness.js";
import { ascii } from "./vectors.js";

function base64url(bytes: Uint8Array): string {
  const out = new Uint8Array(base64urlLength(bytes.length) + 2).fill(0x21);
  const end = writeBase64url(bytes, out, 1);
  equal(end, out.length - 1, "the index after it");
  const text = ascii(out);
  equal([text[0], text.at(-1)], ["!", "!"], "what stands around it");
  return text.slice(1, -1);
}

// RFC 4648 §10, without the padding
const published: readonly (readonly [string, string])[] = [
  ["", ""],
  ["66", "Zg"],
  ["666f", "Zm8"],
  ["666f6f", "Zm9v"],
  ["666f6f62", "Zm9vYg"],
  ["666f6f6261", "Zm9vYmE"],
  ["666f6f626172", "Zm9vYmFy"],
  // RFC 7515 Appendix C
  ["03ecffe0c1", "A-z_4ME"],
];

test("base64url is that of RFC 4648 and RFC 7515, without padding", () => {
  for (const [hex, text] of published) equal(base64url(fromHex(hex)), text);
});

test("every digit of the alphabet is written", () => {
  const bytes = fromHex(
    "00108310518720928b30d38f41149351559761969b71d79f8218a39259a7a29aabb2dbafc31cb3d35db7e39ebbf3dfbf",
  );
  equal(base64url(bytes), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
});

test("base64url is read back, and only as it is written", () => {
  for (const [digits, text] of published) equal(hex(readBase64url(text)), digits);
  for (const wrong of ["A", "AAAAA", "Zg=", "Zg==", "Zh", "Zm9", "Z+8A", "Z/8A", "Zm 9v", "Zm9ä"])
    throws(() => readBase64url(wrong), RangeError);
});
