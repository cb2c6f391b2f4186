/**
 * What a protected message may cost, counted: bytes, machine instructions, heap. And docs/sealed.md says what is so.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { nodeCrypto } from "../../backend/node-crypto.js";
import { sealHeapBudget, stampBudget } from "../../bench/budgets.js";
import { bytesAdded, protections, providersOf, usual } from "../../bench/seal.js";
import { type Cost, canCount, sealCosts, type Task } from "../../bench/seal-cost.js";
import { engineBits } from "../../host-sim/engine-file.js";
import { root } from "../../host-sim/paths.js";
import { prepare, type WorkName } from "../device/seal-work.js";

const page = readFileSync(`${root}docs/sealed.md`, "utf8");
const section = page.slice(page.indexOf("## What it costs\n"));

/** The cells of the table's rows, below its head, without backticks. */
function table(under: string): string[][] {
  const from = section.indexOf(under);
  assert.ok(from >= 0, `docs/sealed.md lacks ${JSON.stringify(under)}`);
  const lines = section.slice(from).split("\n");
  const start = lines.findIndex((line) => line.startsWith("| --- "));
  const end = lines.findIndex((line, i) => i > start && !line.startsWith("|"));
  return lines.slice(start + 1, end < 0 ? undefined : end).map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll("`", "")),
  );
}

/** "585 / 10,200": native, noble. */
function pair(cell: string): (number | undefined)[] {
  return cell.split(" / ").map((number) => (number === "–" ? undefined : Number(number.replaceAll(",", ""))));
}

function near(said: number | undefined, measured: number | undefined, part: number, what: string): void {
  if (said === undefined || measured === undefined) return assert.equal(said, measured, what);
  const off = Math.abs(said - measured) / measured;
  assert.ok(off <= part, `${what}: docs/sealed.md says ${said}, measured ${measured}`);
}

const rows = () =>
  table("### In all").map((cells, i) => {
    const [protection, algorithm, work] = protections[i] ?? [];
    assert.equal(cells[0], algorithm ? `${protection}, ${algorithm}` : protection);
    return { work: work!, cells: cells as [string, string, string, string, string, string] };
  });

test("a compact stamp adds at most 28 bytes to 60, with a kid of 2 and a counter of 3; each has its place", () => {
  const options = { payloadBytes: 60, counter: 70_000, kid: "a1b2" };
  const added = bytesAdded("stamp 4", options);
  assert.ok(added <= stampBudget().compactBytes, `${added} bytes`);
  const message = prepare(nodeCrypto, "stamp 4", options).protect();
  const left = Buffer.from(message).toString("hex");
  // where the page says nothing but how many bytes there are, anything may stand
  const places = table("### Where the bytes of the smallest go");
  const said = places.map(([bytes, hex]) =>
    hex === "" ? ".".repeat(2 * Number(bytes)) : hex!.replaceAll(" ", ""),
  );
  assert.match(left, new RegExp(`^${said.join("")}$`));
  for (const [bytes, hex] of places)
    if (hex) assert.equal(hex.replaceAll(" ", "").length, 2 * Number(bytes), hex);
  const total = places.reduce((sum, [bytes]) => sum + Number(bytes), 0);
  assert.equal(total - options.payloadBytes, added);
  assert.ok(section.includes(`In all ${added} bytes.`), `the page does not say ${added}`);
});

test("docs/sealed.md says how many bytes each protection adds", () => {
  assert.equal(rows().length, protections.length);
  for (const { work, cells } of rows()) {
    assert.equal(Number(cells[1]), bytesAdded(work, usual), work);
    assert.equal(Number(cells[2]), bytesAdded(work, { ...usual, kid: "a1b2" }), `${work}, short kid`);
  }
});

test("each protection stays within its heap, and docs/sealed.md says what it takes", async (t) => {
  const bits = await engineBits();
  const tasks = protections.flatMap(([, , name]) =>
    providersOf(name).map((provider): Task => ({ provider, name, verb: "protect" })),
  );
  const costs = await sealCosts(tasks, usual, { count: false });
  const heapOf = (name: WorkName, provider: string) => {
    const cost = costs.find((one) => one.name === name && one.provider === provider);
    return cost && cost.slotBytes + cost.chunkBytes;
  };
  for (const { work, cells } of rows()) {
    const native = heapOf(work, "native")!;
    t.diagnostic(`${work}: ${native} bytes of heap`);
    assert.ok(native <= sealHeapBudget(work, bits), `${work}: ${native} bytes`);
    if (bits === "64") continue; // a board's are 32
    const [saidNative, saidNoble] = pair(cells[5]);
    near(saidNative, native, 0.1, `${work}, native`);
    near(saidNoble, heapOf(work, "noble"), 0.1, `${work}, noble`);
  }
});

test("a whole native stamp takes at most a fifteenth of noble's instructions", {
  skip: !canCount() && "left out: no valgrind (Debian: apt-get install valgrind)",
}, async (t) => {
  const tasks = (["native", "noble"] as const).flatMap((provider) =>
    (["protect", "open"] as const).map((verb): Task => ({ provider, name: "stamp 5", verb })),
  );
  const costs = await sealCosts(tasks, usual, { count: true });
  const [made, opened, nobleMade, nobleOpened] = costs.map(({ instructions }: Cost) => instructions!);
  const times = nobleMade! / made!;
  t.diagnostic(`native ${made}, noble ${nobleMade}: ${times.toFixed(1)} times`);
  assert.ok(times >= stampBudget().nobleOverNative, `only ${times.toFixed(1)} times`);
  const [{ cells }] = rows() as [ReturnType<typeof rows>[number]];
  // another compiler's instructions are others
  for (const [cell, native, noble] of [
    [cells[3], made, nobleMade],
    [cells[4], opened, nobleOpened],
  ] as const) {
    const [saidNative, saidNoble] = pair(cell);
    near(saidNative, native! / 1000, 0.25, "native");
    near(saidNoble, noble! / 1000, 0.25, "noble");
  }
});
