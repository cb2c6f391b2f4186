/**
 * `dormouse keys rekey`: a device's next secret, made of the present one as the device makes it when it is told to: in a
 * keyring beside the present one, or in a file of its own. What it prints is the command for the device.
 */
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import type { Command } from "commander";
import type { KeyringJsonEntry } from "../../backend/keyring-file.js";
import { nodeCrypto } from "../../backend/node-crypto.js";
import { deriveNextSecret } from "../../lib/sealed/next-secret.js";
import { OperatorError, UsageError } from "../report.js";
import { whole } from "../values.js";
import { deviceSecret } from "./device-secret.js";
import { editKeyring } from "./keyring-file.js";
import { writeNewFile } from "./new-file.js";

interface RekeyFlags {
  readonly device?: string;
  readonly keyring?: string;
  readonly until?: string;
  readonly secret?: string;
  readonly out?: string;
  readonly epoch?: string;
  readonly salt?: string;
}

const maxEpoch = 2 ** 32 - 1;
const saltBytes = 16;

async function rekey(flags: RekeyFlags): Promise<void> {
  const { salt: digits, epoch } = flags;
  if (digits !== undefined && !/^([0-9a-f]{2}){16,64}$/.test(digits))
    throw new UsageError("--salt: write 32 to 128 hex digits, small letters");
  const salt = Uint8Array.from(digits === undefined ? randomBytes(saltBytes) : Buffer.from(digits, "hex"));
  const wanted = epoch === undefined ? undefined : whole("--epoch", epoch, 1, maxEpoch);
  const made =
    flags.keyring === undefined ? await inFile(flags, salt, wanted) : await inKeyring(flags, salt, wanted);
  console.log(`keys ${made} ${Buffer.from(salt).toString("hex")}`);
}

/** @returns the epoch of the new secret */
async function inFile(
  { secret, out, device, until }: RekeyFlags,
  salt: Uint8Array,
  epoch: number | undefined,
): Promise<number> {
  if (secret === undefined || out === undefined || epoch === undefined)
    throw new UsageError("give --keyring and --device; or --secret, --epoch and --out");
  if (device !== undefined || until !== undefined)
    throw new UsageError("--device and --until go with --keyring");
  const bytes = await deviceSecret("--secret", secret, ".");
  writeNewFile("--out", out, `${nextSecret(bytes, epoch, salt)}\n`);
  return epoch;
}

/** @returns the epoch of the new secret */
async function inKeyring(
  { keyring, device, until, secret, out }: RekeyFlags,
  salt: Uint8Array,
  wanted: number | undefined,
): Promise<number> {
  if (device === undefined || secret !== undefined || out !== undefined)
    throw new UsageError("--keyring goes with --device, and without --secret and --out");
  let made = 0;
  await editKeyring("--keyring", keyring!, (keys) => {
    const present = newestOf(keys, device);
    made = wanted ?? (present.epoch as number) + 1;
    if (made <= (present.epoch as number))
      throw new OperatorError(`"${device}" has a secret of epoch ${present.epoch} already`);
    const next = nextSecret(Buffer.from(present.secret as string, "hex"), made, salt);
    return keys.flatMap((entry) =>
      entry === present
        ? [until === undefined ? entry : { ...entry, until }, { ...entry, epoch: made, secret: next }]
        : [entry],
    );
  });
  return made;
}

function newestOf(keys: readonly KeyringJsonEntry[], device: string): KeyringJsonEntry {
  let newest: KeyringJsonEntry | undefined;
  // A factory image's secret is not the device's own.
  for (const entry of keys)
    if (entry.device === device && entry.secret !== undefined && entry.factory !== true)
      if (!newest || (entry.epoch as number) > (newest.epoch as number)) newest = entry;
  if (!newest)
    throw new OperatorError(
      `the keyring has no secret of "${device}": of keys derived from it there is no next`,
    );
  if (newest.kid !== undefined)
    throw new OperatorError(
      `"${device}" has a short name (kid), which stands for one epoch: provision it anew`,
    );
  return newest;
}

/** @returns hex digits. @param bytes of the present secret, which are zeroed */
function nextSecret(bytes: Uint8Array, epoch: number, salt: Uint8Array): string {
  const present = nodeCrypto.importSecret(bytes);
  bytes.fill(0);
  const next = Buffer.from(deriveNextSecret(nodeCrypto, present, epoch, salt));
  present.close();
  const digits = next.toString("hex");
  next.fill(0);
  return digits;
}

const example =
  "\nExample:\n  $ dormouse keys rekey --device dormouse-1 --keyring all.keyring --until 2027-01-01T00:00:00Z\n" +
  "  keys 1 0c6c…\nand what it prints, behind dormouse command dormouse-1, tells the device.";

export function addRekeyCommand(keys: Command): void {
  keys
    .command("rekey")
    .description("Make a device's next secret, and say how the device is told to make it too.")
    .option("--device <ID>", "whose, with --keyring")
    .option("--keyring <FILE>", "where its secret is, and the next one is added")
    .option("--until <TIME>", "when the present one is no longer accepted, e.g. 2027-01-01T00:00:00Z")
    .option("--secret <REF>", "file:PATH, env:NAME or - (standard input): the present secret, 64 hex digits")
    .option("--out <FILE>", "the new file for the next one")
    .option("--epoch <N>", "of the next one (one more than the present one's)")
    .option("--salt <HEX>", "what it is made with besides (16 random bytes)")
    .addHelpText("after", example)
    .action(rekey);
}
