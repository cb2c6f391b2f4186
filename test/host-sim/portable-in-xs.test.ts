/**
 * The portable tests of lib inside XS: in a clone with the ESP32-C3's limits, lib preloaded as on the board.
 * Each test file is one boot of its own image.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { after, before, test } from "node:test";
import { type BoardName, boardManifest } from "../../host-sim/board.js";
import { Device } from "../../host-sim/device.js";
import { engineFile } from "../../host-sim/engine-file.js";
import { writeImage } from "../../host-sim/image.js";
import type { Manifest, ManifestModule } from "../../host-sim/manifest.js";
import { root } from "../../host-sim/paths.js";

const board: BoardName = "esp32c3";
const scratch = mkdtempSync(join(tmpdir(), "dormouse-xs-"));
let executable: string;

before(async () => {
  executable = await engineFile("release");
});
after(() => rmSync(scratch, { recursive: true, force: true }));

function sources(folder: string, suffix: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(suffix) && !name.endsWith(".d.ts"))
    .map((name) => join(root, folder, name));
}

function moduleOf(source: string, preload: boolean): ManifestModule {
  return { specifier: relative(root, source).replace(/\.[a-z]+$/, ""), source, preload };
}

/**
 * noble runs as the reference. Its hashes are loaded like an app's own module: their scratch arrays cannot be
 * preloaded. ChaCha20/Poly1305 has none. AES has no room on a board.
 */
function nobleModules(withAes: boolean): ManifestModule[] {
  const chacha = ["chacha", "_arx", "_poly1305", "utils"];
  return ["hashes", "ciphers"].flatMap((name) =>
    readdirSync(join(root, "node_modules/@noble", name))
      .filter((file) => file.endsWith(".js"))
      .map((file) => file.slice(0, -3))
      .filter((module) => name === "hashes" || withAes || chacha.includes(module))
      .map((module) => ({
        specifier: `@noble/${name}/${module}`,
        source: join(root, "node_modules/@noble", name, `${module}.js`),
        preload: name === "ciphers" && !withAes,
      })),
  );
}

/** Vectors are preloaded, so that they take no memory of the device. */
const vectors = sources("test/vectors", ".json").map((source) => ({
  specifier: `vectors/${relative(join(root, "test/vectors"), source).slice(0, -5)}`,
  source,
  preload: true,
}));

/**
 * Which of noble a test file runs with, beside the native module: MQTT has no cryptography, and wants the memory;
 * provisioning has P-256, which noble has not.
 */
type Noble = "none" | "without AES" | "with AES";

function nobleFor(testFile: string): Noble {
  return /^test\/lib\/(mqtt|provisioning)\//.test(relative(root, testFile)) ? "none" : "without AES";
}

function mainFor(testFile: string, noble: Noble): string {
  const names = vectors.map(({ specifier }, i) => `${JSON.stringify(specifier.slice(8))}: v${i}`);
  const aes = noble === "with AES" ? "nobleAes" : "undefined";
  const provider = `{ name: "noble${noble === "with AES" ? " with AES" : ""}", crypto: nobleCrypto(nativeCrypto.random, ${aes}) }`;
  return [
    ...vectors.map(({ specifier }, i) => `import v${i} from "${specifier}";`),
    `import { runTests } from "test/device/xs-runner";`,
    `import { nativeCrypto } from "dormouse/crypto/native";`,
    noble === "none" ? "" : `import { nobleCrypto } from "lib/crypto/noble";`,
    noble === "with AES" ? `import { nobleAes } from "lib/crypto/noble-aes";` : "",
    `import "${moduleOf(testFile, false).specifier}";`,
    `runTests({ ${names.join(", ")} }, [${noble === "none" ? "" : provider}]);`,
    "",
  ].join("\n");
}

/** What test files share: not tests, so part of the image like lib. */
const helpers = sources("test/lib", ".ts").filter((source) => !source.endsWith(".test.ts"));

/** Memory for the tables of noble's AES and what it leaves behind. */
function largeMachine(manifest: Manifest): Manifest {
  const more = { static: 16 << 20, chunk: { initial: 2 << 20, incremental: 65_536 } };
  return { ...manifest, creation: { ...manifest.creation, ...more } };
}

async function runInXs(testFile: string, noble: Noble): Promise<void> {
  const withAes = noble === "with AES";
  const main = join(scratch, "main.js");
  writeFileSync(main, mainFor(testFile, noble));
  const image = join(scratch, "image");
  const manifest = boardManifest(board);
  writeImage(image, {
    board,
    manifest: withAes ? largeMachine(manifest) : manifest,
    main: "portable-test",
    extra: [
      { specifier: "portable-test", source: main, preload: false },
      moduleOf(testFile, false),
      ...sources("test/device", ".ts").map((source) => moduleOf(source, false)),
      ...sources("lib", ".ts").map((source) => moduleOf(source, !/noble(-\w+)?\.ts$/.test(source))),
      ...helpers.map((source) => moduleOf(source, true)),
      ...nobleModules(withAes),
      ...vectors,
    ],
    flashFile: join(scratch, "flash"),
  });
  const results: { test: string; platform: string; error?: string }[] = [];
  const device = await Device.start({
    engine: executable,
    image,
    onTrace: (text) => {
      if (text.startsWith('{"test"')) results.push(JSON.parse(text));
    },
    onAsk: async () => ({ text: "", advanceMs: 0 }),
  });
  const end = await device.boot("power-on", Date.now(), 120_000);
  await device.stop();
  assert.equal(end.reason, "sleep", end.detail);
  assert.ok(results.length > 0, "no test ran");
  assert.deepEqual(
    results.filter(({ error }) => error),
    [],
  );
}

for (const testFile of sources("test/lib", ".test.ts"))
  test(`${relative(root, testFile)} in XS on ${board}`, () => runInXs(testFile, nobleFor(testFile)));

test("noble's AES gives the same bytes in XS, in a machine larger than any board's", () =>
  runInXs(join(root, "test/lib/crypto/aead.test.ts"), "with AES"));
