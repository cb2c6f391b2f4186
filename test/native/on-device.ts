/**
 * Runs TLS attempts in XS, in a machine with a board's limits and lib preloaded as on the board. RTC memory
 * lasts from boot to boot of one run.
 */
import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { type BoardName, boardManifest } from "../../host-sim/board.js";
import { type BootCause, type BootEnd, Device } from "../../host-sim/device.js";
import { writeImage } from "../../host-sim/image.js";
import type { ManifestModule } from "../../host-sim/manifest.js";
import { root } from "../../host-sim/paths.js";
import type { Attempt, Outcome } from "../device/tls-client.js";

export interface Run {
  readonly outcomes: readonly Outcome[];
  readonly end: BootEnd & { readonly tlsBytesLeaked: number };
}

export interface Boot {
  readonly attempts: readonly Attempt[];
  /** The world's time, Unix seconds; now by default. It passes in deep sleep too. */
  readonly worldSeconds?: number;
  /** Default: power-on for the first, deep-sleep for those after it. */
  readonly cause?: BootCause;
}

export interface RunOptions {
  readonly board?: BoardName;
  readonly keylog?: string;
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
  options: RunOptions = {},
): Promise<Run> {
  const boots: Boot[] = [];
  for (let at = 0; at < attempts.length; at += attemptsPerBoot)
    boots.push({ attempts: attempts.slice(at, at + attemptsPerBoot), cause: "power-on" });
  const runs = await runBoots(engine, scratch, boots, options);
  return {
    outcomes: runs.flatMap((run) => run.outcomes),
    end: {
      ...runs.at(-1)!.end,
      tlsBytesLeaked: Math.max(...runs.map((run) => run.end.tlsBytesLeaked)),
    },
  };
}

/** One device, booted so many times. */
export async function runBoots(
  engine: string,
  scratch: string,
  boots: readonly Boot[],
  { board = "esp32c3", keylog }: RunOptions = {},
): Promise<readonly Run[]> {
  const folder = join(scratch, `device-${process.hrtime.bigint()}`);
  const main = `${folder}.js`;
  const image = `${folder}.image`;
  writeFileSync(main, program(boots), { mode: 0o600 });
  writeImage(image, {
    board,
    manifest: boardManifest(board),
    main: "tls-test",
    extra: [
      { specifier: "tls-test", source: main, preload: false },
      moduleOf(join(root, "test/device/tls-client.ts"), false),
      moduleOf(join(root, "test/device/saved-session.ts"), false),
    ],
    flashFile: `${folder}.flash`,
  });
  const runs: Run[] = [];
  let outcomes: Outcome[] = [];
  const device = await Device.start({
    engine,
    image,
    keylog,
    onTrace: (text) => {
      if (text.startsWith('{"outcome"')) outcomes.push((JSON.parse(text) as { outcome: Outcome }).outcome);
    },
    onAsk: async () => ({ text: `${runs.length}`, advanceMs: 0 }),
  });
  let errors = "";
  try {
    for (const [at, boot] of boots.entries()) {
      outcomes = [];
      const cause = boot.cause ?? (at === 0 ? "power-on" : "deep-sleep");
      const worldMs = boot.worldSeconds === undefined ? Date.now() : boot.worldSeconds * 1000;
      const end = (await device.boot(cause, worldMs, 120_000)) as Run["end"];
      assert.equal(end.reason, "sleep", `${end.reason}: ${end.detail}`);
      assert.equal(outcomes.length, boot.attempts.length);
      runs.push({ outcomes, end });
    }
  } finally {
    errors = await device.stop();
    rmSync(main);
    rmSync(image);
  }
  assert.doesNotMatch(errors, /Sanitizer|runtime error/);
  return runs;
}

/** Each boot asks which one it is. What is long is said once: a board has little memory for the same text twice. */
function program(boots: readonly Boot[]): string {
  const texts = new Map<string, string>();
  const source = (value: unknown): string => {
    if (typeof value === "string" && value.length > 80) {
      if (!texts.has(value)) texts.set(value, `text${texts.size}`);
      return texts.get(value)!;
    }
    if (Array.isArray(value)) return `[${value.map(source).join(", ")}]`;
    if (typeof value !== "object" || value === null) return JSON.stringify(value);
    const members = Object.entries(value).filter(([, member]) => member !== undefined);
    return `{ ${members.map(([name, member]) => `${name}: ${source(member)}`).join(", ")} }`;
  };
  const all = boots.map(({ attempts }) => `() => ${source(attempts)},`);
  return [
    'import { ask } from "dormouse/world";',
    'import { runAttempts } from "test/device/tls-client";',
    ...[...texts].map(([text, name]) => `const ${name} = ${JSON.stringify(text)};`),
    "const boots = [",
    ...all,
    "];",
    'ask("boot", "", (index) => { runAttempts(boots[Number(index)]()); });',
    "",
  ].join("\n");
}
