/** `dormouse fleet import`: devices that the page of web/ has provisioned, by the file that it gave for each. */
import type { Command } from "commander";
import { defaultFleet, Fleet } from "../../backend/fleet/fleet.js";
import { readProvisionedFile } from "../../backend/fleet/provisioned-file.js";
import { takeIn } from "../../backend/fleet/take-in.js";
import { KeyringError } from "../../backend/keyring.js";
import { OpenToOthers, readSecretFile } from "../../backend/secret-file.js";
import { printableLine } from "../mqtt/printable.js";
import { fileProblem, OperatorError, UsageError } from "../report.js";

interface ImportFlags {
  readonly fleet: string;
  readonly json?: boolean;
}

/** @throws {OperatorError | UsageError} at the first file that cannot be taken in; those before it are */
async function importFiles(paths: readonly string[], { fleet: folder, json }: ImportFlags): Promise<void> {
  const fleet = new Fleet(folder);
  try {
    for (const path of paths) {
      const { row, missing } = await importFile(fleet, path);
      const { id, epoch, kid, mac, certificate, state } = row;
      const serial = certificate?.serial ?? null;
      if (json) console.log(JSON.stringify({ id, epoch, kid, mac, state, serial, file: path }));
      else
        console.log(
          printableLine(`${id}, epoch ${epoch}, kid ${kid}: delete ${path} now, the keyring has its secret`),
        );
      if (state === "pending")
        console.error(
          printableLine(
            `${id}, epoch ${epoch}, is pending: its board has not proved its keys yet; "dormouse provision" with its profile has it do so`,
          ),
        );
      if (missing !== undefined)
        console.error(
          printableLine(
            `${fleet.keyring} has no private key of ${missing}, to whom ${id} seals: its messages are opened where that key is`,
          ),
        );
    }
  } finally {
    fleet.close();
  }
}

async function importFile(fleet: Fleet, path: string): ReturnType<typeof takeIn> {
  try {
    const bytes = readSecretFile(path);
    const file = readProvisionedFile(bytes.toString("utf8"));
    bytes.fill(0);
    return await takeIn(fleet, file);
  } catch (error) {
    if (error instanceof OpenToOthers) throw new OperatorError(printableLine(error.message));
    if (error instanceof RangeError) throw new OperatorError(printableLine(`${path}: ${error.message}`));
    if (error instanceof KeyringError) throw new OperatorError(printableLine(error.message));
    if ((error as NodeJS.ErrnoException).path === path)
      throw new UsageError(printableLine(fileProblem(path, error)));
    throw error;
  }
}

/** @param parent `fleet` */
export function addImportCommand(parent: Command): void {
  parent
    .command("import")
    .description(
      "Take in devices that the web page provisioned: the files that it gave. What a board has not proved yet is pending.",
    )
    .argument("<FILE...>", "as downloaded, ID.provisioned.json; readable by you alone")
    .option("--fleet <FOLDER>", "where register and keyring are", defaultFleet)
    .option("--json", "one JSON object a device")
    .addHelpText(
      "after",
      "\nExample:\n  $ chmod 600 vole-1.provisioned.json && dormouse fleet import vole-1.provisioned.json",
    )
    .action((paths: string[], flags: ImportFlags) => importFiles(paths, flags));
}
