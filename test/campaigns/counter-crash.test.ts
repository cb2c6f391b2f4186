/** The counter machine under random power cuts: a million devices' lives, or a hundredth of them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { runs, seed } from "../campaign.js";
import { CrashingDevice, seededRandom } from "../lib/store/crashing-device.js";
import { nodeCrypto } from "../node-crypto.js";

test(`no counter meets two plaintexts, seed ${seed}`, (context) => {
  let boots = 0;
  let messages = 0;
  const devices = runs(1_000_000);
  for (let i = 0; i < devices; i++) {
    const device = new CrashingDevice(nodeCrypto, seededRandom(seed * 1_000_003 + i), "none");
    device.live(12);
    assert.equal(device.conflicts, 0, `DORMOUSE_SEED=${seed}, device ${i}`);
    boots += device.boots;
    messages += device.sent.size;
  }
  context.diagnostic(`${devices} devices, ${boots} boots, ${messages} messages, seed ${seed}`);
});
