/** An uncaught exception names file and line of the TypeScript it comes from, through bytecode and source map. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { engineFile } from "../../../host-sim/engine-file.js";
import { compiledPath } from "../../../host-sim/paths.js";
import { Board, fixture } from "./board.js";

const source = fixture("thrower.ts");
const shown = "test/host-sim/engine/fixtures/thrower.ts";
const compiled = compiledPath(source);
const boards: Board[] = [];
const scratch = mkdtempSync(join(tmpdir(), "dormouse-lines-"));
after(async () => {
  await Promise.all(boards.map((board) => board.stop()));
  rmSync(scratch, { recursive: true, force: true });
});

function lineOf(text: string): number {
  return (
    readFileSync(source, "utf8")
      .split("\n")
      .findIndex((line) => line.includes(text)) + 1
  );
}

for (const preload of [false, true])
  test(`the line of an exception in ${preload ? "a preloaded" : "a loaded"} module`, async () => {
    const throwing = "thrower";
    const main = preload ? "preload-thrower" : "import-thrower";
    const board = new Board(await engineFile("release"), main, {
      modules: preload
        ? [{ specifier: "lazy", path: fixture("lazy-thrower.js"), preload }]
        : [{ specifier: throwing, path: compiled, map: `${compiled}.map` }],
    });
    boards.push(board);
    const { end } = await board.boot();
    if (preload) {
      assert.equal(end.detail, "Error: later (test/host-sim/engine/fixtures/lazy-thrower.js:3)");
      return;
    }
    assert.equal(end.detail, `RangeError: too warm (${shown}:${lineOf("too warm")})`);
    assert.deepEqual(
      end.stack?.map((frame) => frame.replace(/^\S+ (?=\S)/, "")).slice(0, 3),
      ["too warm", 'unit: "Cel"', /^run\(\)/].map((text) => {
        const lines = readFileSync(source, "utf8").split("\n");
        const index = lines.findIndex((line) =>
          typeof text === "string" ? line.includes(text) : text.test(line),
        );
        return `${shown}:${index + 1}`;
      }),
    );
  });

test("an exception while preloading makes the image unusable, with its line", async () => {
  const board = new Board(await engineFile("release"), "import-thrower", {
    modules: [{ specifier: "thrower", path: compiled, map: `${compiled}.map`, preload: true }],
  });
  boards.push(board);
  const line = await board.next();
  assert.equal(line?.type, "failed");
  assert.equal(
    (line as { detail: string }).detail,
    `while preloading: RangeError: too warm (${shown}:${lineOf("too warm")})`,
  );
});

/** What the engine says of a main module with this text. */
async function refusal(text: string): Promise<string> {
  const main = join(scratch, "main.js");
  writeFileSync(main, text);
  const board = new Board(await engineFile("release"), main);
  boards.push(board);
  const line = await board.next();
  assert.equal(line?.type, "failed");
  return (line as { detail: string }).detail;
}

test("a module that is no JavaScript is named with its line", async () => {
  assert.match(
    await refusal("/* Not JavaScript. */\nconst fine = 1;\nconst const = fine;\n"),
    /main\.js:3: /,
  );
});

test("natives are for modules of the platform only", async () => {
  assert.match(await refusal('function set(a) @ "xs_time_set";\nset(1);\n'), /main\.js:1: /);
});
