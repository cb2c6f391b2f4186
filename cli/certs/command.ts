/** `dormouse certs init|server|device|list|revoke`: a private certificate authority in a folder, and certificates from it. */
import { createPrivateKey } from "node:crypto";
import type { Command } from "commander";
import { createAuthority, createDevice, createServer } from "../../certs/pki/authority.js";
import { checkDeviceId } from "../../certs/pki/device-id.js";
import { altName } from "../../certs/pki/names.js";
import { FolderExists } from "../../certs/pki/publish-folder.js";
import { lifetimeDays, validFor } from "../../certs/pki/validity.js";
import { OperatorError, UsageError } from "../report.js";
import { fileText, whole } from "../values.js";
import { addRevokingCommands } from "./revoking.js";

interface CertsFlags {
  readonly dir: string;
  readonly force?: boolean;
  readonly json?: boolean;
}

/** A name on the command line, or a UsageError. */
function checked<T>(check: (text: string) => T, text: string): T {
  try {
    return check(text);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** Does the work, says what is where, and turns what can go wrong into one line. */
async function issue<Files extends { readonly folder: string }>(
  flags: CertsFlags,
  work: (replace: boolean) => Promise<Files>,
): Promise<void> {
  let files: Files;
  try {
    files = await work(flags.force ?? false);
  } catch (error) {
    if (error instanceof FolderExists)
      throw new OperatorError(`${error.folder} already exists; --force replaces it and its keys`);
    if (error instanceof RangeError) throw new OperatorError(error.message);
    throw error;
  }
  if (flags.json) console.log(JSON.stringify(files));
  else for (const [name, path] of Object.entries(files)) if (name !== "folder") console.log(path);
}

/** PKCS #8, from any private key in PEM. */
async function keptKey(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const text = await fileText(path);
  try {
    const key = createPrivateKey(text);
    if (key.asymmetricKeyDetails?.namedCurve !== "prime256v1") throw new RangeError("another kind of key");
    return new Uint8Array(key.export({ type: "pkcs8", format: "der" }));
  } catch {
    throw new OperatorError(`${path} is no P-256 private key in PEM, or is encrypted`);
  }
}

/** Flags that all certificate commands share. */
function common(command: Command): Command {
  return command
    .option("--dir <FOLDER>", "where the authority lives", "certs/private")
    .option("--force", "replace what is there, keys included")
    .option("--json", "the files made, as one JSON object");
}

const collect = (text: string, before: readonly string[] = []) => [...before, text];
const days = (text: string) => whole("--days", text, 1, 36_500);

export function addCertsCommand(parent: Command): void {
  const certs = parent
    .command("certs")
    .description("Make a private certificate authority, and certificates for brokers and devices.")
    .helpCommand(false)
    .addHelpText("after", "\nExample:\n  $ dormouse certs init && dormouse certs server broker.example.org");

  common(certs.command("init"))
    .description("Make a root and an issuing CA (P-256).")
    .option("--name <NAME>", "what the CAs are called", "Dormouse")
    .addHelpText("after", '\nExample:\n  $ dormouse certs init --name "Green House"')
    .action((flags: CertsFlags & { name: string }) => {
      if (!/^[^\p{C}]{1,48}$/u.test(flags.name))
        throw new UsageError("--name: must have 1 to 48 printable characters");
      const root = validFor(lifetimeDays.root, Date.now());
      const issuing = validFor(lifetimeDays.issuing, Date.now());
      return issue(flags, (replace) =>
        createAuthority(flags.dir, { name: flags.name, root, issuing, replace }),
      );
    });

  common(certs.command("server"))
    .description("Issue a broker's certificate for these host names and IP addresses.")
    .argument("<NAME...>", "what devices connect to; the first names the folder")
    .option("--san <NAME>", "a further host name or IP address; may be repeated", collect)
    .option("--days <N>", "lifetime", days, lifetimeDays.server)
    .option("--key <FILE>", "keep this P-256 key (PEM), and with it its pin; a new one is made else")
    .addHelpText(
      "after",
      "\nExample:\n  $ dormouse certs server broker.example.org --san localhost --san 192.0.2.7",
    )
    .action(async (names: string[], flags: CertsFlags & { san?: string[]; days: number; key?: string }) => {
      const altNames = [...new Set([...names, ...(flags.san ?? [])])].map((text) => checked(altName, text));
      const validity = validFor(flags.days, Date.now());
      const key = flags.key === undefined ? undefined : await keptKey(flags.key);
      return issue(flags, (replace) => createServer(flags.dir, { names: altNames, validity, replace, key }));
    });

  common(certs.command("device"))
    .description("Issue a device's client certificate.")
    .argument("<ID>", "the device's id: letters, digits, dot, underscore, hyphen")
    .option("--days <N>", "lifetime", days, lifetimeDays.device)
    .addHelpText("after", "\nExample:\n  $ dormouse certs device dormouse-1")
    .action((text: string, flags: CertsFlags & { days: number }) => {
      const id = checked(checkDeviceId, text);
      const validity = validFor(flags.days, Date.now());
      return issue(flags, (replace) => createDevice(flags.dir, { id, validity, replace }));
    });

  addRevokingCommands(certs);
}
