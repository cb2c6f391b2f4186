/** `dormouse keys derive`: from a device's secret the key of one topic, for a receiver that is to open nothing else. */
import type { Command } from "commander";
import { parseKeyring } from "../../backend/keyring.js";
import { KeyringError } from "../../backend/keyring-fields.js";
import { nodeCrypto } from "../../backend/node-crypto.js";
import { type SymmetricName, symmetricNamed, symmetricNames } from "../../backend/symmetric.js";
import { aeadLengths } from "../../lib/crypto/aead.js";
import type { Key } from "../../lib/crypto/crypto.js";
import { checkTopicName } from "../../lib/mqtt/wire/topics.js";
import { type Channel, deriveContextIv, keyContext } from "../../lib/sealed/keys.js";
import { checked } from "../mqtt/client-flags.js";
import { UsageError } from "../report.js";
import { choice, whole } from "../values.js";
import { checkDeviceId, deviceSecret } from "./device-secret.js";
import { appendToKeyring } from "./keyring-file.js";

interface DeriveFlags {
  readonly device: string;
  readonly secret: string;
  readonly epoch?: string;
  readonly kid?: string;
  readonly until?: string;
  readonly topic: string;
  readonly direction?: string;
  readonly sender?: string;
  readonly algorithm: string;
  readonly keyring?: string;
}

const macKeyBytes = 32;
const maxEpoch = 2 ** 32 - 1;

/** A keyring's entry, without its key: docs/receivers.md. */
interface Named {
  readonly device: string;
  readonly sender?: string;
  readonly epoch: number;
  readonly kid?: string;
  readonly until?: string;
  readonly direction: "up" | "down";
  readonly topic: string;
  readonly algorithm: SymmetricName;
}

function namedBy(flags: DeriveFlags): Named {
  const { device, sender, kid, until, topic } = flags;
  checkDeviceId("--device", device);
  const direction = choice("--direction", flags.direction ?? "up", ["up", "down"]);
  if (direction === "down" && sender === undefined)
    throw new UsageError("--direction down: give --sender, the controller's id");
  if (direction === "up" && sender !== undefined) throw new UsageError("--sender goes with --direction down");
  if (sender !== undefined) checkDeviceId("--sender", sender);
  if (direction === "down" && kid !== undefined) throw new UsageError("--kid goes with --direction up");
  if (kid !== undefined && !/^([0-9A-Fa-f]{2}){2,8}$/.test(kid))
    throw new UsageError("--kid: write 4 to 16 hex digits (2 to 8 bytes), as device.kid in the profile");
  checked("--topic", () => checkTopicName(topic));
  return {
    device,
    ...(sender !== undefined && { sender }),
    epoch: whole("--epoch", flags.epoch ?? "0", 0, maxEpoch),
    ...(kid !== undefined && { kid: kid.toLowerCase() }),
    ...(until !== undefined && { until }),
    direction,
    topic,
    algorithm: choice("--algorithm", flags.algorithm, symmetricNames),
  };
}

function derived(secret: Key, { device, sender, epoch, direction, topic, algorithm }: Named): object {
  const channel: Channel = { sender: { id: sender ?? device, epoch }, direction, topic };
  const hex = (bytes: Uint8Array) => {
    const text = Buffer.from(bytes).toString("hex");
    bytes.fill(0);
    return text;
  };
  const key = (alg: number, byteLength: number) =>
    hex(nodeCrypto.deriveBytes(secret, keyContext(alg, channel), byteLength));
  const used = symmetricNamed(algorithm);
  if (used.protection === "stamp") return { key: key(used.alg, macKeyBytes) };
  return {
    key: key(used.alg, aeadLengths(used.alg).keyBytes),
    contextIv: hex(deriveContextIv(nodeCrypto, secret, channel, used.alg)),
  };
}

async function derive(flags: DeriveFlags): Promise<void> {
  const named = namedBy(flags);
  const bytes = await deviceSecret("--secret", flags.secret, ".");
  const secret = nodeCrypto.importSecret(bytes);
  bytes.fill(0);
  const entry = { ...named, ...derived(secret, named) };
  secret.close();
  checkEntry(entry);
  if (flags.keyring !== undefined) return appendToKeyring("--keyring", flags.keyring, entry);
  if (process.stdout.isTTY)
    console.error(
      "dormouse: whoever sees this key can forge the topic's messages; --keyring FILE shows nobody",
    );
  console.log(JSON.stringify(entry));
}

/** As a keyring takes it. */
function checkEntry(entry: object): void {
  try {
    parseKeyring(JSON.stringify({ schema: 1, keys: [entry] })).close();
  } catch (error) {
    if (!(error instanceof KeyringError)) throw error;
    throw new UsageError(`--${error.message.replace(/^entry 1: /, "")}`);
  }
}

const example =
  "\nExample:\n  $ dormouse keys derive --device dormouse-1 --secret file:dormouse-1.secret \\\n" +
  "      --topic sensors/dormouse-1/readings --algorithm hmac-256 --keyring dashboard.keyring";

export function addDeriveCommand(keys: Command): void {
  keys
    .command("derive")
    .description("Make the key of one topic, as an entry of a keyring, for who is to open nothing else.")
    .requiredOption("--device <ID>", "device.id of its profile")
    .requiredOption("--secret <REF>", "file:PATH, env:NAME or - (standard input): its secret, 64 hex digits")
    .requiredOption("--topic <TOPIC>", "as the device knows it")
    .requiredOption("--algorithm <NAME>", `${symmetricNames.join(", ")}: as in its profile`)
    .option("--epoch <N>", "which of its secrets (0)")
    .option("--kid <HEX>", "device.kid of its profile, if it has one")
    .option("--direction <WAY>", "up, from the device, or down, to it (up)")
    .option("--sender <ID>", "with --direction down: the controller that may send commands with it")
    .option("--until <TIME>", "when the receiver is to stop using it, e.g. 2027-01-01T00:00:00Z")
    .option("--keyring <FILE>", "add it to this keyring instead of printing it")
    .addHelpText("after", example)
    .action(derive);
}
