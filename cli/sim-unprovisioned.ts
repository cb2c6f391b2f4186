/** `dormouse sim --unprovisioned`: which of the flags go with it, and what they say. */
import { randomInt } from "node:crypto";
import { boardNames } from "../host-sim/board.js";
import { isPortName, portNameRule } from "../host-sim/ports.js";
import type { UnprovisionedOptions } from "../host-sim/unprovisioned.js";
import { captureFile, outputFile } from "./output-file.js";
import { loadProfile } from "./profile/load.js";
import { readSecret } from "./profile/references.js";
import { UsageError } from "./report.js";
import type { SimFlags } from "./sim.js";
import { lineFaults } from "./sim-line.js";
import { choice, signed, whole } from "./values.js";

const taken: readonly (keyof SimFlags)[] = [
  "unprovisioned",
  "name",
  "line",
  "profile",
  "cycles",
  "board",
  "realtime",
  "json",
  "keylog",
  "pcap",
  "seed",
  "drift",
];

/** `sim:NAME` when nothing else is said. */
const defaultName = "dormouse";

/** What --name says. */
export function portName(name: string): string {
  if (!isPortName(name)) throw new UsageError(`--name "${name}": ${portNameRule}`);
  return name;
}

/**
 * @throws {UsageError} for a flag that says what the board is to be given later, at its port
 * @throws {OperatorError} for a profile that is wrong, or a Wi-Fi password that is not there
 */
export async function unprovisionedOptions(flags: SimFlags): Promise<UnprovisionedOptions> {
  const other = Object.entries(flags).find(
    ([flag, value]) => value !== undefined && !taken.includes(flag as keyof SimFlags),
  );
  if (other)
    throw new UsageError(
      `--${other[0].replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} does not go with --unprovisioned: the board is told by "dormouse provision"`,
    );
  const seed = flags.seed === undefined ? randomInt(2 ** 32) : whole("--seed", flags.seed, 0, 2 ** 32 - 1);
  const keylog = flags.keylog === undefined ? null : outputFile("--keylog", flags.keylog);
  return {
    board: choice("--board", flags.board ?? "esp32", boardNames),
    name: portName(flags.name ?? defaultName),
    line: flags.line === undefined ? [] : lineFaults(flags.line, seed),
    network: flags.profile === undefined ? null : await networkOf(flags.profile),
    cycles: whole("--cycles", flags.cycles ?? "3", 1, 1_000_000),
    realtime: flags.realtime ?? false,
    json: flags.json ?? false,
    keylog,
    pcap: flags.pcap === undefined ? null : captureFile("--pcap", flags.pcap, keylog),
    seed,
    driftPpm: flags.drift === undefined ? 0 : signed("--drift", flags.drift, 100_000),
  };
}

/** The network that the profile's boards are to join; null when that is left to Improv. */
async function networkOf(path: string): Promise<UnprovisionedOptions["network"]> {
  const { profile, references, folder } = await loadProfile(path);
  if (profile.wifi.ssid === undefined) return null;
  const password = (await readSecret("wifi.password", references.wifiPassword, folder)) ?? "";
  return { ssid: profile.wifi.ssid, password };
}
