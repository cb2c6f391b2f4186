/** `dormouse keys`: what comes of a device's secret; `password`, what it logs in with, for the broker's password file. */
import { randomBytes } from "node:crypto";
import type { Command } from "commander";
import { defaultFleet } from "../../backend/fleet/fleet.js";
import { deriveBrokerPassword } from "../../lib/auth/broker-password.js";
import { nobleCrypto } from "../../lib/crypto/noble.js";
import { UsageError } from "../report.js";
import { whole } from "../values.js";
import { addDeriveCommand } from "./derive.js";
import { checkDeviceId, deviceSecret } from "./device-secret.js";
import { fleetSecret } from "./fleet-secret.js";
import { addOwnCommand } from "./own.js";
import { addRekeyCommand } from "./rekey.js";
import { addShowCommand } from "./show.js";

interface PasswordFlags {
  readonly device: string;
  readonly secret?: string;
  /** true: the default folder. */
  readonly fleet?: string | true;
  readonly epoch?: string;
}

const maxEpoch = 2 ** 32 - 1;
const example =
  '\nExample:\n  $ echo "dormouse-1:$(dormouse keys password --device dormouse-1 --secret file:dormouse-1.secret)"';

export function addKeysCommand(parent: Command): void {
  const keys = parent
    .command("keys")
    .description("What comes of a device's secret.")
    .helpCommand(false)
    .addHelpText("after", example);
  keys
    .command("password")
    .description("Print a device's password at its broker, where its profile says that it is derived.")
    .requiredOption("--device <ID>", "device.id of its profile")
    .option("--secret <REF>", "file:PATH, env:NAME or - (standard input): its secret, 64 hex digits")
    .option("--fleet [FOLDER]", `or where it was provisioned (${defaultFleet})`)
    .option("--epoch <N>", "which of its secrets (0; of a fleet the newest)")
    .addHelpText("after", example)
    .action(async (flags: PasswordFlags) => {
      checkDeviceId("--device", flags.device);
      const given = flags.epoch === undefined ? undefined : whole("--epoch", flags.epoch, 0, maxEpoch);
      if ((flags.secret === undefined) === (flags.fleet === undefined))
        throw new UsageError("give --secret or --fleet");
      const { epoch, bytes } =
        flags.fleet === undefined
          ? { epoch: given ?? 0, bytes: await deviceSecret("--secret", flags.secret!, ".") }
          : fleetSecret(flags.fleet === true ? defaultFleet : flags.fleet, flags.device, given);
      const crypto = nobleCrypto((byteLength) => new Uint8Array(randomBytes(byteLength)));
      const secret = crypto.importSecret(bytes);
      bytes.fill(0);
      const password = deriveBrokerPassword(crypto, secret, { id: flags.device, epoch });
      secret.close();
      console.log(Buffer.from(password).toString("latin1"));
    });
  addDeriveCommand(keys);
  addOwnCommand(keys);
  addRekeyCommand(keys);
  addShowCommand(keys);
}
