/** `dormouse provision`: gives a board its identity and keys, or a tray of boards theirs. */
import type { Command } from "commander";
import type { Fleet } from "../../backend/fleet/fleet.js";
import type { Info } from "../../lib/provisioning/messages.js";
import { lockedFailure } from "../../lib/provisioning/provision.js";
import type { Outcome } from "../outcome.js";
import type { Prompt } from "../profile/at-provisioning.js";
import { loadProfile } from "../profile/load.js";
import { UsageError } from "../report.js";
import { provisionBatch } from "./batch.js";
import { withBoard } from "./board.js";
import { fleetFlag, openFleet } from "./fleet-folder.js";
import { lineFlags, type ProvisionFlags, portHelp } from "./port-flags.js";
import { forget, type Prepared, prepare } from "./prepare.js";
import { Prompts } from "./prompts.js";
import { checkAuthority, isPending, provisionBoard } from "./provisioning.js";
import { type Tell, teller } from "./told.js";

async function provisionOne(flags: ProvisionFlags & { readonly port: string }): Promise<void> {
  const { profile: path, id, port } = flags;
  const tell = teller(flags.json ?? false, false);
  const prompts = new Prompts();
  let prepared: Prepared | undefined;
  let fleet: Fleet | undefined;
  try {
    const loaded = await loadProfile(path, id === undefined ? {} : { "device.id": id });
    prepared = await prepare(path, loaded, (prompt: Prompt) => prompts.ask(prompt));
    prompts.close();
    await checkAuthority(flags.certs, [prepared]);
    fleet = openFleet(flags.fleet);
    const by = { fleet, certs: flags.certs, tell };
    const device = prepared;
    const wanted = waitedFor(port, device, fleet, tell);
    const line = flags.verbose ? (text: string) => tell({ event: "line", port, text }) : undefined;
    const options = { port, baud: flags.baud, waitMs: flags.wait, wanted, line };
    await withBoard(options, async (board) => {
      const done = await provisionBoard(port, board, device, by);
      tell({ event: "provisioned", port, ...done });
    });
  } finally {
    prompts.close();
    if (prepared) forget(prepared);
    fleet?.close();
  }
}

/** Any board that is not locked, or is this device and has still to prove it; of another it says once what to do. */
function waitedFor(port: string, { deviceId }: Prepared, fleet: Fleet, tell: Tell): (info: Info) => boolean {
  let said = false;
  return (info) => {
    if (info.state !== "locked" || isPending(info, deviceId, fleet)) return true;
    if (!said) {
      const { message, action } = lockedFailure(info);
      tell({ event: "waiting", port, text: `${message}: ${action}; waiting for that` });
    }
    said = true;
    return false;
  };
}

async function provision(flags: ProvisionFlags, outcome: Outcome): Promise<void> {
  const { port, batch } = flags;
  if (batch !== undefined) {
    if (flags.id !== undefined) throw new UsageError("--id: with --batch the ids are in its file");
    if (!(await provisionBatch(flags, batch))) outcome.exitCode = 1;
    return;
  }
  if (port === undefined)
    throw new UsageError("-p, --port <PORT>: say where the board is: see dormouse ports");
  await provisionOne({ ...flags, port });
}

export function addProvisionCommand(parent: Command, outcome: Outcome): void {
  const command = parent.command("provision").option("-p, --port <PORT>", portHelp);
  lineFlags(command, "one event a line")
    .description(
      "Give a board its identity and keys by a profile: it makes its own keys, gets its certificate, proves that it has them, and locks.",
    )
    .requiredOption("--profile <FILE>", "what the device is told: see docs/profile.md")
    .option("--id <ID>", "the device's id, in place of the profile's")
    .option(...fleetFlag)
    .option("--certs <FOLDER>", "the authority that issues certificates", "certs/private")
    .option(
      "--batch <FILE>",
      "a tray of boards: CSV with a header and the columns id, port, mac, or settings",
    )
    .option("-v, --verbose", "show the board's log lines too")
    .addHelpText(
      "after",
      "\nExample:\n  $ dormouse provision --port /dev/ttyUSB0 --profile profiles/greenhouse.json",
    )
    .action((flags: ProvisionFlags) => provision(flags, outcome));
}
