import { utf8Encode } from "../../../lib/cbor/utf8.js";
import { decodePackCbor, encodePackCbor } from "../../../lib/senml/cbor.js";
import { decodePackJson, encodePackJson } from "../../../lib/senml/json.js";
import type { SenmlRecord } from "../../../lib/senml/record.js";
import { resolvePack, type SenmlReading } from "../../../lib/senml/resolve.js";
import { equal, fromHex, ok, type Platform, test, throws } from "../../device/harness.js";

interface Vectors {
  readonly cases: readonly { file: string; json: string; resolved?: readonly SenmlRecord[] }[];
  readonly cbor: { file: string; hex: string };
}
const vectorsOf = (platform: Platform) => platform.vectors("senml/rfc8428") as Vectors;
const packOf = (platform: Platform, file: string) =>
  decodePackJson(utf8Encode(vectorsOf(platform).cases.find((one) => one.file === file)!.json));

const asRecord = ({ name, unit, value, time }: SenmlReading): SenmlRecord => ({
  n: name,
  ...(unit !== undefined && { u: unit }),
  t: time,
  v: value as number,
});

test("the examples of RFC 8428 are read, and resolve to what it shows", (platform) => {
  for (const { file, json, resolved } of vectorsOf(platform).cases) {
    const readings = resolvePack(decodePackJson(utf8Encode(json)));
    ok(readings.length > 0, file);
    if (resolved) equal(readings.map(asRecord), resolved, file);
  }
});

test("its example in CBOR is its example in JSON, though its maps are not sorted", (platform) => {
  const { file, hex } = vectorsOf(platform).cbor;
  const pack = packOf(platform, file);
  equal(decodePackCbor(fromHex(hex)), pack);
});

test("its examples come back as they were written, in both forms", (platform) => {
  for (const { file } of vectorsOf(platform).cases) {
    const pack = packOf(platform, file);
    equal(decodePackCbor(encodePackCbor(pack)), pack, file);
    equal(decodePackJson(encodePackJson(pack)), pack, file);
  }
});

test("several data types, and bytes as base64url", (platform) => {
  equal(
    resolvePack(packOf(platform, "ex7.json")).map(({ value }) => value),
    [23.1, "Machine Room", false, fromHex("6869200a")],
  );
});

const cbor = (hex: string) => decodePackCbor(fromHex(hex));
const json = (pack: unknown) => decodePackJson(utf8Encode(JSON.stringify(pack)));

test("a number in CBOR may be an integer, a float in any length, or a decimal fraction", () => {
  for (const [hex, v] of [
    ["f93e00", 1.5],
    ["fa3fc00000", 1.5],
    ["fb3ff8000000000000", 1.5],
    ["1800", 0],
    ["c48220181b", 2.7],
    ["c48200182a", 42],
    ["c482020f", 1500],
  ] as const)
    equal(cbor(`81a200616102${hex}`), [{ n: "a", v }], hex);
  for (const hex of ["c480", "c48120", "c48320181b00", "c401", "c482206131", "c482190fff01", "c18220181b"])
    throws(() => cbor(`81a200616102${hex}`), RangeError);
});

test("lengths in longer forms, and maps in any order, are read; a label twice is not", () => {
  equal(cbor("9801b802020500780161"), [{ v: 5, n: "a" }]);
  throws(() => cbor("81a302050061610206"), RangeError);
});

test("a label that is not known is passed over, unless it must be understood", () => {
  equal(json([{ n: "a", v: 1, x: 2, "x-y": [{}] }]), [{ n: "a", v: 1 }]);
  equal(cbor("81a40061610201617802186380"), [{ n: "a", v: 1 }]);
  throws(() => json([{ n: "a", v: 1, x_: 2 }]), RangeError);
  throws(() => cbor("81a3006161020162785f02"), RangeError);
  // what has an integer is not known by its name
  throws(() => cbor("81a2617602616e6161"), RangeError);
});

test("a pack is of one version, and none above RFC 8428's", () => {
  for (const bver of [1, 5, 10])
    equal(
      resolvePack(
        json([
          { bver, n: "a", v: 1 },
          { n: "b", v: 2 },
        ]),
      ).length,
      2,
    );
  for (const bver of [0, -1, 1.5, 11, 26, "10"]) throws(() => json([{ bver, n: "a", v: 1 }]), RangeError);
  const mixed = [
    { bver: 5, n: "a", v: 1 },
    { bver: 10, n: "b", v: 2 },
  ];
  throws(() => resolvePack(json(mixed)), RangeError, /versions/);
  throws(
    () => resolvePack(json(mixed.map(({ n, v }, i) => (i === 0 ? { n, v } : { n, v, bver: 5 })))),
    RangeError,
  );
});

test("base values and sums add up, and apply until they change", () => {
  const pack = json([
    { bn: "d/", bv: 20, bs: 100, n: "a", v: 1.5, s: 7, ut: 60 },
    { n: "b", v: -1 },
    { n: "c", vs: "x" },
    { n: "d", s: 1 },
    { bs: 0, bv: 0 },
    { n: "e", v: 3, s: 2 },
  ]);
  equal(resolvePack(pack), [
    { name: "d/a", value: 21.5, sum: 107, time: 0, updateTime: 60 },
    { name: "d/b", value: 19, sum: 100, time: 0 },
    { name: "d/c", value: "x", sum: 100, time: 0 },
    { name: "d/d", value: null, sum: 101, time: 0 },
    { name: "d/e", value: 3, sum: 2, time: 0 },
  ]);
});

test("what adds up to more than a number holds is refused", () => {
  for (const pack of [
    [{ n: "a", bv: 1e308, v: 1e308 }],
    [{ n: "a", v: 1, bs: 1e308, s: 1e308 }],
    [{ n: "a", v: 1, bt: 1e308, t: 1e308 }],
  ])
    throws(() => resolvePack(json(pack)), RangeError);
});

test("a record has one value, or a sum, or nothing but base values", () => {
  equal(json([{ bn: "a", bt: 1, bu: "V", bv: 1, bs: 1, bver: 10 }]).length, 1);
  equal(resolvePack(json([{ bn: "a" }])), []);
  equal(resolvePack(json([{ n: "a", s: 1 }])), [{ name: "a", value: null, sum: 1, time: 0 }]);
  for (const record of [
    { n: "a" },
    { bn: "a", u: "V" },
    { n: "a", t: 1 },
    { n: "a", ut: 1 },
    { n: "a", v: 1, vd: "" },
  ])
    throws(() => json([record]), RangeError);
});

test("each label has its type, in both forms", () => {
  const right: SenmlRecord = {
    ...{ bver: 10, bn: "a", bt: 1, bu: "V", bv: 1, bs: 1 },
    ...{ n: "b", u: "A", v: 1, s: 1, t: 1, ut: 1 },
  };
  equal(decodePackCbor(encodePackCbor([right])), [right]);
  equal(decodePackJson(encodePackJson([right])), [right]);
  for (const label of Object.keys(right) as (keyof SenmlRecord)[]) {
    const other = typeof right[label] === "string" ? 1 : "1";
    const wrong = { ...right, [label]: other };
    throws(() => json([wrong]), RangeError);
    throws(() => encodePackCbor([wrong]), RangeError);
    throws(() => encodePackJson([wrong]), RangeError);
  }
  for (const wrong of [
    { n: "a", vb: 1 },
    { n: "a", vs: 1 },
    { n: "a", vd: 1 },
    { n: "a", vd: "a=" },
    { n: "a", v: null },
  ])
    throws(() => json([wrong]), RangeError);
  throws(() => cbor("81a20061610863616263"), RangeError);
});
