/**
 * What protecting and opening one message costs in XS. Each kind of work is done n times, then 2 n times: half of the
 * difference to n is one, without what the measuring itself takes. Nothing is collected meanwhile: the machine has
 * room for all of it.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { boardManifest } from "../host-sim/board.js";
import { Device } from "../host-sim/device.js";
import { engineFile } from "../host-sim/engine-file.js";
import { writeImage } from "../host-sim/image.js";
import type { ManifestModule } from "../host-sim/manifest.js";
import { root } from "../host-sim/paths.js";
import type { WorkName, WorkOptions } from "../test/device/seal-work.js";
import { portableModules } from "../test/host-sim/portable-modules.js";

export type Provider = "native" | "noble";

export interface Task {
  readonly provider: Provider;
  readonly name: WorkName;
  readonly verb: "protect" | "open";
}

/** Of one message. */
export interface Cost extends Task {
  /** Machine instructions of this host, all of the process; undefined when they were not counted. */
  readonly instructions: number | undefined;
  readonly slotBytes: number;
  readonly chunkBytes: number;
}

const times = 4;

/** Whether machine instructions can be counted here. */
export function canCount(): boolean {
  return spawnSync("valgrind", ["--version"], { stdio: "ignore" }).status === 0;
}

/** @param count by valgrind's callgrind; without only the memory is measured, which is quick */
export async function sealCosts(
  tasks: readonly Task[],
  options: WorkOptions,
  { count }: { readonly count: boolean },
): Promise<Cost[]> {
  const scratch = mkdtempSync(join(tmpdir(), "dormouse-seal-"));
  try {
    const image = join(scratch, "image");
    writeLargeMachine(image, scratch, program(tasks, options));
    const engine = await engineFile("release");
    const held = await run(count ? countingEngine(engine, scratch) : engine, image);
    const counts = count ? readCounts(scratch) : held.map(() => 0);
    assert.equal(counts.length, held.length);
    // three asks a task: before once, before twice, after twice
    return tasks.map((task, i) => {
      const [a, b, c] = [3 * i, 3 * i + 1, 3 * i + 2];
      const one = (values: readonly number[], from: number, to: number, last: number) =>
        (values[last]! - values[to]! - (values[to]! - values[from]!)) / times;
      const slots = held.map(({ slotBytes }) => slotBytes);
      const chunks = held.map(({ chunkBytes }) => chunkBytes);
      return {
        ...task,
        // each count begins where the one before it ends
        instructions: count ? Math.round((counts[c]! - counts[b]!) / times) : undefined,
        slotBytes: one(slots, a, b, c),
        chunkBytes: one(chunks, a, b, c),
      };
    });
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function program(tasks: readonly Task[], options: WorkOptions): string {
  return `
import { ask } from "dormouse/world";
import { deepSleep } from "dormouse/native/power";
import { nativeCrypto as native } from "lib/crypto/native";
import { nobleCrypto } from "lib/crypto/noble";
import { nobleAes } from "lib/crypto/noble-aes";
import { prepare } from "test/device/seal-work";

const providers = { native, noble: nobleCrypto(native.random, nobleAes) };
const tasks = ${JSON.stringify(tasks)};
let work, at = 0;

function next() {
  const { provider, name, verb } = tasks[Math.floor(at / 3)] ?? {};
  if (name === undefined) return deepSleep(1000);
  const step = at++ % 3;
  if (step === 0) {
    work?.close();
    work = prepare(providers[provider], name, ${JSON.stringify(options)});
    work[verb]();
  } else for (let i = 0; i < step * ${times}; i++) work[verb]();
  ask("measured", "", next);
}
next();
`;
}

/** lib preloaded as on a board, noble loaded with all its tables, and memory for both. */
function writeLargeMachine(image: string, scratch: string, program: string): void {
  const main = join(scratch, "main.js");
  writeFileSync(main, program);
  const manifest = boardManifest("esp32c3");
  const creation = {
    ...manifest.creation,
    static: 96 << 20,
    heap: { initial: 2 << 20, incremental: 1024 },
    chunk: { initial: 32 << 20, incremental: 1024 },
    stack: 2048,
  };
  writeImage(image, {
    board: "esp32c3",
    manifest: { ...manifest, creation, modules: manifest.modules.filter(isNeeded) },
    main: "measured",
    extra: [
      { specifier: "measured", source: main, preload: false },
      ...portableModules("harness", "seal-work").filter(isNeeded),
      ...["noble", "noble-aes", "noble-ccm"].map((name) =>
        loaded(`lib/crypto/${name}`, `lib/crypto/${name}.ts`),
      ),
      ...["hashes", "ciphers"].flatMap(nobleModules),
    ],
    flashFile: join(scratch, "flash"),
  });
}

/** To compile all of the firmware takes longer than the work. */
function isNeeded({ specifier }: ManifestModule): boolean {
  return /^(lib\/(cbor|cose|crypto|sealed|failure)|test\/device|dormouse\/(native|world))\b/.test(specifier);
}

function loaded(specifier: string, path: string): ManifestModule {
  return { specifier, source: join(root, path), preload: false };
}

function nobleModules(name: string): ManifestModule[] {
  const folder = `node_modules/@noble/${name}`;
  return readdirSync(join(root, folder))
    .filter((file) => file.endsWith(".js"))
    .map((file) => loaded(`@noble/${name}/${file.slice(0, -3)}`, `${folder}/${file}`));
}

/** What the machine held at each ask. */
async function run(engine: string, image: string) {
  const held: { slotBytes: number; chunkBytes: number }[] = [];
  const device = await Device.start({
    engine,
    image,
    onTrace: () => {},
    onAsk: async () => {
      held.push(await device.meters());
      return { text: "", advanceMs: 0 };
    },
  });
  const end = await device.boot("power-on", Date.now(), 600_000);
  await device.stop();
  assert.equal(end.reason, "sleep", end.detail);
  return held;
}

/** The native behind ask: at each call callgrind writes what it has counted since the one before. */
const mark = "xs_world_ask";

function countingEngine(engine: string, scratch: string): string {
  const script = join(scratch, "engine");
  const options = ["--tool=callgrind", `--dump-before=${mark}`, `--callgrind-out-file=${scratch}/counted`];
  writeFileSync(script, `#!/bin/sh\nexec valgrind ${options.join(" ")} "${engine}" "$@"\n`, { mode: 0o755 });
  return script;
}

/** Up to each ask, in order; the file without a number is what follows the last one. */
function readCounts(scratch: string): number[] {
  const counts: number[] = [];
  for (const file of readdirSync(scratch)) {
    const part = /^counted\.(\d+)$/.exec(file)?.[1];
    if (part === undefined) continue;
    const totals = /^(?:summary|totals): (\d+)/m.exec(readFileSync(join(scratch, file), "utf8"))?.[1];
    assert.ok(totals, `${file} has no sum`);
    counts[Number(part) - 1] = Number(totals);
  }
  return counts;
}
