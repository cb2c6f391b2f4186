/** `dormouse nvs`: a factory image, the whole of a board's NVS partition, and its entries in the fleet's register and keyring. */
import { existsSync } from "node:fs";
import type { Command } from "commander";
import { defaultFleet, Fleet } from "../../backend/fleet/fleet.js";
import type { DeviceRow } from "../../backend/fleet/register.js";
import { KeyringError } from "../../backend/keyring.js";
import { OpenToOthers } from "../../backend/secret-file.js";
import type { FlashEntry } from "../../lib/store/flash-entries.js";
import { writeNewFile } from "../keys/new-file.js";
import { printableLine } from "../mqtt/printable.js";
import { type LoadedProfile, loadProfile } from "../profile/load.js";
import { readSecretBytes } from "../profile/references.js";
import { readSecrets } from "../profile/secrets.js";
import { Prompts } from "../provision/prompts.js";
import { OperatorError, UsageError } from "../report.js";
import { encryptImage, readNvsKeys } from "./encrypt.js";
import { checkForFactory, type Factory, factoryEntries, forget, makeFactory } from "./factory.js";
import { defaultBytes, leastBytes, nvsImage } from "./image.js";
import { pageBytes } from "./page.js";

interface NvsFlags {
  readonly profile: string;
  readonly out: string;
  readonly id?: string;
  readonly fleet: string;
  readonly certs: string;
  readonly size?: string;
  readonly encrypt?: string;
  readonly force?: boolean;
  readonly json?: boolean;
}

async function nvs(flags: NvsFlags): Promise<void> {
  const bytes = sizeOf(flags.size);
  // Before anything is given up for it.
  if (existsSync(flags.out)) throw new UsageError(`--out ${flags.out}: is there already`);
  const loaded = await loadProfile(flags.profile, flags.id === undefined ? {} : { "device.id": flags.id });
  checkForFactory(loaded);
  const factory = await prepared(loaded, flags.certs);
  const keys = flags.encrypt === undefined ? undefined : await nvsKeys(flags.encrypt);
  const fleet = new Fleet(flags.fleet);
  try {
    const { row, missing } = await write(fleet, loaded, factory, { ...flags, bytes, keys });
    tell(flags, fleet, row, bytes, missing);
  } catch (error) {
    if (error instanceof KeyringError || error instanceof OpenToOthers || error instanceof RangeError)
      throw new OperatorError(printableLine(error.message));
    throw error;
  } finally {
    fleet.close();
    forget(factory, []);
    keys?.fill(0);
  }
}

function sizeOf(text: string | undefined): number {
  if (text === undefined) return defaultBytes;
  const bytes = /^(0x[0-9a-fA-F]{1,6}|[0-9]{1,8})$/.test(text) ? Number(text) : Number.NaN;
  if (!(bytes >= leastBytes && bytes <= 0x100_0000 && bytes % pageBytes === 0))
    throw new UsageError(
      `--size "${text}": write a multiple of ${pageBytes} from ${leastBytes}, as the partition table has it, e.g. 0x6000`,
    );
  return bytes;
}

async function prepared(loaded: LoadedProfile, certs: string): Promise<Factory> {
  const prompts = new Prompts();
  try {
    return await makeFactory(loaded, await readSecrets(loaded, (prompt) => prompts.ask(prompt)), certs);
  } catch (error) {
    throw error instanceof RangeError ? new OperatorError(error.message) : error;
  } finally {
    prompts.close();
  }
}

async function nvsKeys(path: string): Promise<Uint8Array> {
  const file = await readSecretBytes("--encrypt", `file:${path}`, ".");
  try {
    return Uint8Array.from(readNvsKeys(file));
  } catch (error) {
    throw new OperatorError(`--encrypt ${path}: ${(error as Error).message}`);
  } finally {
    file.fill(0);
  }
}

interface Wanted {
  readonly out: string;
  readonly bytes: number;
  readonly keys: Uint8Array | undefined;
  readonly profile: string;
  readonly force?: boolean;
}

