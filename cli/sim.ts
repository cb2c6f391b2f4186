/**
 * `dormouse sim`: reads and checks its flags, the profile and what the profile refers to, then hands a
 * finished SimOptions to the simulator. Nothing is started before everything has been found right.
 */
import { randomInt } from "node:crypto";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { embeddedBrokerName } from "../certs/pki/development.js";
import { boardNames } from "../host-sim/board.js";
import { type Battery, namedBattery, plainBattery } from "../host-sim/energy/battery.js";
import { cellNames } from "../host-sim/energy/figures.js";
import { faultConflict } from "../host-sim/faults/conflicts.js";
import { type Fault, parseFaults } from "../host-sim/faults/fault.js";
import { parseScript } from "../host-sim/faults/script.js";
import { fleetConflict } from "../host-sim/fleet-profile.js";
import { root } from "../host-sim/paths.js";
import type { ExternalBroker, SimOptions, TrustAnchor } from "../host-sim/sim-options.js";
import type { Profile } from "../lib/store/profile.js";
import type { Protection } from "../lib/store/protection.js";
import { deviceSecret } from "./keys/device-secret.js";
import type { Outcome } from "./outcome.js";
import { captureFile, outputFile, reportFile } from "./output-file.js";
import { readAccount } from "./profile/account.js";
import { defaultTls } from "./profile/check.js";
import { readCredentials } from "./profile/credentials.js";
import { wakePinProblem } from "./profile/cycle-rules.js";
import { type LoadedProfile, loadProfile } from "./profile/load.js";
import { readSecret, readTrustAnchor } from "./profile/references.js";
import { algorithmNames, protectionNames } from "./profile/topic-rules.js";
import { OperatorError, UsageError } from "./report.js";
import { lineFaults } from "./sim-line.js";
import { chooseProtection, type ProtectionFlags, protectionKeys } from "./sim-protection.js";
import { checkMade, madeUp } from "./sim-provisioning.js";
import { portName, unprovisionedOptions } from "./sim-unprovisioned.js";
import { choice, duration, fileText, signed, whole } from "./values.js";

export interface SimFlags extends ProtectionFlags {
  readonly cycles?: string;
  readonly for?: string;
  readonly interval?: string;
  readonly devices?: string;
  readonly board?: string;
  readonly broker?: string;
  readonly ca?: string;
  readonly profile?: string;
  readonly realtime?: boolean;
  readonly json?: boolean;
  readonly keylog?: string;
  readonly pcap?: string;
  readonly seed?: string;
  readonly drift?: string;
  readonly fault?: readonly string[];
  readonly script?: string;
  readonly secret?: string;
  readonly cell?: string;
  readonly report?: string;
  readonly unprovisioned?: boolean;
  readonly name?: string;
  readonly line?: string;
}

const defaultProfile = join(root, "profiles/simulator.json");
const monthMs = 30 * 86_400_000;
const longestMs = 100 * 365 * 86_400_000;
const maxDevices = 1000;

interface BrokerAddress {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
}

