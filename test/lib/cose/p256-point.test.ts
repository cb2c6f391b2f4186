import { CborError } from "../../../lib/cbor/value.js";
import { compressedKey, ec2Key, pointOf } from "../../../lib/cose/ec2-key.js";
import { decompressPoint } from "../../../lib/cose/p256-point.js";
import { bytes, equal, fromHex, ok, test, throws } from "../../device/harness.js";
import { casesOf, type SealToCase, type SealToRejects, type SignCase } from "../sealed/vectors.js";

/** SEC 2 §2.4.2: the curve's base point, and its negative. */
const baseX = "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296";
const baseY = "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";
const negativeY = "b01cbd1c01e58065711814b583f061e9d431cca994cea1313449bf97c840ae0a";
const prime = "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff";

test("x and the sign of y give the point, for either sign", () => {
  bytes(decompressPoint(fromHex(baseX), true)!, `04${baseX}${baseY}`);
  bytes(decompressPoint(fromHex(baseX), false)!, `04${baseX}${negativeY}`);
});

test("what Python made is the same again", ({ vectors }) => {
  const points = [
    ...casesOf<SignCase>(vectors("sealed/sign")).map(({ point }) => point),
    ...casesOf<SealToCase>(vectors("sealed/seal-to")).map(({ recipientPoint }) => recipientPoint),
  ];
  for (const point of [...new Set(points)]) {
    const whole = fromHex(point);
    bytes(pointOf(compressedKey(whole)), point);
    bytes(pointOf(ec2Key(whole.subarray(1, 33), whole.subarray(33))), point);
    throws(() => pointOf(ec2Key(whole.subarray(1, 33), whole.subarray(33)), "compressed"), CborError);
  }
});

test("an x of no point, above the prime or of another length gives none", ({ vectors }) => {
  const file = vectors("sealed/seal-to-reject") as SealToRejects;
  ok(file.cases.length > 0, "there are rejects");
  equal(decompressPoint(fromHex(prime), true), undefined);
  equal(decompressPoint(fromHex("ff".repeat(32)), true), undefined);
  equal(decompressPoint(fromHex(baseX).subarray(1), true), undefined);
  let none = 0;
  for (let x = 0; x < 16; x++) {
    const at = new Uint8Array(32);
    at[31] = x;
    if (decompressPoint(at, false) === undefined) none++;
  }
  ok(none > 3 && none < 13, "about half of all x belong to a point");
});

test("a key is on P-256, of four parameters, and uncompressed on our side", () => {
  const key = compressedKey(fromHex(`04${baseX}${baseY}`));
  equal(pointOf(key), fromHex(`04${baseX}${baseY}`));
  for (const [parameter, value] of [
    [1, 1],
    [-1, 2],
    [-2, fromHex(baseX).subarray(1)],
    [-3, 0],
    [3, -25],
  ] as const)
    throws(() => pointOf(new Map([...key, [parameter, value]])), CborError);
  for (const missing of [1, -1, -2, -3])
    throws(() => pointOf(new Map([...key].filter(([parameter]) => parameter !== missing))), CborError);
  throws(() => pointOf([]), CborError);
  for (const wrong of [baseX, `02${baseX}`, `05${baseX}${baseY}`])
    throws(() => compressedKey(fromHex(wrong)), RangeError);
});
