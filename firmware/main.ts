/**
 * What runs at boot: one wake cycle, or, without identity or profile, a report, provisioning and a long sleep.
 */
import { nativeCrypto } from "dormouse/crypto/native";
import { type Failure, failure } from "dormouse/failure";
import { deepSleep, wakeCause } from "dormouse/native/power";
import { encodeReading } from "dormouse/senml/measurement";
import type { Device } from "dormouse/store/device-record";
import type { Profile } from "dormouse/store/profile";
import { readClock } from "./clock.js";
import { resetState } from "./device-state.js";
import { Memory } from "./memory.js";
import { hasIdentity, openDevice, openProfile } from "./provisioned.js";
import { awaitIdentity, Window } from "./provisioning/attending.js";
import { report } from "./report.js";
import { effectiveProfile, openSettings, rollBack } from "./settings.js";
import { Wake } from "./wake.js";

/** Until somebody has seen to a board that cannot work: short enough to notice that it was provisioned. */
const helplessSleepMs = 3_600_000;

const cause = wakeCause();
/** Somebody is there, perhaps: not after a deep sleep, nor after a fault, which would come again and again. */
const poweredOn = cause === "power-on";
const faulty = cause === "abort" || cause === "watchdog";

function start(): void {
  report("boot", { cause });
  // The record alone: without it, what else is in flash was never committed, and to read it may be more than the board can.
  if (!hasIdentity()) return blank();
  const provisioned = openProfile();
  if ("kind" in provisioned) return helpless(provisioned);
  const device = openDevice(nativeCrypto, provisioned);
  if ("kind" in device) return helpless(device);
  const settings = openSettings();
  const profile = effectiveProfile(provisioned, settings);
  const onTrial = settings.trial === "on-trial";
  if (faulty) recover(profile, device, onTrial);
  new Wake(profile, device, onTrial, poweredOn ? new Window() : undefined).run();
}

/** After a fault too, which may be what a host has sent: nothing else makes the board listen again but its plug. */
function blank(): void {
  report("error", { ...failure("unprovisioned", "no intact device record in flash: provision the board") });
  if (poweredOn || faulty || cause === "software") return awaitIdentity(helplessSleepMs);
  deepSleep(helplessSleepMs);
}

/** It has an identity: what is wrong with it, provisioning over it would not mend. */
function helpless(reason: Failure): void {
  report("error", { ...reason });
  const ms = helplessSleepMs;
  if (poweredOn) return new Window().attend({ ms, boardMs: ms, wakeOn: undefined });
  deepSleep(ms);
}

/** A board that crashes at every wake would never sleep: it tidies up and waits for the next. */
function recover(profile: Profile, device: Device, onTrial: boolean): never {
  // What has just been set may be the reason.
  if (onTrial) rollBack();
  const memory = Memory.recover(device, profile.outbox);
  memory.sleepMs = memory.byBoard(1000 * profile.cycle.intervalSeconds);
  const measurements = resetState(profile);
  if (measurements.length > 0) memory.queue(encodeReading({ timeMs: readClock(), measurements }));
  // With it, that the next connection begins clean.
  memory.saveAll();
  deepSleep(memory.sleepMs);
}

start();
