import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../../../host-sim/paths.js";
import { readSenml } from "../../../host-sim/world/senml-reading.js";
import { encodeDeterministic } from "../../../host-sim/world/strict-cbor.js";

const json = (pack: unknown) => Buffer.from(JSON.stringify(pack));
const cbor = (...records: [number | string, unknown][][]) =>
  encodeDeterministic(records.map((record) => new Map(record)));

test("RFC 8428 §5.1.3: base name, time and unit count for the records after them", () => {
  const pack = json([
    {
      bn: "urn:dev:ow:10e2073a0108006:",
      bt: 1.276020076001e9,
      bu: "A",
      bver: 5,
      n: "voltage",
      u: "V",
      v: 120.1,
    },
    { n: "current", t: -5, v: 1.2 },
    { n: "current", v: 1.7 },
  ]);
  assert.deepEqual(readSenml(pack, 110), [
    { name: "urn:dev:ow:10e2073a0108006:voltage", unit: "V", value: 120.1, time: 1.276020076001e9 },
    { name: "urn:dev:ow:10e2073a0108006:current", unit: "A", value: 1.2, time: 1.276020071001e9 },
    { name: "urn:dev:ow:10e2073a0108006:current", unit: "A", value: 1.7, time: 1.276020076001e9 },
  ]);
});

test("CBOR and JSON give the same measurements", () => {
  const inCbor = cbor(
    [
      [-2, "d/"],
      [0, "t"],
      [1, "Cel"],
      [2, 21.5],
      [6, -3],
    ],
    [
      [0, "open"],
      [4, true],
    ],
    [
      [0, "s"],
      [3, "x"],
    ],
  );
  const inJson = json([
    { bn: "d/", n: "t", u: "Cel", v: 21.5, t: -3 },
    { n: "open", vb: true },
    { n: "s", vs: "x" },
  ]);
  assert.deepEqual(readSenml(inCbor, null), readSenml(inJson, 110));
});

interface Examples {
  readonly cases: readonly {
    readonly file: string;
    readonly json: string;
    readonly resolved?: readonly { n: string; u?: string; v: number; t: number }[];
  }[];
  readonly cbor: { readonly file: string; readonly hex: string };
}
const examples: Examples = JSON.parse(readFileSync(join(root, "test/vectors/senml/rfc8428.json"), "utf8"));

for (const { file, json, resolved } of examples.cases)
  test(`RFC 8428's example ${file} is read, to what it shows as resolved`, () => {
    const found = readSenml(Buffer.from(json), 110);
    assert.ok(found.length > 0);
    const wanted = resolved?.map(({ n, u, v, t }) => ({ name: n, ...(u && { unit: u }), value: v, time: t }));
    if (wanted) assert.deepEqual(found, wanted);
  });

test("RFC 8428 §6: the example in CBOR is the one in JSON", () => {
  const { file, hex } = examples.cbor;
  const { json } = examples.cases.find((one) => one.file === file)!;
  assert.deepEqual(readSenml(Buffer.from(hex, "hex"), null), readSenml(Buffer.from(json), 110));
});

test("sums, a base sum, update times, and data", () => {
  const pack = [
    { bn: "d/", bs: 100, n: "a", v: 1, s: 5, ut: 60 },
    { n: "b", s: 7 },
    { n: "c", vd: "aGkgCg" },
    { bs: 0, n: "d", vb: true },
  ];
  assert.deepEqual(readSenml(json(pack), 110), [
    { name: "d/a", value: 1, sum: 105, updateTime: 60 },
    { name: "d/b", value: null, sum: 107 },
    { name: "d/c", value: new Uint8Array(Buffer.from("hi \n")), sum: 100 },
    { name: "d/d", value: true, sum: 0 },
  ]);
});

test("versions: the pack's, up to RFC 8428's own", () => {
  const read = (...versions: unknown[]) =>
    readSenml(json(versions.map((bver) => ({ ...(bver !== undefined && { bver }), n: "n", v: 1 }))), 110)
      .length;
  assert.deepEqual([read(10), read(5), read(5, 5), read(5, undefined), read(undefined, 10)], [1, 1, 2, 2, 2]);
  for (const versions of [[11], [0], [1.5], ["10"], [5, 10], [undefined, 5]])
    assert.throws(() => read(...versions), `${versions}`);
});

test("a base value is added to numbers, and stands alone where there is none", () => {
  assert.deepEqual(readSenml(json([{ bn: "d", bv: 20, v: 1.5 }, { bn: "e" }]), 110), [
    { name: "d", value: 21.5 },
    { name: "e", value: 20 },
  ]);
});

const refused: [string, Uint8Array, number | null][] = [
  ["an empty pack", cbor(), null],
  ["a pack of base fields only", cbor([[-2, "d"]]), null],
  ["a map instead of a pack", encodeDeterministic(new Map([[2, 1]])), null],
  ["a record that is a number", encodeDeterministic([1]), null],
  [
    "a value of the wrong type",
    cbor([
      [0, "n"],
      [2, "21"],
    ]),
    null,
  ],
  [
    "two values in one record",
    cbor([
      [0, "n"],
      [2, 1],
      [4, true],
    ]),
    null,
  ],
  ["no name", cbor([[2, 1]]), null],
  [
    "a name that begins with a hyphen",
    cbor([
      [0, "-n"],
      [2, 1],
    ]),
    null,
  ],
  [
    "a field that must be understood",
    cbor([
      [0, "n"],
      [2, 1],
      ["new_", 1],
    ]),
    null,
  ],
  [
    "a byte too many",
    Buffer.concat([
      cbor([
        [0, "n"],
        [2, 1],
      ]),
      Buffer.of(0),
    ]),
    null,
  ],
  ["not a number", Buffer.from("81a2006161" + "02f97e00", "hex"), null],
  [
    "CBOR where JSON is announced",
    cbor([
      [0, "n"],
      [2, 1],
    ]),
    110,
  ],
  ["JSON where CBOR is announced", json([{ n: "n", v: 1 }]), null],
  ["JSON that is no UTF-8", Buffer.from('[{"n":"n","vs":"\xff"}]', "latin1"), 110],
];
for (const [what, payload, contentType] of refused)
  test(`refuses ${what}`, () => {
    assert.throws(() => readSenml(payload, contentType));
  });

test("accepts the neighbour of what is refused", () => {
  assert.deepEqual(
    readSenml(
      cbor([
        [0, "n"],
        [2, 1],
        ["new", 1],
      ]),
      null,
    ),
    [{ name: "n", value: 1 }],
  );
});
