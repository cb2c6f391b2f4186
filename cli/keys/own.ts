/**
 * `dormouse keys own`: the secret that a device made of its factory image's, for who is to derive keys of it or to
 * command the device. It leaves this program in a file of its owner's alone.
 */
import type { Command } from "commander";
import { nodeCrypto } from "../../backend/node-crypto.js";
import { deriveNextSecret, epochOfSalt, ownSaltBytes } from "../../lib/sealed/next-secret.js";
import { UsageError } from "../report.js";
import { deviceSecret } from "./device-secret.js";
import { writeNewFile } from "./new-file.js";

interface OwnFlags {
  readonly secret: string;
  readonly salt: string;
  readonly out: string;
}

const saltDigits = 2 * ownSaltBytes;

async function own({ secret: reference, salt: digits, out }: OwnFlags): Promise<void> {
  if (!/^[0-9A-Fa-f]+$/.test(digits) || digits.length !== saltDigits)
    throw new UsageError(`--salt: write ${saltDigits} hex digits, as "dormouse listen --format json" shows`);
  const salt = Uint8Array.from(Buffer.from(digits, "hex"));
  const bytes = await deviceSecret("--secret", reference, ".");
  const factory = nodeCrypto.importSecret(bytes);
  bytes.fill(0);
  const epoch = epochOfSalt(salt);
  const next = Buffer.from(deriveNextSecret(nodeCrypto, factory, epoch, salt));
  factory.close();
  try {
    writeNewFile("--out", out, `${next.toString("hex")}\n`);
  } finally {
    next.fill(0);
  }
  console.log(`epoch ${epoch}`);
}

const example =
  "\nExample:\n  $ dormouse keys own --secret file:dormouse-1.factory --salt 96a5…0c --out dormouse-1.secret";

export function addOwnCommand(keys: Command): void {
  keys
    .command("own")
    .description("Make the secret that a device made of its factory image's, by the salt it reports.")
    .requiredOption(
      "--secret <REF>",
      "file:PATH, env:NAME or - (standard input): the image's secret, 64 hex digits",
    )
    .requiredOption(
      "--salt <HEX>",
      "the salt: each of its messages says it, and listen --format json shows it",
    )
    .requiredOption("--out <FILE>", "the new file for the device's own secret")
    .addHelpText("after", example)
    .action(own);
}
