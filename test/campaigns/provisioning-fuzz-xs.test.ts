/** The same campaign in XS with native cryptography, in a machine with the ESP32-C3's limits: three thousand pieces. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { boardManifest } from "../../host-sim/board.js";
import { Device } from "../../host-sim/device.js";
import { engineFile } from "../../host-sim/engine-file.js";
import { writeImage } from "../../host-sim/image.js";
import { root } from "../../host-sim/paths.js";
import { seed } from "../campaign.js";
import { portableModules } from "../host-sim/portable-modules.js";

const pieces = process.env.DORMOUSE_LONG ? 100_000 : 3_000;
const campaign = ["serial-fuzz-damage", "serial-reader", "mqtt-fuzz-random", "harness"] as const;
/** Not frozen: their profiles are made into others. */
const loaded = [
  "test/device/provisioning-fuzz",
  "test/lib/provisioning/bench",
  "test/lib/provisioning/memory-store",
] as const;

/** A life of a board in each callback. */
const program = `
import Timer from "timer";
import { nativeCrypto } from "dormouse/crypto/native";
import { deepSleep } from "dormouse/native/power";
import { ProvisioningCampaign } from "test/device/provisioning-fuzz";

const campaign = new ProvisioningCampaign(nativeCrypto, ${seed});
function go() {
  campaign.go(1);
  if (campaign.fed < ${pieces}) return Timer.set(go, 0);
  trace(JSON.stringify({ fed: campaign.fed, seen: campaign.seen }) + "\\n");
  deepSleep(1000);
}
Timer.set(go, 0);
`;

test(`damaged traffic changes nothing on a board in XS, seed ${seed}`, async (context) => {
  const scratch = mkdtempSync(join(tmpdir(), "dormouse-fuzz-"));
  context.after(() => rmSync(scratch, { recursive: true, force: true }));
  const main = join(scratch, "main.js");
  const image = join(scratch, "image");
  writeFileSync(main, program);
  writeImage(image, {
    board: "esp32c3",
    manifest: boardManifest("esp32c3"),
    main: "fuzz",
    extra: [
      { specifier: "fuzz", source: main, preload: false },
      ...portableModules(...campaign),
      ...loaded.map((specifier) => ({ specifier, source: join(root, `${specifier}.ts`), preload: false })),
    ],
    flashFile: join(scratch, "flash"),
  });
  let last: { readonly fed: number; readonly seen: Readonly<Record<string, number>> } | undefined;
  const device = await Device.start({
    engine: await engineFile("release"),
    image,
    onTrace: (text) => {
      if (text.startsWith('{"fed"')) last = JSON.parse(text);
      context.diagnostic(text);
    },
    onAsk: async () => ({ text: "", advanceMs: 0 }),
  });
  const end = await device.boot("power-on", Date.now(), 280_000);
  await device.stop();
  assert.equal(end.reason, "sleep", end.detail);
  assert.ok(last && last.fed >= pieces);
  for (const what of ["probe", "answer hello", "answer begin", "answer write", "error bad-request"])
    assert.ok((last.seen[what] ?? 0) >= 5, `${what}: ${last.seen[what]}`);
});
