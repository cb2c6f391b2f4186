/**
 * What a busy MQTT session (test/device/mqtt-memory.ts) adds to the memory of a board's machine in which mqtt-packet is
 * preloaded. The machine gets more memory only when a collection has not freed enough, so its high-water mark is what
 * was needed, not what was there to take.
 */
import { strictEqual } from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { boardManifest } from "../host-sim/board.js";
import { Device } from "../host-sim/device.js";
import { engineFile } from "../host-sim/engine-file.js";
import { writeImage } from "../host-sim/image.js";
import { portableModules } from "../test/host-sim/portable-modules.js";

export const sessionBoard = "esp32c3";

export interface SessionMemory {
  /** At its peak, with what is garbage by the end of the step, beyond the same machine without a session. */
  readonly needBytes: number;
  /** At rest between two steps, at most. */
  readonly heldBytes: number;
  /** The same as `needBytes` with the board's own first blocks, which are filled before anything is collected. */
  readonly boardBytes: number;
  /** The steps, and what was in flight after the last one. */
  readonly steps: readonly string[];
  readonly inFlight: string;
}

interface Run {
  readonly peakBytes: number;
  readonly heldBytes: readonly number[];
  readonly steps: readonly string[];
  readonly trace: string;
}

const scaffold = (imports: string, step: string) => `
import { deepSleep } from "dormouse/native/power";
import { ask } from "dormouse/world";
import Timer from "timer";
import "mqtt-packet";
${imports}
let scene, count = 0;
function next() {
  const done = ${step};
  ask("held", done, () => {
    if (done === "") deepSleep(1000);
    Timer.set(next, 0);
  });
}
Timer.set(next, 0);
`;

const nothing = scaffold("", `count++ < 14 ? "nothing" : ""`);
const busy = scaffold(
  `import { BusySession } from "test/device/mqtt-memory";`,
  `(scene ??= new BusySession()).next() || (trace(scene.inFlight), "")`,
);

export async function sessionMemory(): Promise<SessionMemory> {
  const without = await run(nothing, true);
  const session = await run(busy, true);
  const onBoard = await run(busy, false);
  const least = Math.min(...without.heldBytes);
  return {
    needBytes: session.peakBytes - without.peakBytes,
    heldBytes: Math.max(...session.heldBytes) - least,
    boardBytes: onBoard.peakBytes - without.peakBytes,
    steps: session.steps,
    inFlight: session.trace,
  };
}

async function run(program: string, tight: boolean): Promise<Run> {
  const scratch = mkdtempSync(join(tmpdir(), "dormouse-session-"));
  const main = join(scratch, "main.js");
  const image = join(scratch, "image");
  const manifest = boardManifest(sessionBoard);
  const blocks = { heap: { initial: 64, incremental: 1 }, chunk: { initial: 64, incremental: 16 } };
  writeFileSync(main, program);
  writeImage(image, {
    board: sessionBoard,
    manifest: tight ? { ...manifest, creation: { ...manifest.creation, ...blocks } } : manifest,
    main: "measured",
    extra: [
      { specifier: "measured", source: main, preload: false },
      ...portableModules("harness", "mqtt-memory"),
    ],
    flashFile: join(scratch, "flash"),
  });
  const heldBytes: number[] = [];
  const steps: string[] = [];
  let trace = "";
  const device = await Device.start({
    engine: await engineFile("release"),
    image,
    measure: true,
    onTrace: (text) => {
      trace = text;
    },
    onAsk: async (_, detail) => {
      const { slotBytes, chunkBytes } = await device.meters();
      heldBytes.push(slotBytes + chunkBytes);
      steps.push(detail);
      return { text: "", advanceMs: 0 };
    },
  });
  const end = await device.boot("power-on", Date.now(), 60_000);
  await device.stop();
  rmSync(scratch, { recursive: true });
  strictEqual(end.reason, "sleep", end.detail);
  return { peakBytes: end.heap.slotBytesPeak + end.heap.chunkBytesPeak, heldBytes, steps, trace };
}
