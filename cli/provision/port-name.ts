/** What --port takes: a serial port's path or name, or `sim:NAME` for a simulated device on this machine. */
import { isPortName, simulatedPort } from "../../host-sim/ports.js";
import { UsageError } from "../report.js";

const simulated = "sim:";

/**
 * @returns the path that serialport opens; whether anything is there, opening it says
 * @throws {UsageError} for what is no name of a simulated device
 */
export function portPath(name: string): string {
  if (!isSimulated(name)) return name;
  const device = name.slice(simulated.length);
  if (!isPortName(device))
    throw new UsageError(`--port "${name}": write sim:NAME, as "dormouse ports" lists them`);
  return simulatedPort(device);
}

export function isSimulated(name: string): boolean {
  return name.startsWith(simulated);
}
