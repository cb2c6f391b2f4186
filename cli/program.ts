/**
 * The `dormouse` command: which commands there are and what they share. Flags are `--kebab-case VALUE`;
 * `--json` where output is data; every command's help has an example. Exit codes: 0 done, 1 failed, 2 wrong usage.
 */
import { Command, CommanderError } from "commander";
import { addCertsCommand } from "./certs/command.js";
import { addCommandCommand } from "./command/command.js";
import { addKeysCommand } from "./keys/command.js";
import { addPubCommand } from "./mqtt/pub.js";
import { addSubCommand } from "./mqtt/sub.js";
import type { Outcome } from "./outcome.js";
import { addPinCommand } from "./pin/command.js";
import { addProfileCommand } from "./profile/command.js";
import { addBridgeCommand } from "./receive/bridge.js";
import { addListenCommand } from "./receive/listen.js";
import { report, UsageError } from "./report.js";
import { addSimCommand } from "./sim.js";

function program(outcome: Outcome): Command {
  const root = new Command("dormouse")
    .description(
      "Secure MQTT firmware for ESP32 and ESP8266 boards: simulator, certificates, profiles, pins.",
    )
    .helpCommand(false)
    .exitOverride()
    // What Commander would print on standard error is thrown too, and report() prints that: one line.
    .configureOutput({ outputError: () => {}, writeErr: () => {} })
    .addHelpText("after", "\nExample:\n  $ dormouse sim --cycles 5 --interval 1h")
    .addHelpText(
      "after",
      "\nExit codes: 0 done, 1 failed, 2 wrong usage. DEBUG=dormouse shows stack traces.",
    );
  addSimCommand(root, outcome);
  addCertsCommand(root);
  addProfileCommand(root, outcome);
  addPinCommand(root);
  addKeysCommand(root);
  addPubCommand(root, outcome);
  addSubCommand(root);
  addListenCommand(root);
  addBridgeCommand(root);
  addCommandCommand(root, outcome);
  return root;
}

/** Finds the words of the command that was meant, for the hint at its help. */
function commandPath(root: Command, words: readonly string[]): string {
  let at: Command = root;
  const path = [root.name()];
  for (const word of words) {
    const next = at.commands.find((command) => command.name() === word);
    if (!next) break;
    path.push(word);
    at = next;
  }
  return path.join(" ");
}

/** @returns the exit code */
export async function run(words: readonly string[]): Promise<number> {
  const outcome: Outcome = { exitCode: 0 };
  const root = program(outcome);
  try {
    await root.parseAsync(words, { from: "user" });
    return outcome.exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) return report(error);
    if (error.exitCode === 0) return 0; // --help
    const hint = `(see: ${commandPath(root, words)} --help)`;
    if (error.code === "commander.help") return report(new UsageError(`a command is missing ${hint}`));
    // What was written behind an option that does not exist may be a secret.
    const message = error.message
      .replace(/^error: /, "")
      .replace(/\.$/, "")
      .replace(/('-[^'=]*)=[^']*'/, "$1'");
    return report(new UsageError(`${message} ${hint}`));
  }
}
