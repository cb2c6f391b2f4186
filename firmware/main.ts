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
import { effectiveProfile, openSettings, rollBack } from "./settings.js";
import { Wake } from "./wake.js";

/** Until somebody has seen to a board that cannot work: short enough to notice that it was provisioned. */
const helplessSleepMs = 3_600_000;

function helpless(reason: Failure): never {
  report("error", { ...reason });
  deepSleep(helplessSleepMs);
}

const cause = wakeCause();
report("boot", { cause });
const provisioned = openProfile();
if ("kind" in provisioned) helpless(provisioned);
const device = openDevice(nativeCrypto, provisioned);
if ("kind" in device) helpless(device);
const settings = openSettings();
const profile = effectiveProfile(provisioned, settings);
const onTrial = settings.trial === "on-trial";
if (cause === "abort" || cause === "watchdog") {
  // What has just been set may be the reason.
  if (onTrial) rollBack();
  // A board that crashes at every wake would never sleep: it tidies up and waits for the next.
  const memory = Memory.recover(device, profile.outbox);
  memory.sleepMs = memory.byBoard(1000 * profile.cycle.intervalSeconds);
  const measurements = resetState(profile);
  if (measurements.length > 0) memory.queue(encodeReading({ timeMs: readClock(), measurements }));
  // With it, that the next connection begins clean.
  memory.saveAll();
  deepSleep(memory.sleepMs);
}
new Wake(profile, device, onTrial).run();
