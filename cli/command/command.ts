/** `dormouse command`: sends a command to a device, and waits for what it answers. */
import type { Command } from "commander";
import { Counters } from "../../backend/counters.js";
import { needsOperator } from "../../lib/commands/admission.js";
import { addClientOptions } from "../mqtt/client-flags.js";
import { printableJson, printableLine } from "../mqtt/printable.js";
import type { Outcome } from "../outcome.js";
import { OperatorError, UsageError } from "../report.js";
import { Attempt, type Ending } from "./attempt.js";
import { type CommandFlags, type CommandSettings, commandSettings } from "./settings.js";

/** What a person can do about an answer that is not "done". */
const actions: Readonly<Record<Exclude<Ending["status"], "done" | "sent">, string>> = {
  failed: "it could not do that",
  refused: "it will not do that, and nothing has changed",
  unknown: "its firmware has no command of that name",
  expired: "it came too late, or this machine's clock and the device's differ",
  challenge: "it expired before the device had it with its challenge; give it more time with --expires",
  unauthorised:
    "it wants the operator's signature; give --operator-key and --operator-kid as in the device's profile",
  malformed: "its firmware does not read such a command",
  "no-answer":
    "nothing verified has come so far; the device has not woken (it may still act on it until it expires), or --sender, key or protection are not as in its profile",
  interrupted: "no longer waited for; the device may still act on it until it expires",
};

export function addCommandCommand(parent: Command, outcome: Outcome): void {
  const command = parent
    .command("command")
    .description("Send a command to a device, and wait for its answer.")
    .argument("<DEVICE>", "device.id of its profile")
    .argument("<NAME>", "what it is to do")
    .argument("[ARGS...]", "numbers, true, false, or text; -- before text that begins with -")
    .optionsGroup("The command:")
    .requiredOption(
      "--keyring <FILE>",
      "the device's secret, or keys derived from it; readable by its owner alone",
    )
    .option(
      "--sender <ID>",
      "which of the controllers in the device's profile this is (the keyring's only one)",
    )
    .option("--base <TOPIC>", "topics.base of the device's profile (sensors/DEVICE)")
    .option("--expires <DURATION>", "how long the device may act on it (1h)")
    .option("--wait [DURATION]", "wait for the answer, so long at most (as long as it may act)")
    .option("--json", "one JSON object on standard output")
    .option("--state <FILE>", "the counters used so far (KEYRING.counters)")
    .option("--protection <HOW>", "stamp or seal, as in the profile (stamp)")
    .option("--algorithm <NAME>", "as in the profile (hmac-256, chacha20-poly1305)")
    .option("--epoch <N>", "which of the device's secrets, if it does not have the newest yet")
    .option("--operator-key <REF>", "sign it with this P-256 key: file:PATH, env:NAME or - (standard input)")
    .option("--operator-kid <NAME>", "and that key's name in the device's profile");
  addClientOptions(command)
    .addHelpText(
      "after",
      "\nExample:\n  $ dormouse command dormouse-1 led true --wait 5m -h broker.example --cafile ca.pem --keyring office.keyring",
    )
    .addHelpText("after", "\ndocs/commands.md says what the answers mean and what a keyring needs.")
    .action(async (device: string, name: string, words: string[], flags: CommandFlags) => {
      outcome.exitCode = await send(await settingsOf(device, name, words, flags));
    });
}

function settingsOf(
  device: string,
  name: string,
  words: string[],
  flags: CommandFlags,
): Promise<CommandSettings> {
  if (needsOperator(name) && flags.operatorKey === undefined)
    throw new UsageError(`"${name}" needs the operator's signature: give --operator-key and --operator-kid`);
  return commandSettings(device, name, words, flags);
}

/** @returns the exit code */
async function send(settings: CommandSettings): Promise<number> {
  const counters = new Counters(settings.statePath);
  try {
    const ending = await new Attempt(settings, counters).run();
    if (settings.json) console.log(printableJson(asObject(settings, ending)));
    else if (ending.status === "done") console.log(printableLine(`done${shown(ending)}`));
    if (ending.status === "done" || ending.status === "sent") return 0;
    if (settings.json) return 1;
    const { device } = settings;
    const action = ending.command
      ? actions[ending.status]
      : "the broker did not let it hear answers, and nothing was sent";
    throw new OperatorError(printableLine(`${device}: ${ending.status}${shown(ending)}; ${action}`));
  } catch (error) {
    // What the library refuses of a command line that can be read.
    throw error instanceof RangeError ? new OperatorError(error.message) : error;
  } finally {
    counters.close();
    settings.operator?.key.close();
  }
}

function shown({ value }: Ending): string {
  if (value === null) return "";
  return `: ${value instanceof Uint8Array ? Buffer.from(value).toString("hex") : String(value)}`;
}

function asObject({ device, name }: CommandSettings, { status, value, command }: Ending): object {
  const bytes = value instanceof Uint8Array;
  return {
    device,
    name,
    counter: command?.counter ?? null,
    status,
    expires: command ? new Date(command.expiresAt * 1000).toISOString() : null,
    ...(bytes ? { valueBase64: Buffer.from(value).toString("base64") } : { value }),
  };
}
