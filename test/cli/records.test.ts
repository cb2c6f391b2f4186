/** How `listen` and `bridge` write what SenML can say beyond plain values: bytes, and sums without a value. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Received } from "../../backend/receiver.js";
import { clearFormats, clearPack } from "../../cli/receive/clear.js";
import { type Format, writerOf } from "../../cli/receive/records.js";
import { decodePackCbor } from "../../lib/senml/cbor.js";
import { decodePackJson } from "../../lib/senml/json.js";
import { resolvePack, type SenmlReading } from "../../lib/senml/resolve.js";

const at = 1_795_000_000;
const reading: SenmlReading[] = [
  { name: "d:bytes", value: Uint8Array.of(0xfb, 0xff, 0xfe), time: at },
  { name: "d:energy", unit: "W", value: null, sum: 7200, time: at, updateTime: 60 },
  { name: "d:power", unit: "W", value: 20, sum: 7200, time: at },
];
const received: Received = {
  ...{ verdict: "fresh", topic: "t", sender: "d", epoch: 0, salt: null, counter: 1, protection: "stamp" },
  ...{ contentType: null, payload: null, reading, reason: null },
};
const lines = (format: Format) => writerOf(format).lines(received, at * 1000);

test("bytes are base64url, in every form; a sum without a value is there", () => {
  const json = JSON.parse(lines("json"));
  assert.deepEqual(
    json.reading.map(({ value, sum }: SenmlReading) => [value, sum]),
    [
      ["-__-", undefined],
      [null, 7200],
      [20, 7200],
    ],
  );
  const csv = lines("csv")
    .trimEnd()
    .split("\r\n")
    .map((line) => line.split(",").slice(7, 9));
  // A spreadsheet would take the first for a formula.
  assert.deepEqual(csv, [
    ["d:bytes", "'-__-"],
    ["d:energy", ""],
    ["d:power", "20"],
  ]);
  assert.match(lines("text"), / bytes +-__-\n.* energy +sum 7200 W\n.* power +20 W\n/);
});

test("in CSV a text that could be a formula is none, whatever its signs look like", () => {
  const texts = ["=1", " =1", "+1", "-1", "@a", "\uff1d1", "\u3000\uff0b1", "\uff0d1", "\uff20a", "1=1", "a"];
  const all = { ...received, reading: texts.map((value) => ({ name: "n", value, time: 0 })) };
  const cells = writerOf("csv")
    .lines(all, at * 1000)
    .trimEnd()
    .split("\r\n")
    .map((line) => line.split(",")[8]);
  assert.deepEqual(
    cells,
    texts.map((text, i) => (i < 9 ? `'${text}` : text)),
  );
});

test("in clear they are what they were", () => {
  for (const format of clearFormats) {
    const pack = clearPack(reading, at * 1000, format);
    const records = format === "json" ? decodePackJson(pack) : decodePackCbor(pack);
    assert.deepEqual(resolvePack(records), reading);
  }
});
