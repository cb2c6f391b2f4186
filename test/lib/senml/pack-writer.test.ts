import { encodePackCbor } from "../../../lib/senml/cbor.js";
import { encodePackJson } from "../../../lib/senml/json.js";
import { PackWriter } from "../../../lib/senml/pack-writer.js";
import type { SenmlRecord } from "../../../lib/senml/record.js";
import { bytes, equal, test, throws } from "../../device/harness.js";

function records(count: number): SenmlRecord[] {
  const pack: SenmlRecord[] = [];
  for (let i = 0; i < count; i++) pack.push({ n: `n${i}`, v: i });
  return pack;
}

function written(format: "cbor" | "json", pack: readonly SenmlRecord[], expectedBytes: number): Uint8Array {
  const writer = new PackWriter(format, expectedBytes);
  for (const record of pack) writer.add(record);
  return writer.finish();
}

test("a pack written record by record is the pack written at once", () => {
  for (const count of [1, 2, 23, 24]) {
    const pack = records(count);
    equal(written("cbor", pack, 0), encodePackCbor(pack), `${count}`);
    equal(written("json", pack, 0), encodePackJson(pack), `${count}`);
  }
});

test("an array's head is as short as can be", () => {
  // {0: "a", 2: 0}
  const record = "a20061610200";
  for (const [count, head] of [
    [23, "97"],
    [24, "9818"],
    [255, "98ff"],
    [256, "990100"],
    [300, "99012c"],
  ] as const) {
    const writer = new PackWriter("cbor", 0);
    for (let i = 0; i < count; i++) writer.add({ n: "a", v: 0 });
    bytes(writer.finish(), head + record.repeat(count));
  }
});

test("it makes no difference how much was expected", () => {
  const pack: SenmlRecord[] = [
    { bn: "d:", bt: 1e9, n: "a", u: "V", v: 1.5 },
    { n: "b", vs: "x" },
    { n: "c", vb: true },
  ];
  for (let expected = 0; expected < 160; expected++) {
    equal(written("cbor", pack, expected), encodePackCbor(pack));
    equal(written("json", pack, expected), encodePackJson(pack));
  }
});

test("a record that SenML does not allow is refused, and does not count", () => {
  for (const format of ["cbor", "json"] as const) {
    const writer = new PackWriter(format, 10);
    writer.add({ n: "a", v: 1 });
    throws(() => writer.add({ n: "b" }), RangeError);
    equal(writer.finish(), written(format, [{ n: "a", v: 1 }], 10));
  }
});
