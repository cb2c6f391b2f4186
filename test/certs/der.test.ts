import assert from "node:assert/strict";
import { createHash, X509Certificate } from "node:crypto";
import { test } from "node:test";
import { derElements, derSequence } from "../../certs/pki/der.js";
import { issueRoot } from "../../certs/pki/issue.js";
import { pinOf, spkiOf } from "../../certs/pki/spki.js";
import { validFor } from "../../certs/pki/validity.js";

const hex = (text: string) => new Uint8Array(Buffer.from(text, "hex"));
const tags = (text: string) => derElements(hex(text)).map(({ tag, content }) => [tag, content.length]);

test("elements follow each other to the end, with short and long lengths", () => {
  assert.deepEqual(tags(""), []);
  assert.deepEqual(tags("0500"), [[5, 0]]);
  assert.deepEqual(tags("020101a00030020500"), [
    [2, 1],
    [0xa0, 0],
    [0x30, 2],
  ]);
  assert.deepEqual(tags(`047f${"00".repeat(127)}`), [[4, 127]]);
  assert.deepEqual(tags(`048180${"00".repeat(128)}`), [[4, 128]]);
  assert.deepEqual(tags(`04820100${"00".repeat(256)}`), [[4, 256]]);
});

for (const [what, bytes] of [
  ["a tag without length", "04"],
  ["a content cut short", "040201"],
  ["a long length cut short", "0482"],
  ["a length in more bytes than it needs", `04817f${"00".repeat(127)}`],
  ["a length with a zero first", `048200ff${"00".repeat(255)}`],
  ["an indefinite length", "30800500000000"],
  ["a length of five bytes", `0485${"0000000001"}00`],
  ["a high tag number", "1f8100"],
] as const)
  test(`${what} is refused`, () => assert.throws(() => derElements(hex(bytes)), RangeError));

test("one SEQUENCE is one, and nothing follows it", () => {
  assert.equal(derSequence(hex("30020500")).length, 1);
  for (const wrong of ["", "0500", "300205000500", "3002050000", "31020500"])
    assert.throws(() => derSequence(hex(wrong)), RangeError);
});

test("a certificate's key is found as it stands there, and in no part of a certificate", async () => {
  const { certificate } = await issueRoot("Test", validFor(1, Date.now()));
  const spki = new X509Certificate(certificate).publicKey.export({ type: "spki", format: "der" });
  assert.deepEqual(Buffer.from(spkiOf(certificate)), spki);
  assert.equal(pinOf(spki), `sha256/${createHash("sha256").update(spki).digest("base64")}`);
  for (let length = 0; length < certificate.length; length++)
    assert.throws(() => spkiOf(certificate.subarray(0, length)), RangeError);
  for (const wrong of ["3000", "30023000", "300430020500"])
    assert.throws(() => spkiOf(hex(wrong)), RangeError);
});