/** The register first, then the keyring, then the file: whoever can flash the image has what opens its messages. */
async function write(
  fleet: Fleet,
  loaded: LoadedProfile,
  factory: Factory,
  { out, bytes, keys, profile: path, force }: Wanted,
): Promise<{ row: DeviceRow; missing: string | undefined }> {
  const { profile } = loaded;
  const { id } = profile.device;
  if (force) await fleet.discardImages(id);
  const board = { mac: "", board: "", firmware: "" };
  const row = fleet.begin({ id, origin: "image", ...board, profile: path });
  let entries: FlashEntry[] = [];
  let image: Uint8Array | undefined;
  try {
    entries = factoryEntries(loaded, factory, row.epoch);
    image = nvsImage(entries, bytes);
    if (keys) encryptImage(image, keys);
    const { secret, signPoint, certificate } = factory;
    if (signPoint) fleet.register.signsWith(row, signPoint);
    const missing = await fleet.addKeys({ profile, epoch: row.epoch, secret, signPoint, factory: true });
    // From here on the certificate may be in a file: its row stays, whatever becomes of that.
    if (certificate) fleet.register.issued(row, certificate);
    writeNewFile("--out", out, image);
    fleet.register.complete(row);
    return { row: fleet.register.find(id, row.epoch)!, missing };
  } catch (error) {
    await fleet.withdraw(row);
    throw error;
  } finally {
    image?.fill(0);
    forget(factory, entries);
  }
}

function tell(
  { out, json, encrypt }: NvsFlags,
  { keyring }: Fleet,
  { id, epoch, certificate }: DeviceRow,
  bytes: number,
  missing: string | undefined,
): void {
  if (missing !== undefined)
    console.error(
      `dormouse: ${keyring} has no private key of ${printableLine(missing)}, to whom it seals: its messages are opened where that key is`,
    );
  if (json) {
    const facts = certificate && {
      serial: certificate.serial,
      fingerprint: certificate.fingerprint,
      notAfter: new Date(certificate.notAfterMs).toISOString(),
    };
    console.log(
      JSON.stringify({
        file: out,
        bytes,
        id,
        epoch,
        encrypted: encrypt !== undefined,
        certificate: facts,
        keyring,
      }),
    );
    return;
  }
  console.log(`${out}: the NVS partition of ${id}, ${bytes} bytes; all its secrets are in it`);
  if (certificate)
    console.log(
      `certificate ${certificate.serial}, until ${new Date(certificate.notAfterMs).toISOString().slice(0, 10)}`,
    );
  console.log(`keys added to ${keyring}`);
}

export function addNvsCommand(parent: Command): void {
  parent
    .command("nvs")
    .description(
      "Make a factory image: all that one ESP32 board is provisioned with, as its NVS partition. Keys that the profile has made on the board are made here.",
    )
    .requiredOption("--profile <FILE>", "the device's profile")
    .requiredOption("--out <FILE>", "the new file, for its owner alone")
    .option("--id <ID>", "the device's id (the profile's)")
    .option("--fleet <FOLDER>", "register and keyring", defaultFleet)
    .option("--certs <FOLDER>", "the authority that issues its certificate", "certs/private")
    .option("--size <BYTES>", "of the partition, as its table says (0x6000)")
    .option(
      "--encrypt <FILE>",
      "for boards with NVS encryption: the keys, as nvs_partition_gen.py makes them",
    )
    .option(
      "--force",
      "though there is an image of this device: what that one's board sends is opened no more",
    )
    .option("--json", "what was made, as one JSON object")
    .addHelpText(
      "after",
      "\nExample:\n  $ dormouse nvs --profile profiles/mine.json --id dormouse-7 --out dormouse-7.bin\n" +
        "  $ esptool --port /dev/ttyUSB0 write-flash 0x9000 dormouse-7.bin\n" +
        "\ndocs/nvs.md says what is in it, and how it is kept from who has the board.",
    )
    .action(nvs);
}
