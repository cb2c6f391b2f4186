/** The manifest of a firmware, as ESP Web Tools has it: what is taken for which chip, and what is refused. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../../host-sim/paths.js";
import { imagesFor, namesIn, readManifest } from "../../web/flash/manifest.js";

const parts = [
  { path: "out/app.bin", offset: 0x1_0000 },
  { path: "bootloader.bin", offset: 0x1000 },
];
const builds = [
  { chipFamily: "ESP32", parts },
  { chipFamily: "ESP32-C3", parts: [{ path: "https://example.org/c3/merged.bin", offset: 0 }] },
];
const manifest = (more: object = {}) =>
  JSON.stringify({ name: "Dormouse", version: "0.1.0", new_install_prompt_erase: true, builds, ...more });

const bytes = (length: number) => new Uint8Array(length);

test("each chip's files go to their offsets, in order; a path stands for its last name", () => {
  const read = readManifest(manifest());
  assert.deepEqual([...namesIn(read)], ["app.bin", "bootloader.bin", "merged.bin"]);
  const files = new Map([
    ["app.bin", bytes(9)],
    ["bootloader.bin", bytes(0xf000)],
    ["merged.bin", bytes(5)],
  ]);
  assert.deepEqual(
    imagesFor(read, "ESP32", files).map(({ name, offset }) => [name, offset]),
    [
      ["bootloader.bin", 0x1000],
      ["app.bin", 0x1_0000],
    ],
  );
  assert.equal(imagesFor(read, "ESP32-C3", files).length, 1);
  assert.throws(
    () => imagesFor(read, "ESP32-S3", files),
    /board is an ESP32-S3; the manifest is for ESP32, ESP32-C3/,
  );
  // One byte more, and the bootloader would reach into the application.
  files.set("bootloader.bin", bytes(0xf001));
  assert.throws(() => imagesFor(read, "ESP32", files), /bootloader\.bin reaches into app\.bin/);
  files.set("bootloader.bin", bytes(0));
  assert.throws(() => imagesFor(read, "ESP32", files), /bootloader\.bin is empty/);
  files.delete("bootloader.bin");
  assert.throws(() => imagesFor(read, "ESP32", files), /bootloader\.bin is not among/);
});

test("the example in docs/browser.md is one", () => {
  const [, example] = /```json\n([^`]*)```/.exec(readFileSync(join(root, "docs/browser.md"), "utf8"))!;
  assert.deepEqual([...readManifest(example!).builds.keys()], ["ESP32-C3", "ESP32"]);
});

test("what is no manifest is refused in one line", () => {
  const part = (more: object) => ({
    builds: [{ chipFamily: "ESP32", parts: [{ path: "a.bin", offset: 0, ...more }] }],
  });
  assert.equal(readManifest(manifest(part({}))).builds.size, 1);
  const wrong: readonly [string, RegExp][] = [
    ["", /not JSON/],
    ["[]", /no JSON object/],
    [manifest({ builds: [] }), /no list of builds/],
    [manifest({ builds: [{ parts }] }), /no chipFamily/],
    [manifest({ builds: [{ chipFamily: "<ESP32>", parts }] }), /no chipFamily/],
    [manifest({ builds: [builds[0], builds[0]] }), /two builds for ESP32/],
    [manifest({ builds: [{ chipFamily: "ESP32", parts: [] }] }), /no list of parts/],
    [manifest(part({ path: "firmware/" })), /no path/],
    [manifest(part({ offset: -4096 })), /no offset/],
    [manifest(part({ offset: "0x1000" })), /no offset/],
    [manifest(part({ offset: 0x0800_0000 })), /no offset/],
    [manifest(part({ offset: 0x1004 })), /no multiple of 4096/],
  ];
  for (const [text, problem] of wrong)
    assert.throws(() => readManifest(text), { name: "RangeError", message: problem });
});
