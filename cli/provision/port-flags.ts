/** The flags of every command that speaks to a board, in esptool's idiom. */
import type { Command } from "commander";
import { duration, whole } from "../values.js";

export interface PortFlags {
  readonly port: string;
  readonly baud: number;
  readonly json?: boolean;
  /** ms; without it the board must be there and answer now. */
  readonly wait?: number;
}

export interface ProvisionFlags extends Omit<PortFlags, "port"> {
  readonly port?: string;
  readonly profile: string;
  readonly id?: string;
  readonly fleet: string;
  readonly certs: string;
  readonly batch?: string;
  readonly verbose?: boolean;
}

const defaultBaud = 115_200;

/** All of them but --port, which a batch may have in its file. */
export function lineFlags(command: Command, json: string): Command {
  return command
    .option(
      "-b, --baud <RATE>",
      "bits per second",
      (text) => whole("--baud", text, 300, 4_000_000),
      defaultBaud,
    )
    .option("--wait <DURATION>", "how long to wait for the board to be there and answer, e.g. 30s", waitTime)
    .option("--json", json);
}

export function portFlags(command: Command, json = "one JSON object"): Command {
  return lineFlags(command.requiredOption("-p, --port <PORT>", portHelp), json);
}

export const portHelp = "/dev/ttyUSB0, COM3 or sim:NAME: see dormouse ports";

function waitTime(text: string): number {
  return duration("--wait", text, 100, 86_400_000);
}
