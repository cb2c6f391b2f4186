/**
 * Where simulated devices have their serial ports: for each a link, called as the device is, to the pseudo-terminal's end
 * that others open, in a folder of the user's alone.
 */
import { readdirSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";

function portsFolder(): string {
  return join(tmpdir(), `dormouse-${process.getuid?.() ?? userInfo().username}`);
}

/** @returns the path that a serial port library opens, whether a device of that name runs or not */
export function simulatedPort(name: string): string {
  return join(portsFolder(), name);
}

/** The names of those that are there. */
export function simulatedPorts(): string[] {
  try {
    return readdirSync(portsFolder()).sort();
  } catch {
    return [];
  }
}
