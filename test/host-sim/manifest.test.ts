/** The reader of mcconfig manifests: what it takes over, and each mistake it must name. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { boardManifest, boardNames } from "../../host-sim/board.js";
import { ManifestError, readManifest } from "../../host-sim/manifest.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dormouse-manifest-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const creation = {
  static: 0,
  chunk: { initial: 1, incremental: 0 },
  heap: { initial: 1, incremental: 0 },
  stack: 1,
  keys: { initial: 1, incremental: 1, name: 1, symbol: 1 },
  parser: { buffer: 1, table: 1 },
  main: "main",
};

function files(contents: Record<string, unknown>): void {
  for (const [name, content] of Object.entries(contents)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), typeof content === "string" ? content : JSON.stringify(content));
  }
}

function read(platform = "esp32/esp32c3") {
  return readManifest(join(folder, "board.json"), { platform, moddable: join(folder, "sdk") });
}

function specifiers(platform?: string): string[] {
  return read(platform)
    .modules.map(({ specifier, preload }) => (preload ? `${specifier}!` : specifier))
    .sort();
}

test("modules come by name, list and pattern, from this manifest and those it includes", () => {
  files({
    "board.json": {
      include: ["$(MODULES)/io/manifest.json"],
      creation,
      modules: { "*": "./app/*", "lib/one": "./lib/first" },
      preload: ["lib/one"],
    },
    "sdk/modules/io/manifest.json": { modules: { "embedded:io/x": "./x" }, preload: ["embedded:io/x"] },
    "sdk/modules/io/x.js": "",
    "sdk/modules/io/x.c": "",
    "sdk/modules/io/x.d.ts": "",
    "app/main.ts": "",
    "app/more.js": "",
    "lib/first.ts": "",
  });
  assert.deepEqual(specifiers(), ["embedded:io/x!", "lib/one!", "main", "more"]);
});

test("a preload pattern matches JavaScript only, as in mcconfig", () => {
  files({
    "board.json": { creation, modules: { "a/*": "./a/*" }, preload: ["a/*"] },
    "a/script.js": "",
    "a/typed.ts": "",
  });
  assert.deepEqual(specifiers(), ["a/script!", "a/typed"]);
});

test("the platform's section is merged, the most special one only", () => {
  files({
    "board.json": {
      creation,
      platforms: {
        esp32: { creation: { stack: 2 } },
        "esp32/esp32c3": { creation: { stack: 3 } },
        "...": { creation: { stack: 4 } },
      },
    },
  });
  assert.equal(read("esp32/esp32c3").creation.stack, 3);
  assert.equal(read("esp32/esp32s3").creation.stack, 2);
  assert.equal(read("esp").creation.stack, 4);
});

test("what a manifest includes is overridden by the manifest itself", () => {
  files({
    "board.json": { include: "./base.json", creation: { stack: 7 } },
    "base.json": { creation },
  });
  assert.equal(read().creation.stack, 7);
  assert.equal(read().creation.chunk.initial, 1);
});

const mistakes: [what: string, board: unknown, message: RegExp][] = [
  ["not JSON", "{", /board\.json: /],
  ["an unknown key", { creation, modulse: {} }, /"modulse" is not understood/],
  ["an unknown variable", { creation, modules: { "*": "$(NOWHERE)/*" } }, /\$\(NOWHERE\) is not defined/],
  ["a missing include", { creation, include: "./none.json" }, /none\.json: no such manifest/],
  ["modules that match nothing", { creation, modules: { "*": "./none/*" } }, /no module matches .*none/],
  ["a preload that matches nothing", { creation, preload: ["none"] }, /preload "none" matches no module/],
  ["one name for two modules", { creation, modules: { "a/*": ["./x/*", "./y/*"] } }, /module a\/m is both/],
  ["a missing limit", { creation: { ...creation, stack: "big" } }, /creation\.stack must be a whole number/],
];

for (const [what, board, message] of mistakes)
  test(`it names ${what}`, () => {
    files({ "board.json": board, "x/m.js": "", "y/m.js": "" });
    assert.throws(
      () => read(),
      (error) => error instanceof ManifestError && message.test(error.message),
    );
  });

for (const board of boardNames)
  test(`the manifest of ${board} reads and preloads all of lib that it names`, () => {
    const { modules } = boardManifest(board);
    assert.ok(modules.some(({ specifier }) => specifier === "main"));
    const left = modules.filter(({ specifier, preload }) => specifier.startsWith("dormouse/") && !preload);
    assert.deepEqual(left, []);
  });
