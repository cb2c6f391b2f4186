/** `dormouse fleet`: what the register knows of devices, and what the fleet's keyring needs besides. */
import type { Command } from "commander";
import { defaultFleet, Fleet } from "../../backend/fleet/fleet.js";
import type { Register } from "../../backend/fleet/register.js";
import { KeyringError } from "../../backend/keyring.js";
import { OpenToOthers } from "../../backend/secret-file.js";
import { pem } from "../../certs/pki/pem.js";
import { checkTopicFilter } from "../../lib/mqtt/wire/topics.js";
import { registerIn } from "../certs/known.js";
import { checked, collect } from "../mqtt/client-flags.js";
import { printableJson, printableLine } from "../mqtt/printable.js";
import { readP256 } from "../profile/key-pairs.js";
import { OperatorError, UsageError } from "../report.js";
import { addImportCommand } from "./import.js";
import { jsonOf, linesOf, listOf } from "./shown.js";

interface Flags {
  readonly fleet: string;
  readonly json?: boolean;
}

/** With the register that is there. @throws {UsageError} without one */
function reading<T>({ fleet }: Flags, work: (register: Register) => T): T {
  const register = registerIn(fleet);
  if (!register) throw new UsageError(`--fleet ${fleet}: has no register; dormouse provision makes it`);
  try {
    return work(register);
  } finally {
    register.close();
  }
}

function list(flags: Flags & { readonly all?: boolean }): void {
  const rows = reading(flags, (register) => register.list());
  const newest = rows.filter(({ id }, n) => flags.all || id !== rows[n - 1]?.id);
  if (flags.json) for (const row of newest) console.log(printableJson(jsonOf(row)));
  else console.log(listOf(newest));
}

function show(id: string, flags: Flags): void {
  const rows = reading(flags, (register) => register.list(id));
  if (rows.length === 0) throw new OperatorError(`no ${printableLine(id)} in ${flags.fleet}`);
  if (flags.json) for (const row of rows) console.log(printableJson(jsonOf(row)));
  else console.log(rows.map((row) => linesOf(row).join("\n")).join("\n\n"));
}

interface RecipientFlags {
  readonly fleet: string;
  readonly key: string;
  readonly topic?: readonly string[];
}

async function recipient(
  name: string,
  { fleet: folder, key: reference, topic }: RecipientFlags,
): Promise<void> {
  for (const filter of topic ?? []) checked("-t", () => checkTopicFilter(filter, 4));
  const key = await readP256("--key", reference, ".");
  const fleet = new Fleet(folder);
  try {
    await fleet.addRecipient(name, pem("PRIVATE KEY", key), topic ?? ["sensors/#"]);
    console.log(printableLine(`${fleet.keyring} opens what is sealed to ${name}`));
  } catch (error) {
    if (error instanceof KeyringError || error instanceof OpenToOthers)
      throw new OperatorError(printableLine(error.message));
    throw error;
  } finally {
    key.fill(0);
    fleet.close();
  }
}

async function distrust(id: string, { fleet: folder }: Flags): Promise<void> {
  reading({ fleet: folder }, () => {});
  const fleet = new Fleet(folder);
  try {
    const ended = await fleet.distrust(id);
    if (ended === 0) throw new OperatorError(`${fleet.keyring} has no key of ${printableLine(id)}`);
    console.log(printableLine(`${fleet.keyring}: nothing that ${id} sends from now on is accepted`));
  } catch (error) {
    if (error instanceof KeyringError || error instanceof OpenToOthers)
      throw new OperatorError(printableLine(error.message));
    throw error;
  } finally {
    fleet.close();
  }
}

function common(command: Command): Command {
  return command.option("--fleet <FOLDER>", "where register and keyring are", defaultFleet);
}

export function addFleetCommand(parent: Command): void {
  const fleet = parent
    .command("fleet")
    .description("Show the devices that were provisioned: dormouse provision, nvs and certs write them down.")
    .helpCommand(false)
    .addHelpText("after", "\nExample:\n  $ dormouse fleet list");

  common(fleet.command("list"))
    .description("List the devices, each with the newest of its secrets.")
    .option("--all", "with all of them")
    .option("--json", "one JSON object a line")
    .addHelpText(
      "after",
      "\nExample:\n  $ dormouse fleet list --json | jq -r 'select(.state == \"pending\").id'",
    )
    .action(list);

  common(fleet.command("show"))
    .description("Show all that the register has of a device: no secret is in it.")
    .argument("<ID>", "the device's id")
    .option("--json", "one JSON object a line, the newest first")
    .addHelpText("after", "\nExample:\n  $ dormouse fleet show dormouse-1")
    .action(show);

  common(fleet.command("recipient"))
    .description("Give the keyring a private key to which devices seal, before they are provisioned.")
    .argument("<NAME>", "topics.recipient.kid of their profiles")
    .requiredOption("--key <REF>", "file:PATH or env:NAME of the P-256 key, PEM or DER")
    .option("-t, --topic <FILTER>", "where they publish; may be repeated (sensors/#)", collect)
    .addHelpText("after", "\nExample:\n  $ dormouse fleet recipient plant-7 --key file:plant-7.key")
    .action(recipient);

  common(fleet.command("distrust"))
    .description(
      "Accept nothing more that a device sends: for one that was lost. It is accepted again when provisioned anew.",
    )
    .argument("<ID>", "the device's id")
    .addHelpText(
      "after",
      "\nExample:\n  $ dormouse fleet distrust dormouse-7 && dormouse certs revoke dormouse-7",
    )
    .action(distrust);

  addImportCommand(fleet);
}
