/** The same campaign in XS with native cryptography, in a machine with the ESP32-C3's limits: fifty thousand messages. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { boardManifest } from "../../host-sim/board.js";
import { Device } from "../../host-sim/device.js";
import { engineFile } from "../../host-sim/engine-file.js";
import { writeImage } from "../../host-sim/image.js";
import { seed } from "../campaign.js";
import { portableModules } from "../host-sim/portable-modules.js";

const messages = process.env.DORMOUSE_LONG ? 500_000 : 50_000;
const campaign = [
  "sealed-fuzz",
  "sealed-fuzz-damage",
  "mqtt-fuzz-random",
  "cose-example-parts",
  "harness",
] as const;

/** A few messages in each callback. */
const program = `
import Timer from "timer";
import { nativeCrypto } from "dormouse/crypto/native";
import { deepSleep } from "dormouse/native/power";
import { SealedCampaign } from "test/device/sealed-fuzz";

const campaign = new SealedCampaign(nativeCrypto, ${seed});
function go() {
  campaign.go(20);
  if (campaign.damaged < ${messages}) return Timer.set(go, 0);
  trace(JSON.stringify({ damaged: campaign.damaged, seen: campaign.seen }) + "\\n");
  deepSleep(1000);
}
Timer.set(go, 0);
`;

test(`no changed message is taken in XS, and none throws, seed ${seed}`, async (context) => {
  const scratch = mkdtempSync(join(tmpdir(), "dormouse-fuzz-"));
  context.after(() => rmSync(scratch, { recursive: true, force: true }));
  const main = join(scratch, "main.js");
  const image = join(scratch, "image");
  writeFileSync(main, program);
  writeImage(image, {
    board: "esp32c3",
    manifest: boardManifest("esp32c3"),
    main: "fuzz",
    extra: [{ specifier: "fuzz", source: main, preload: false }, ...portableModules(...campaign)],
    flashFile: join(scratch, "flash"),
  });
  let last: { readonly damaged: number; readonly seen: Readonly<Record<string, number>> } | undefined;
  const device = await Device.start({
    engine: await engineFile("release"),
    image,
    onTrace: (text) => {
      if (text.startsWith('{"damaged"')) last = JSON.parse(text);
      context.diagnostic(text);
    },
    onAsk: async () => ({ text: "", advanceMs: 0 }),
  });
  const end = await device.boot("power-on", Date.now(), 280_000);
  await device.stop();
  assert.equal(end.reason, "sleep", end.detail);
  assert.ok(last && last.damaged >= messages);
  for (const protection of ["stamp", "seal", "sign", "sealTo"])
    for (const answer of ["malformed", "not-authentic"])
      assert.ok((last.seen[`${protection} ${answer}`] ?? 0) >= 20, `${protection} ${answer}`);
});
