/**
 * The same examples in XS, with native cryptography. They are no part of the project, so the image takes them from
 * where they lie, beside it; they are preloaded, as vectors are.
 */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { boardManifest } from "../../host-sim/board.js";
import { Device } from "../../host-sim/device.js";
import { engineFile } from "../../host-sim/engine-file.js";
import { writeImage } from "../../host-sim/image.js";
import { portableModules } from "../host-sim/portable-modules.js";
import { coseExamples, sharedFolder } from "./shared.js";

const skip = !existsSync(`${sharedFolder}/cose`) && "left out: no ../shared/vectors/cose beside the project";

/** Preloaded like the examples: a hundred names would fill a board's stack. */
function listOf(names: readonly string[]): string {
  const imports = names.map((name, i) => `import e${i} from "examples/${name}";\n`);
  const list = names.map((name, i) => `[${JSON.stringify(name)}, e${i}]`);
  return `${imports.join("")}export default [${list.join(", ")}];\n`;
}

const mainModule = `
import { acceptedExamples, checkExample } from "test/device/cose-examples";
import { nativeCrypto } from "dormouse/crypto/native";
import { deepSleep } from "dormouse/native/power";
import examples from "cose-list";

const say = (example, error) => trace(JSON.stringify({ example, error }) + "\\n");

async function run() {
  // Each in a job of its own, as the firmware does its work: the stack is the example's.
  for (const [name, example] of examples)
    await Promise.resolve()
      .then(() => checkExample(nativeCrypto, example, acceptedExamples.includes(name)))
      .then(() => say(name), (error) => say(name, String(error)));
  deepSleep(1000);
}

run();
`;

test("COSE examples in XS: accepted and made again, or refused, as in Node", { skip }, async () => {
  const scratch = mkdtempSync(join(tmpdir(), "dormouse-cose-"));
  try {
    const names = coseExamples();
    const main = join(scratch, "main.js");
    const list = join(scratch, "list.js");
    writeFileSync(main, mainModule);
    writeFileSync(list, listOf(names));
    const image = join(scratch, "image");
    writeImage(image, {
      board: "esp32c3",
      manifest: boardManifest("esp32c3"),
      main: "cose-test",
      extra: [
        { specifier: "cose-test", source: main, preload: false },
        { specifier: "cose-list", source: list, preload: true },
        ...portableModules("harness", "cose-examples", "cose-example-parts"),
        ...names.map((name) => ({
          specifier: `examples/${name}`,
          source: join(sharedFolder, "cose", `${name}.json`),
          preload: true,
        })),
      ],
      flashFile: join(scratch, "flash"),
    });
    const results: { readonly example: string; readonly error?: string }[] = [];
    const device = await Device.start({
      engine: await engineFile("release"),
      image,
      onTrace: (text) => {
        if (text.startsWith('{"example"')) results.push(JSON.parse(text));
      },
      onAsk: async () => ({ text: "", advanceMs: 0 }),
    });
    const end = await device.boot("power-on", Date.now(), 60_000);
    await device.stop();
    assert.deepEqual(
      results.filter(({ error }) => error),
      [],
    );
    assert.equal(end.reason, "sleep", end.detail);
    assert.equal(results.length, names.length);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
});
