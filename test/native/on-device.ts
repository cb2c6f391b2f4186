/** Runs TLS attempts in XS, in a machine with a board's limits and lib preloaded as on the board. */
import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { type BoardName, boardManifest } from "../../host-sim/board.js";
import { type BootEnd, Device } from "../../host-sim/device.js";
import { writeImage } from "../../host-sim/image.js";
import type { ManifestModule } from "../../host-sim/manifest.js";
import { root } from "../../host-sim/paths.js";
import type { Attempt, Outcome } from "../device/tls-client.js";

export interface Run {
  readonly outcomes: readonly Outcome[];
  readonly end: BootEnd & { readonly tlsBytesLeaked: number };
}

function moduleOf(source: string, preload: boolean): ManifestModule {
  return { specifier: relative(root, source).replace(/\.[a-z]+$/, ""), source, preload };
}

/** As many attempts as a board's memory holds the descriptions of. */
const attemptsPerBoot = 20;

/** All attempts in turn, in as many boots as they need; `end` is the last one's, with the worst leak. */
export async function runOnDevice(
  engine: string,
  scratch: string,
  attempts: readonly Attempt[],
  options: BootOptions = {},
): Promise<Run> {
  let { outcomes, end } = await boot(engine, scratch, attempts.slice(0, attemptsPerBoot), options);
  for (let at = attemptsPerBoot; at < attempts.length; at += attemptsPerBoot) {
    const next = await boot(engine, scratch, attempts.slice(at, at + attemptsPerBoot), options);
    outcomes = [...outcomes, ...next.outcomes];
    end = { ...next.end, tlsBytesLeaked: Math.max(end.tlsBytesLeaked, next.end.tlsBytesLeaked) };
  }
  return { outcomes, end };
}

interface BootOptions {
  readonly board?: BoardName;
  readonly keylog?: string;
}

async function boot(
  engine: string,
  scratch: string,
  attempts: readonly Attempt[],
  { board = "esp32c3", keylog }: BootOptions,
): Promise<Run> {
  const folder = join(scratch, `boot-${process.hrtime.bigint()}`);
  const main = `${folder}.js`;
  const image = `${folder}.image`;
  writeFileSync(
    main,
    `import { runAttempts } from "test/device/tls-client";\nrunAttempts(${JSON.stringify(attempts)});\n`,
  );
  writeImage(image, {
    board,
    manifest: boardManifest(board),
    main: "tls-test",
    extra: [
      { specifier: "tls-test", source: main, preload: false },
      moduleOf(join(root, "test/device/tls-client.ts"), false),
    ],
    flashFile: `${folder}.flash`,
  });
  const outcomes: Outcome[] = [];
  const device = await Device.start({
    engine,
    image,
    keylog,
    onTrace: (text) => {
      if (text.startsWith('{"outcome"')) outcomes.push((JSON.parse(text) as { outcome: Outcome }).outcome);
    },
    onAsk: async () => ({ text: "", advanceMs: 0 }),
  });
  const end = (await device.boot("power-on", Date.now(), 120_000)) as Run["end"];
  const errors = await device.stop();
  rmSync(main);
  rmSync(image);
  assert.equal(end.reason, "sleep", `${end.reason}: ${end.detail}`);
  assert.equal(outcomes.length, attempts.length);
  assert.doesNotMatch(errors, /Sanitizer|runtime error/);
  return { outcomes, end };
}
