import { equal, ok, type Platform, test } from "../../device/harness.js";
import { CrashingDevice, type Mistake, seededRandom } from "./crashing-device.js";

/** How many of these devices came to a conflict; counts no further than to the first. */
function conflicts({ crypto }: Platform, mistake: Mistake, devices: number): number {
  for (let seed = 1; seed <= devices; seed++) {
    const device = new CrashingDevice(crypto, seededRandom(seed), mistake);
    device.live(12);
    if (device.conflicts > 0) return 1;
  }
  return 0;
}

test("no counter meets two plaintexts, whenever the power fails", (platform) => {
  equal(conflicts(platform, "none", 8), 0);
});

test("the same devices do conflict when a check is left out", (platform) => {
  for (const mistake of [
    "trust any RTC counter",
    "reservation not written",
    "send before persist",
    "forget RTC",
  ] as const)
    ok(conflicts(platform, mistake, 40) > 0, mistake);
});
