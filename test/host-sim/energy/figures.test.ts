/** Every number of an energy estimate says where it comes from, or that it is assumed and why. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { boardNames } from "../../../host-sim/board.js";
import {
  boardTable,
  cellNames,
  cellTable,
  checked,
  type Figure,
  sensorTable,
} from "../../../host-sim/energy/figures.js";

const all: readonly (readonly [string, Readonly<Record<string, Figure>>])[] = [
  ...boardNames.map((board) => [board, boardTable(board)] as const),
  ...cellNames().map((cell) => [cell, cellTable(cell).figures] as const),
  ["simulated sensor", sensorTable("simulated").figures],
];

for (const [name, figures] of all)
  test(`${name}: each number has a document with section or table and an address, or a reasoning`, () => {
    for (const [key, { value, basis, source, address, note }] of Object.entries(figures)) {
      assert.ok(Number.isFinite(value), key);
      assert.ok(note.length >= 10 && note.endsWith("."), `${key}: note`);
      if (basis === "assumed") {
        assert.ok(note.length >= 30, `${key}: the reasoning`);
        assert.equal(source, undefined, `${key} is assumed: it has no source`);
        continue;
      }
      assert.ok(["datasheet", "measured", "published"].includes(basis), `${key}: ${basis}`);
      assert.match(source ?? "", /, |: /, `${key}: document and place in it`);
      assert.match(address ?? "", /^https?:\/\/\S+$/, `${key}: address`);
    }
  });

const sourced: Figure = {
  value: 1,
  unit: "mA",
  basis: "datasheet",
  source: "X, Table 1",
  address: "https://x",
  note: "N.",
};
const refused: [what: string, figure: Partial<Figure> | undefined][] = [
  ["a number that is missing", undefined],
  ["one that is none", { ...sourced, value: Number.NaN }],
  ["one that stands for nothing", { ...sourced, note: "" }],
  ["one without an address", { ...sourced, address: "" }],
  ["one without a source", { ...sourced, source: "" }],
];
for (const [what, figure] of refused)
  test(`a table is refused with ${what}`, () => {
    assert.throws(() => checked({ a: figure }, ["a"], "board"), RangeError);
    assert.ok(checked({ a: sourced }, ["a"], "board"));
  });
