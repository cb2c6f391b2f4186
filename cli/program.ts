/**
 * The `dormouse` command: which commands there are and what they share. Flags are `--kebab-case VALUE`;
 * `--json` where output is data; every command's help has an example. Exit codes: 0 done, 1 failed, 2 wrong usage.
 */
import { Command, CommanderError } from "commander";
import type { Outcome } from "./outcome.js";
import { report, UsageError } from "./report.js";

type Add = (root: Command, outcome: Outcome) => void;

/** Each command and all that it needs is loaded when it is asked for: that is most of a short command's time. */
const commands: Readonly<Record<string, () => Promise<Add>>> = {
  sim: async () => (await import("./sim.js")).addSimCommand,
  certs: async () => (await import("./certs/command.js")).addCertsCommand,
  profile: async () => (await import("./profile/command.js")).addProfileCommand,
  pin: async () => (await import("./pin/command.js")).addPinCommand,
  fleet: async () => (await import("./fleet/command.js")).addFleetCommand,
  nvs: async () => (await import("./nvs/command.js")).addNvsCommand,
  keys: async () => (await import("./keys/command.js")).addKeysCommand,
  pub: async () => (await import("./mqtt/pub.js")).addPubCommand,
  sub: async () => (await import("./mqtt/sub.js")).addSubCommand,
  listen: async () => (await import("./receive/listen.js")).addListenCommand,
  bridge: async () => (await import("./receive/bridge.js")).addBridgeCommand,
  command: async () => (await import("./command/command.js")).addCommandCommand,
  provision: async () => (await import("./provision/provision.js")).addProvisionCommand,
  verify: async () => (await import("./provision/verify.js")).addVerifyCommand,
  reset: async () => (await import("./provision/reset.js")).addResetCommand,
  ports: async () => (await import("./provision/ports.js")).addPortsCommand,
  info: async () => (await import("./provision/info.js")).addInfoCommand,
  monitor: async () => (await import("./provision/monitor.js")).addMonitorCommand,
};

/** @param word the first of the command line: of no command, and all are there, for help to list */
async function program(word: string | undefined, outcome: Outcome): Promise<Command> {
  const root = new Command("dormouse")
    .description(
      "Secure MQTT firmware for ESP32 and ESP8266 boards: simulator, certificates, profiles, provisioning.",
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
  const one = word !== undefined && Object.hasOwn(commands, word) ? commands[word] : undefined;
  for (const load of one ? [one] : Object.values(commands)) (await load())(root, outcome);
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
  const root = await program(words[0], outcome);
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
