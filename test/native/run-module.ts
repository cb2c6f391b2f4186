/** One boot of a test's own module in XS, in a machine with a board's limits and lib preloaded as on the board. */
import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { type BoardName, boardManifest } from "../../host-sim/board.js";
import { type BootEnd, Device } from "../../host-sim/device.js";
import { writeImage } from "../../host-sim/image.js";
import { root } from "../../host-sim/paths.js";

export interface ModuleRun {
  readonly lines: readonly string[];
  readonly end: BootEnd & { readonly tlsBytesLeaked: number };
}

export interface ModuleOptions {
  readonly engine: string;
  /** A folder for what the boot needs. */
  readonly scratch: string;
  readonly board?: BoardName | undefined;
  readonly keylog?: string | undefined;
  /** Files of this project that `main` imports, by their path without ending; not preloaded. */
  readonly modules: readonly string[];
  /** JavaScript. It ends with a deep sleep. */
  readonly main: string;
}

export async function runModule(options: ModuleOptions): Promise<ModuleRun> {
  const { engine, scratch, board = "esp32c3", keylog, modules, main } = options;
  const base = join(scratch, `boot-${process.hrtime.bigint()}`);
  const source = `${base}.js`;
  const image = `${base}.image`;
  writeFileSync(source, main);
  writeImage(image, {
    board,
    manifest: boardManifest(board),
    main: "test-main",
    extra: [
      { specifier: "test-main", source, preload: false },
      ...modules.map((path) => {
        const file = join(root, path);
        return { specifier: relative(root, file).replace(/\.[a-z]+$/, ""), source: file, preload: false };
      }),
    ],
    flashFile: `${base}.flash`,
  });
  const lines: string[] = [];
  const device = await Device.start({
    engine,
    image,
    keylog,
    onTrace: (text) => lines.push(text),
    onAsk: async () => ({ text: "", advanceMs: 0 }),
  });
  const end = (await device.boot("power-on", Date.now(), 120_000)) as ModuleRun["end"];
  const errors = await device.stop();
  rmSync(source);
  rmSync(image);
  assert.equal(end.reason, "sleep", `${end.reason}: ${end.detail}\n${lines.join("")}`);
  assert.doesNotMatch(errors, /Sanitizer|runtime error/);
  return { lines, end };
}
