/** Step 1 of the page, in a real browser, against a model of the loader in the chip's ROM: what lies where in its flash. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type BenchPage, openBench } from "./bench-page.js";
import { type ChipName, RomLoader } from "./rom-loader.js";

const folder = mkdtempSync(join(tmpdir(), "dormouse-flash-"));
let page: BenchPage;

before(async () => {
  page = await openBench();
});

after(async () => {
  await page?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Bytes that compress badly, so that there are several blocks. */
function noise(length: number, seed: number): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state >>> 24;
  });
}

function written(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const files = {
  "bootloader.bin": noise(19_001, 1),
  "partition-table.bin": noise(3_072, 2),
  "dormouse.bin": noise(70_003, 3),
};
const layout = [
  ["bootloader.bin", 0],
  ["partition-table.bin", 0x8000],
  ["dormouse.bin", 0x1_0000],
] as const;

function manifest(builds: object): string {
  return JSON.stringify({ name: "Dormouse", version: "0.1.0", builds });
}

const parts = layout.map(([path, offset]) => ({ path: `firmware/${path}`, offset }));

async function board(chip: ChipName): Promise<RomLoader> {
  const loader = new RomLoader(chip, 0x4_0000, (bytes) => page.serial.send(bytes));
  await page.reload();
  page.serial.connect(loader);
  await page.click("choose");
  return loader;
}

test("three images go to their offsets, and nothing else of the flash changes", async () => {
  const loader = await board("ESP32-C3");
  await page.pick("firmware", [
    written("manifest.json", manifest([{ chipFamily: "ESP32-C3", parts }])),
    ...Object.entries(files).map(([name, bytes]) => written(name, bytes)),
  ]);
  await page.until("!document.getElementById('flash').disabled");
  assert.match(await page.text("images"), /dormouse\.bin\s*0x10000\s*70003 bytes/);
  await page.click("flash");
  await page.until("/Written|wrong/.test(document.getElementById('flash-status').outerHTML)", 20_000);
  assert.match(await page.text("flash-status"), /Written and compared/);
  const expected = new Uint8Array(0x4_0000).fill(0x5a);
  for (const [name, offset] of layout) {
    const bytes = files[name];
    expected.fill(0xff, offset, Math.ceil((offset + bytes.length) / 4096) * 4096);
    expected.set(bytes, offset);
  }
  assert.deepEqual(loader.flash, expected);
  assert.equal(loader.did[0], "boots the loader");
  assert.equal(loader.did.at(-1), "boots the application");
  assert.ok(loader.did.includes("speaks at 460800"), loader.did.join("; "));
});

test("one merged image, on a chip that does not say its id, after all is erased", async () => {
  const loader = await board("ESP32");
  const merged = noise(40_000, 4);
  await page.pick("firmware", [
    written(
      "manifest.json",
      manifest([{ chipFamily: "ESP32", parts: [{ path: "merged.bin", offset: 0x1000 }] }]),
    ),
    written("merged.bin", merged),
  ]);
  await page.until("!document.getElementById('flash').disabled");
  await page.click("erase");
  await page.click("flash");
  await page.until("/Written|wrong/.test(document.getElementById('flash-status').outerHTML)", 20_000);
  assert.match(await page.text("flash-status"), /Written and compared/);
  const expected = new Uint8Array(0x4_0000).fill(0xff);
  expected.set(merged, 0x1000);
  assert.deepEqual(loader.flash, expected);
});

test("a flash that keeps other bytes than it was given is noticed; a board of another family is left alone", async () => {
  const loader = await board("ESP32-C3");
  loader.damage = (bytes) => {
    bytes[100]! ^= 1;
  };
  const picked = [
    written("manifest.json", manifest([{ chipFamily: "ESP32-C3", parts: parts.slice(1, 2) }])),
    written("partition-table.bin", files["partition-table.bin"]),
  ];
  await page.pick("firmware", picked);
  await page.until("!document.getElementById('flash').disabled");
  await page.click("flash");
  await page.until("document.getElementById('flash-status').classList.contains('wrong')", 20_000);
  assert.match(await page.text("flash-status"), /MD5/);

  const before = loader.did.length;
  written("manifest.json", manifest([{ chipFamily: "ESP32-S3", parts: parts.slice(1, 2) }]));
  await page.pick("firmware", picked);
  await page.until("document.getElementById('images').innerText.includes('ESP32-S3')");
  await page.click("flash");
  await page.until("document.getElementById('flash-status').classList.contains('wrong')", 20_000);
  assert.match(await page.text("flash-status"), /^the board is an ESP32-C3; the manifest is for ESP32-S3$/);
  assert.deepEqual(
    loader.did.slice(before).filter((did) => /writes|erases/.test(did)),
    [],
  );
});

test("files that do not belong together are refused when they are picked", async () => {
  await board("ESP32-C3");
  const app = written("dormouse.bin", files["dormouse.bin"]);
  for (const [wrong, manifests] of [
    [/pick one manifest\.json/, []],
    [/not JSON/, ["{"]],
    [
      /still to be picked: bootloader\.bin, partition-table\.bin/,
      [manifest([{ chipFamily: "ESP32-C3", parts }])],
    ],
  ] as const) {
    await page.pick("firmware", [...manifests.map((text) => written("manifest.json", text)), app]);
    await page.until(`${wrong}.test(document.getElementById('flash-status').textContent)`);
    assert.equal(await page.is("flash", "disabled"), true);
  }
});
