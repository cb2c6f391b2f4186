/**
 * What runs at boot: one wake cycle, or, without identity or profile, a report and a long sleep.
 */
import { nativeCrypto } from "dormouse/crypto/native";
import type { Failure } from "dormouse/failure";
import { deepSleep, wakeCause } from "dormouse/native/power";
import { encodeReading } from "dormouse/senml/measurement";
import { readClock } from "./clock.js";
import { resetState } from "./device-state.js";
import { Memory } from "./memory.js";
import { openDevice, openProfile } from "./provisioned.js";
import { report } from "./report.js";
import { Wake } from "./wake.js";

/** Until somebody has seen to a board that cannot work: short enough to notice that it was provisioned. */
const helplessSleepMs = 3_600_000;

function helpless(reason: Failure): never {
  report("error", { ...reason });
  deepSleep(helplessSleepMs);
}

const cause = wakeCause();
report("boot", { cause });
const profile = openProfile();
if ("kind" in profile) helpless(profile);
const device = openDevice(nativeCrypto, profile);
if ("kind" in device) helpless(device);
if (cause === "abort" || cause === "watchdog") {
  // A board that crashes at every wake would never sleep: it tidies up and waits for the next.
  const memory = Memory.recover(device);
  const measurements = resetState(profile);
  if (measurements.length > 0) memory.queue(encodeReading({ timeMs: readClock(), measurements }));
  deepSleep(1000 * profile.cycle.intervalSeconds);
}
new Wake(profile, device).run();
