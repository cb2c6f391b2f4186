import { cobsRead, cobsWrite, maxCobsBytes } from "../../../lib/provisioning/cobs.js";
import { bytes, equal, fromHex, hex, test } from "../../device/harness.js";

function stuffed(data: Uint8Array): Uint8Array {
  const out = new Uint8Array(maxCobsBytes(data.length) + 2).fill(0xee);
  const end = cobsWrite(data, out, 1);
  equal([out[0], out[end]], [0xee, 0xee], "bytes around it");
  return out.subarray(1, end);
}

/** `from` up to `to`, as many bytes as there are numbers. */
function numbers(from: number, to: number): string {
  let text = "";
  for (let i = from; i <= to; i++) text += (i & 255).toString(16).padStart(2, "0");
  return text;
}

// The examples that are known for this encoding, by hand and on Wikipedia's page of it.
const examples: readonly (readonly [string, string])[] = [
  ["", "01"],
  ["00", "0101"],
  ["0000", "010101"],
  ["001100", "01021101"],
  ["11220033", "0311220233"],
  ["11223344", "0511223344"],
  ["11000000", "0211010101"],
  [numbers(1, 254), `ff${numbers(1, 254)}`],
  [numbers(0, 254), `01ff${numbers(1, 254)}`],
  [numbers(1, 255), `ff${numbers(1, 254)}02ff`],
  [`${numbers(2, 255)}00`, `ff${numbers(2, 255)}0101`],
  [`${numbers(3, 255)}0001`, `fe${numbers(3, 255)}0201`],
];

test("the published examples, both ways", () => {
  for (const [data, expected] of examples) {
    bytes(stuffed(fromHex(data)), expected);
    equal(hex(cobsRead(fromHex(expected), 0, expected.length / 2)!), data);
  }
});

test("around each full run, what goes in comes out, and there is no zero in between", () => {
  for (const length of [253, 254, 255, 508, 509])
    for (const zeroAt of [-1, 0, 253, 254, length - 1]) {
      const data = new Uint8Array(length).fill(7);
      if (zeroAt >= 0) data[zeroAt] = 0;
      const line = stuffed(data);
      equal(line.includes(0), false);
      equal(cobsRead(line, 0, line.length), data, `${length} bytes, a zero at ${zeroAt}`);
    }
});

test("reads between its bounds, and refuses what the writer does not write", () => {
  equal(cobsRead(fromHex("ee0211ee"), 1, 3), fromHex("11"));
  for (const wrong of ["", "00", "02", "0311", "010003", "021103", "0211000101", `ff${numbers(1, 254)}01`])
    equal(cobsRead(fromHex(wrong), 0, wrong.length / 2), undefined, wrong);
  equal(cobsRead(fromHex(`ff${numbers(1, 254)}0101`), 0, 257)?.length, 255);
});
