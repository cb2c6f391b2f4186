import { utf8Encode } from "../../../lib/cbor/utf8.js";
import { decodePackCbor, encodePackCbor } from "../../../lib/senml/cbor.js";
import { decodePackJson } from "../../../lib/senml/json.js";
import {
  absoluteTimeMs,
  dateReading,
  decodeReading,
  encodeReading,
  type Packing,
  packReadings,
} from "../../../lib/senml/measurement.js";
import { resolvePack } from "../../../lib/senml/resolve.js";
import { equal, fromHex, test, throws } from "../../device/harness.js";

const at = 1_795_000_000_000;
const packing: Packing = { baseName: "d1:", format: "cbor", state: [] };
const temperature = { name: "temperature", unit: "Cel", value: 21.5 };
const open = { name: "open", value: true };

test("a reading comes back as it went into the outbox", () => {
  for (const timeMs of [0, 1, absoluteTimeMs, at])
    for (const measurements of [[], [temperature], [temperature, open, { name: "state", value: "ok" }]])
      equal(decodeReading(encodeReading({ timeMs, measurements })), { timeMs, measurements });
});

test("a whole number stays a number, whether CBOR writes an integer or not", () => {
  for (const value of [0, -0, 20, -3, 1e300, 0.1]) {
    const content = encodeReading({ timeMs: at, measurements: [{ name: "v", value }] });
    equal(decodeReading(content).measurements[0]?.value, value);
  }
});

test("what is no number is refused before it is queued", () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY])
    throws(() => encodeReading({ timeMs: at, measurements: [{ name: "v", value }] }), RangeError);
});

test("a name that SenML does not allow is refused before it is queued", () => {
  const named = (name: string) => () => encodeReading({ timeMs: at, measurements: [{ name, value: 1 }] });
  for (const name of ["", "-a", "Temperatur außen", "a b", "a°"]) throws(named(name), RangeError);
  for (const name of ["a", "0", "a-b:c./_9"]) named(name)();
});

test("truncated contents are refused", () => {
  const content = encodeReading({ timeMs: at, measurements: [temperature] });
  for (let length = 0; length < content.length; length++)
    throws(() => decodeReading(content.subarray(0, length)), RangeError);
});

test("a reading is dated anew, and left alone when its time stays", () => {
  const content = encodeReading({ timeMs: 4_000, measurements: [temperature] });
  const dated = dateReading(content, (timeMs) => at + timeMs);
  equal(decodeReading(dated), { timeMs: at + 4_000, measurements: [temperature] });
  equal(
    dateReading(content, (timeMs) => timeMs),
    content,
  );
});

function numbered(contents: readonly Uint8Array[]) {
  return contents.map((content, i) => ({ sequence: 70_000 + i, content }));
}

test("a pack gives each reading its own time, and names below the base name", () => {
  const contents = [0, 900_000].map((later) =>
    encodeReading({ timeMs: at + later + 999, measurements: [temperature, open] }),
  );
  const readings = resolvePack(decodePackCbor(packReadings(packing, numbered(contents), at + 2_000_000)));
  equal(
    readings.map(({ name, time, value }) => [name, time, value]),
    [
      ["d1:temperature", at / 1000, 21.5],
      ["d1:open", at / 1000, true],
      ["d1:temperature", at / 1000 + 900, 21.5],
      ["d1:open", at / 1000 + 900, true],
    ],
  );
});

test("without a clock times are relative to now, as SenML reads small ones", () => {
  const contents = [encodeReading({ timeMs: 1_000, measurements: [temperature] })];
  const [reading] = resolvePack(decodePackCbor(packReadings(packing, numbered(contents), 61_000)));
  equal(reading?.time, -60);
});

const state = [
  { name: "state.battery", unit: "V", value: 3.7 },
  { name: "state.reset", value: "watchdog" },
];

test("the device's state stands behind the readings, with the time of the pack", () => {
  const contents = [encodeReading({ timeMs: at, measurements: [temperature] })];
  const pack = decodePackCbor(packReadings({ ...packing, state }, numbered(contents), at + 90_500));
  equal(pack, [
    { bn: "d1:", bt: at / 1000, n: "temperature", u: "Cel", v: 21.5, seq: 70_000 },
    { n: "state.battery", u: "V", v: 3.7, t: 90 },
    { n: "state.reset", vs: "watchdog", t: 90 },
  ]);
});

test("the first record of each reading has its sequence number, which is that of its others, and not of the state", () => {
  const contents = [0, 900_000].map((later) =>
    encodeReading({ timeMs: at + later, measurements: [temperature, open] }),
  );
  for (const format of ["cbor", "json"] as const) {
    const pack = packReadings({ ...packing, state, format }, numbered(contents), at + 900_000);
    const records = format === "cbor" ? decodePackCbor(pack) : decodePackJson(pack);
    equal(
      records.map(({ seq }) => seq ?? null),
      [70_000, null, 70_001, null, null, null],
    );
    equal(
      resolvePack(records).map(({ sequence }) => sequence ?? null),
      [70_000, 70_000, 70_001, 70_001, null, null],
    );
  }
});

test("what others mean by seq is passed over, in CBOR and in JSON", () => {
  for (const seq of ["-1", '"a"', "1.5", "null", "[]"])
    equal(decodePackJson(utf8Encode(`[{"n":"a","v":1,"seq":${seq}}]`)), [{ n: "a", v: 1 }], seq);
  equal(decodePackJson(utf8Encode('[{"n":"a","v":1,"seq":0}]')), [{ n: "a", v: 1, seq: 0 }]);
  for (const seq of ["20", "6161", "f93e00", "f6"])
    equal(decodePackCbor(fromHex(`81a30061610201637365 71${seq}`.replace(" ", ""))), [{ n: "a", v: 1 }], seq);
  equal(decodePackCbor(fromHex("81a300616102016373657118ff")), [{ n: "a", v: 1, seq: 255 }]);
  throws(() => encodePackCbor([{ n: "a", v: 1, seq: -1 }]), RangeError);
});

test("of a device without a clock the state is of now, and readings are older", () => {
  const contents = [encodeReading({ timeMs: 1_000, measurements: [temperature] })];
  const pack = packReadings({ ...packing, state }, numbered(contents), 61_000);
  equal(
    resolvePack(decodePackCbor(pack)).map(({ time }) => time),
    [-60, 0, 0],
  );
});

test("a pack in JSON says what a pack in CBOR says", () => {
  const contents = [
    encodeReading({ timeMs: at, measurements: [temperature, open] }),
    encodeReading({ timeMs: at + 60_000, measurements: [temperature] }),
  ];
  const cbor = decodePackCbor(packReadings({ ...packing, state }, numbered(contents), at + 61_000));
  const json = decodePackJson(
    packReadings({ ...packing, state, format: "json" }, numbered(contents), at + 61_000),
  );
  equal(json, cbor);
});
