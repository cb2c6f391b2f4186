import { utf8Decode, utf8Encode } from "../../../lib/cbor/utf8.js";
import { decodePackCbor, encodePackCbor } from "../../../lib/senml/cbor.js";
import { decodePackJson, encodePackJson } from "../../../lib/senml/json.js";
import type { SenmlRecord } from "../../../lib/senml/record.js";
import { resolvePack } from "../../../lib/senml/resolve.js";
import { bytes, equal, fromHex, test, throws } from "../../device/harness.js";

/** After RFC 8428's example with several data points; its CBOR was checked with another encoder. */
const rfcPack: SenmlRecord[] = [
  { bn: "urn:dev:ow:10e2073a0108006:", bt: 1276020076.001, bu: "A", n: "voltage", u: "V", v: 120.1 },
  { n: "current", t: -5, v: 1.2 },
];
const rfcHex =
  "82a600" +
  "67766f6c74616765" +
  "01615602fb405e066666666666" +
  "21781b75726e3a6465763a6f773a313065323037336130313038303036" +
  "3a22fb41d303a15b00106223614" +
  "1a3006763757272656e7402fb3ff33333333333330624";

test("a pack as CBOR has RFC 8428's labels and deterministic order", () => {
  bytes(encodePackCbor(rfcPack), rfcHex);
  equal(decodePackCbor(fromHex(rfcHex)), [
    { n: "voltage", u: "V", v: 120.1, bn: "urn:dev:ow:10e2073a0108006:", bt: 1276020076.001, bu: "A" },
    { n: "current", v: 1.2, t: -5 },
  ]);
});

test("a pack as JSON is what RFC 8428 shows", () => {
  const data = encodePackJson(rfcPack);
  equal(
    utf8Decode(data),
    '[{"bn":"urn:dev:ow:10e2073a0108006:","bt":1276020076.001,"bu":"A","n":"voltage","u":"V","v":120.1},' +
      '{"n":"current","t":-5,"v":1.2}]',
  );
  equal(decodePackJson(data), rfcPack);
});

test("a whole number goes out as an integer and comes back as the number", () => {
  bytes(encodePackCbor([{ n: "t", v: 21 }]), "81a20061740215");
  equal(decodePackCbor(fromHex("81a200617402f94d40")), [{ n: "t", v: 21 }]);
});

test("text and truth values", () => {
  const pack: SenmlRecord[] = [
    { n: "label", vs: "Küche" },
    { n: "open", vb: false },
  ];
  equal(decodePackCbor(encodePackCbor(pack)), pack);
  equal(decodePackJson(encodePackJson(pack)), pack);
});

test("base values apply until they change", () => {
  equal(
    resolvePack([
      { bn: "urn:dev:a/", bt: 1000, bu: "Cel", n: "x", v: 1 },
      { n: "y", u: "%RH", t: 5, v: 2 },
      { bn: "urn:dev:b/", n: "x", vb: true, t: -1 },
    ]),
    [
      { name: "urn:dev:a/x", unit: "Cel", value: 1, time: 1000 },
      { name: "urn:dev:a/y", unit: "%RH", value: 2, time: 1005 },
      { name: "urn:dev:b/x", unit: "Cel", value: true, time: 999 },
    ],
  );
  throws(() => resolvePack([{ v: 1 }]), RangeError, /name/);
  throws(() => resolvePack([{ n: "_a", v: 1 }]), RangeError, /name/);
  throws(() => resolvePack([{ n: "a b", v: 1 }]), RangeError, /name/);
});

test("a record with no value, two values, or one that is not finite is refused", () => {
  const bad: SenmlRecord[] = [
    { n: "a" },
    { n: "a", v: 1, vs: "1" },
    { n: "a", v: Number.NaN },
    { n: "a", v: Number.POSITIVE_INFINITY },
    { n: 1 as unknown as string, v: 1 },
    { n: "a", v: 1, toString: 1 } as SenmlRecord,
  ];
  for (const record of bad) {
    throws(() => encodePackCbor([record]), RangeError);
    throws(() => encodePackJson([record]), RangeError);
  }
  encodePackCbor([{ n: "a", v: 1 }]);
});

test("a pack that is not one is refused", () => {
  for (const hex of ["80", "a0", "8100", "81a10061", "81a2006161020100", "81a2006161616e01", "f6"])
    throws(() => decodePackCbor(fromHex(hex)), RangeError);
  for (const text of [
    "",
    "[]",
    "{}",
    "[1]",
    "[[]]",
    '[{"n":"a"}]',
    '[{"n":"a","v":"1"}]',
    '[{"n":"a","v":1,"x_":1}]',
  ])
    throws(() => decodePackJson(utf8Encode(text)), RangeError);
  throws(() => decodePackJson(fromHex("5b7b226e223aff")), RangeError);
});
