/**
 * The same campaign in XS, in a machine with the ESP32-C3's limits: a hundred thousand damaged packets, and what they
 * need of its memory.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { boardManifest } from "../../host-sim/board.js";
import { Device, type Held } from "../../host-sim/device.js";
import { engineFile } from "../../host-sim/engine-file.js";
import { writeImage } from "../../host-sim/image.js";
import { seed } from "../campaign.js";
import { portableModules } from "../host-sim/portable-modules.js";

const packets = process.env.DORMOUSE_LONG ? 1_000_000 : 100_000;
const parts = 10;
const campaign = ["", "-broker", "-contexts", "-damage", "-judge", "-random"].map(
  (part) => `mqtt-fuzz${part}`,
);
/** Bytes, garbage included, for one session and the packets it gets, which have up to 256 bytes, and three at once. */
const mostNeeded = 20_480;
/** What the last run's session may hold more than another. */
const mostGrown = 4096;

/** One run in each callback: with `measure` the engine collects after each, so its peak is what one run needs. */
const program = `
import Timer from "timer";
import { ask } from "dormouse/world";
import { deepSleep } from "dormouse/native/power";
import { Campaign } from "test/device/mqtt-fuzz";

const campaign = new Campaign(${seed});
let part = 0;
function go() {
  campaign.run();
  if (campaign.damaged < (part * ${packets}) / ${parts}) return Timer.set(go, 0);
  ask("part", JSON.stringify({ damaged: campaign.damaged, runs: campaign.runs, seen: campaign.seen }), () => {
    if (part++ === ${parts}) deepSleep(1000);
    Timer.set(go, 0);
  });
}
Timer.set(go, 0);
`;

interface Part {
  readonly damaged: number;
  readonly runs: number;
  readonly seen: Readonly<Record<string, number>>;
}

test(`no damaged packet gets past the session's rules in XS, nor more memory than its share, seed ${seed}`, async (context) => {
  const scratch = mkdtempSync(join(tmpdir(), "dormouse-fuzz-"));
  context.after(() => rmSync(scratch, { recursive: true, force: true }));
  const main = join(scratch, "main.js");
  const image = join(scratch, "image");
  writeFileSync(main, program);
  writeImage(image, {
    board: "esp32c3",
    manifest: boardManifest("esp32c3"),
    main: "fuzz",
    extra: [{ specifier: "fuzz", source: main, preload: false }, ...portableModules("harness", ...campaign)],
    flashFile: join(scratch, "flash"),
  });
  const held: Held[] = [];
  let last: Part = { damaged: 0, runs: 0, seen: {} };
  const device = await Device.start({
    engine: await engineFile("release"),
    image,
    measure: true,
    onTrace: (text) => context.diagnostic(text),
    onAsk: async (_, detail) => {
      last = JSON.parse(detail) as Part;
      held.push(await device.meters());
      return { text: "", advanceMs: 0 };
    },
  });
  const end = await device.boot("power-on", Date.now(), 280_000);
  await device.stop();
  assert.equal(end.reason, "sleep", end.detail);
  assert.ok(last.damaged >= packets);
  const first = held[0]!;
  const { slotBytesPeak, chunkBytesPeak } = end.heap;
  const needed = slotBytesPeak - first.slotBytes + chunkBytesPeak - first.chunkBytes;
  const grown = Math.max(
    ...held.slice(1).map((one) => one.slotBytes + one.chunkBytes - held[1]!.slotBytes - held[1]!.chunkBytes),
  );
  context.diagnostic(`${last.damaged} damaged packets in ${last.runs} runs, seed ${seed}`);
  context.diagnostic(`a run needs at most ${needed} bytes, after it stay at most ${grown} more than before`);
  assert.ok(needed > 0 && needed <= mostNeeded, `${needed} bytes for one run`);
  assert.ok(grown <= mostGrown, `${grown} bytes more held in the end`);
});