/** Reads `mqtts://host:port` or `mqtt://host:port`. User names and passwords belong in the profile. */
function brokerAddress(text: string): BrokerAddress {
  const match = /^(mqtts?):\/\/([A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::(\d+))?\/?$/.exec(text);
  if (!match) {
    // Not echoed: it may hold a password.
    if (text.includes("@"))
      throw new UsageError("--broker takes no user name or password: put them in the profile");
    throw new UsageError(`--broker "${text}": write mqtts://HOST:PORT or mqtt://HOST:PORT`);
  }
  const tls = match[1] === "mqtts";
  const port = match[3] === undefined ? (tls ? 8883 : 1883) : whole("--broker port", match[3], 1, 65_535);
  return { host: match[2]!, port, tls };
}

/** Whether the flags or the profile name a broker that is not the embedded one. */
function isExternal({ broker }: SimFlags, profile: Profile): boolean {
  return broker !== undefined || profile.broker.host !== embeddedBrokerName;
}

/** The broker that the flags or the profile name; null: the embedded one. */
async function chooseBroker(flags: SimFlags, loaded: LoadedProfile): Promise<ExternalBroker | null> {
  const { host, port, tls } = loaded.profile.broker;
  const address =
    flags.broker !== undefined ? brokerAddress(flags.broker) : { host, port, tls: tls !== false };
  if (!isExternal(flags, loaded.profile)) {
    if (flags.ca !== undefined)
      throw new UsageError("--ca goes with --broker: the embedded broker has its own");
    if (tls !== false && tls.identity === "psk")
      throw new OperatorError("the embedded broker knows no PSK: broker.tls.psk goes with a broker of yours");
    return null;
  }
  if (!address.tls) {
    if (loaded.profile.broker.auth !== "none")
      throw new UsageError(
        "--broker mqtt://… is plain TCP, and over that the profile's password must not go",
      );
    if (flags.ca !== undefined) throw new UsageError("--ca goes with a mqtts:// broker");
    return { ...address, ca: null };
  }
  return { ...address, ca: await chooseCa(flags, loaded) };
}

async function chooseCa(
  flags: SimFlags,
  { profile, references, folder }: LoadedProfile,
): Promise<TrustAnchor | null> {
  const { tls } = profile.broker;
  const byPsk = tls !== false && tls.identity === "psk";
  if (flags.ca !== undefined) {
    if (byPsk) throw new UsageError("--ca goes with certificates, and the profile has a psk");
    return readTrustAnchor("--ca", resolve(flags.ca));
  }
  if (references.ca !== undefined)
    return readTrustAnchor("broker.tls.ca", resolve(folder, references.ca.slice(5)));
  if (byPsk || (tls !== false && tls.pins.length > 0)) return null;
  throw new UsageError("an mqtts:// broker needs --ca FILE, or broker.tls.ca, pins or psk in the profile");
}

/** The broker as the device is to see it. */
function brokerSettings(profile: Profile, broker: ExternalBroker): Profile["broker"] {
  const { insecure: _, tls, ...kept } = profile.broker;
  const security = broker.tls ? { tls: tls || defaultTls() } : ({ tls: false, insecure: true } as const);
  return { ...kept, host: broker.host, port: broker.port, ...security };
}

/** A profile made for the embedded broker says 3.1.1 on that broker's account; any other is spoken to in 5. */
function mqttSettings({ broker, mqtt }: Profile, chosen: ExternalBroker | null): Profile["mqtt"] {
  if (chosen !== null) return broker.host === embeddedBrokerName ? { ...mqtt, version: "5" } : mqtt;
  if (mqtt.version === "3.1.1") return mqtt;
  throw new OperatorError(
    'the embedded broker speaks MQTT 3.1.1 only: set mqtt.version to "3.1.1" in the profile',
  );
}

/** A back-off shorter than the interval would be none. */
function withInterval(cycle: Profile["cycle"], intervalSeconds: number): Profile["cycle"] {
  const backoffMaxSeconds = Math.max(cycle.backoffMaxSeconds, intervalSeconds);
  return { ...cycle, intervalSeconds, backoffMaxSeconds };
}

function withFlags(
  profile: Profile,
  broker: ExternalBroker | null,
  intervalMs: number | null,
  up: Protection,
): Profile {
  return {
    ...profile,
    cycle: intervalMs === null ? profile.cycle : withInterval(profile.cycle, intervalMs / 1000),
    mqtt: mqttSettings(profile, broker),
    topics: { ...profile.topics, up },
    broker: broker === null ? profile.broker : brokerSettings(profile, broker),
  };
}

/** A cell of the table, or so many milliampere hours. A name that looks like a number is a name. */
function chooseBattery(text: string): Battery {
  const names = cellNames();
  if (names.includes(text)) return namedBattery(text);
  const milliampHours = /^(\d{1,7})(?:mAh)?$/i.exec(text)?.[1];
  if (milliampHours === undefined || Number(milliampHours) === 0)
    throw new UsageError(`--cell "${text}": name one of ${names.join(", ")}, or write its mAh, like 2500`);
  return plainBattery(Number(milliampHours));
}

/**
 * Checks the flags and reads every file they lead to.
 * @throws {UsageError} for a wrong flag or a file that cannot be read
 * @throws {OperatorError} for a file whose content is wrong, or a secret that is not there
 */
export async function simOptions(flags: SimFlags): Promise<SimOptions> {
  if (flags.for !== undefined && flags.cycles !== undefined)
    throw new UsageError("--for and --cycles both say when the run ends: give one of them");
  const forMs = flags.for === undefined ? null : duration("--for", flags.for, 1000, longestMs);
  const cycles = forMs === null ? whole("--cycles", flags.cycles ?? "3", 1, 1_000_000) : Infinity;
  const devices = whole("--devices", flags.devices ?? "1", 1, maxDevices);
  const intervalMs =
    flags.interval === undefined ? null : duration("--interval", flags.interval, 1000, monthMs);
  const board = choice("--board", flags.board ?? "esp32", boardNames);
  const seed = flags.seed === undefined ? randomInt(2 ** 32) : whole("--seed", flags.seed, 0, 2 ** 32 - 1);
  const driftPpm = flags.drift === undefined ? 0 : signed("--drift", flags.drift, 100_000);
  const battery = flags.cell === undefined ? null : chooseBattery(flags.cell);
  const keylog = flags.keylog === undefined ? null : outputFile("--keylog", flags.keylog);
  const pcap = flags.pcap === undefined ? null : captureFile("--pcap", flags.pcap, keylog);
  const report = flags.report === undefined ? null : reportFile(flags.report, [keylog, pcap]);
  const file = flags.profile ?? defaultProfile;
  const loaded = await loadProfile(file);
  const external = isExternal(flags, loaded.profile);
  checkMade(loaded.atProvisioning, { board, external, profile: file });
  const ask = madeUp(external, file);
  const broker = await chooseBroker(flags, loaded);
  const faults = await readFaults(flags);
  const { references } = loaded;
  const up = chooseProtection(flags, loaded.profile);
  const chosen = withFlags(loaded.profile, broker, intervalMs, up);
  const { tls, auth, jwt } = chosen.broker;
  if (tls !== false && !tls.forwardSecrecy && board !== "esp8266")
    throw new OperatorError("broker.tls.forwardSecrecy: only --board esp8266 does without");
  if (jwt?.algorithm === "ES256" && board === "esp8266")
    throw new OperatorError("broker.jwt.algorithm: an ESP8266 has no P-256, so it needs HS256");
  const { wakeOn } = chosen.cycle;
  const deaf = wakeOn && wakePinProblem(board, wakeOn);
  if (deaf !== undefined) throw new OperatorError(`cycle.wakeOn: ${deaf}`);
  const secret = flags.secret === undefined ? null : await deviceSecret("--secret", flags.secret, ".");
  if (auth === "derived" && broker !== null && secret === null)
    throw new UsageError(
      "--secret is missing: the password is derived from it, and your broker knows that of no other device",
    );
  if (devices > 1) checkFleet(flags, chosen, devices);
  const doubt = faultConflict(faults, { profile: chosen, external, devices });
  if (doubt !== undefined) throw new UsageError(`--fault ${doubt}`);
  const { profile, signKey, recipientKey } = await protectionKeys(flags, chosen, loaded, { board, external });
  return {
    cycles,
    forMs,
    devices,
    board,
    broker,
    profile,
    secrets: {
      wifiPassword: (await readSecret("wifi.password", references.wifiPassword, loaded.folder, ask)) ?? "",
      ...(await readAccount(profile.broker, references, loaded.folder, ask)),
      ...(await readCredentials(tls, references, loaded.folder, ask)),
      signKey,
    },
    deviceSecret: secret,
    recipientKey,
    serial: serialOf(flags, devices, seed),
    realtime: flags.realtime ?? false,
    json: flags.json ?? false,
    keylog,
    pcap,
    report,
    battery,
    faults,
    seed,
    driftPpm,
  };
}

function serialOf({ name, line }: SimFlags, devices: number, seed: number): SimOptions["serial"] {
  if (name === undefined && line !== undefined)
    throw new UsageError("--line is about the port that --name gives the board: give both");
  if (name === undefined) return null;
  if (devices > 1) throw new UsageError("--name is one device's, and does not go with --devices");
  return { name: portName(name), line: line === undefined ? [] : lineFaults(line, seed) };
}

/** Of the script first, then of the flags. */
async function readFaults({ fault = [], script }: SimFlags): Promise<Fault[]> {
  const scripted =
    script === undefined ? [] : parsed(`--script ${script}`, parseScript, await fileText(script, "--script"));
  return [...scripted, ...fault.flatMap((text) => parsed("--fault", parseFaults, text))];
}

function parsed(flag: string, parse: (text: string) => Fault[], text: string): Fault[] {
  try {
    return parse(text);
  } catch (error) {
    throw error instanceof RangeError ? new UsageError(`${flag}: ${error.message}`) : error;
  }
}

/** What one device may have and many may not. */
function checkFleet({ secret, pcap }: SimFlags, profile: Profile, devices: number): void {
  if (secret !== undefined)
    throw new UsageError("--secret is one device's: with --devices each makes its own");
  if (pcap !== undefined) throw new UsageError("--pcap takes the traffic of one device, not of --devices");
  const conflict = fleetConflict(profile, devices);
  if (conflict !== undefined) throw new OperatorError(`--devices: ${conflict}`);
}

export function addSimCommand(parent: Command, outcome: Outcome): void {
  parent
    .command("sim")
    .description("Run the firmware in the simulator: wake, publish a protected reading, sleep.")
    .option("--cycles <N>", "how many times the board wakes (3)")
    .option("--for <DURATION>", "how long it lives, in place of --cycles, e.g. 1d, 1y")
    .option("--devices <N>", "that many boards, dormouse-1 and on, each with its own secret (1)")
    .option("--interval <DURATION>", "from wake to wake, e.g. 90s, 15m, 1h (as the profile says)")
    .option("--board <NAME>", `${boardNames.join(", ")} (esp32)`)
    .option("--broker <URL>", "mqtts://host:port of a broker of yours (the embedded broker)")
    .option("--ca <FILE>", "the PEM root certificate that signed the broker's")
    .option("--profile <FILE>", "the device's profile (profiles/simulator.json)")
    .option("--protection <NAME>", `${protectionNames.join(", ")} (as the profile says)`)
    .option("--algorithm <NAME>", `to stamp or seal with: ${algorithmNames.join(", ")}`)
    .option("--sign", "with --protection sealTo: signed inside too")
    .option("--recipient-key <REF>", "file:PATH or env:NAME of the key that opens what is sealed to it")
    .option("--realtime", "sleep as long as the board would")
    .option("--json", "one event a line, as JSON")
    .option("--keylog <FILE>", "append TLS session keys, for Wireshark")
    .option("--pcap <FILE>", "capture the device's TCP traffic, for Wireshark")
    .option("--seed <N>", "repeat the delays of a run's network: the number it printed")
    .option("--drift <PPM>", "how much too fast the clock of the sleeping board runs, in millionths (0)")
    .option("--report <FILE>", "draw the run as a page, HTML")
    .option(
      "--fault <FAULT>",
      `NAME[=VALUE][@WHERE][:WAKES], e.g. no-ap:2-4 or loss=5%; docs/faults.md has them all`,
      (text: string, before: readonly string[] = []) => [...before, text],
    )
    .option("--script <FILE>", "faults by wake or time, JSON; docs/faults.md")
    .option("--cell <NAME>", `estimate the life of ${cellNames().join(", ")}, or of so many mAh`)
    .option("--secret <REF>", "file:PATH or env:NAME of the device's secret, 64 hex digits (a new one)")
    .option("--unprovisioned", 'a board without identity, that waits at its port for "dormouse provision"')
    .option(
      "--name <NAME>",
      "its serial port is sim:NAME for other commands (dormouse, with --unprovisioned)",
    )
    .option(
      "--line <FAULTS>",
      "of that port: noise=1%, loss=1%, repeat=1%, single, cut=BYTES, with commas between",
    )
    .addHelpText(
      "after",
      "\nExample:\n  $ dormouse sim --cycles 5 --interval 1h --broker mqtts://localhost:8883 --ca ca.pem",
    )
    .action(async (flags: SimFlags) => {
      if (flags.unprovisioned) {
        const options = await unprovisionedOptions(flags);
        const { runUnprovisioned } = await import("../host-sim/unprovisioned.js");
        outcome.exitCode = await runUnprovisioned(options);
        return;
      }
      const options = await simOptions(flags);
      const { runSim } = await import("../host-sim/sim.js");
      outcome.exitCode = await runSim(options);
    });
}
