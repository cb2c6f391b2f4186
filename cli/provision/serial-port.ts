/**
 * Opens a serial port by the npm package serialport, real or a simulated device's pseudo-terminal, 8N1, with DTR and RTS
 * inactive: on most boards the two together drive reset and the ROM loader. Every failure is one line with what to do.
 */
import { existsSync, realpathSync } from "node:fs";
import type { SerialPort } from "serialport";
import { isSimulated, portPath } from "./port-name.js";

export interface PortEvents {
  received(bytes: Uint8Array): void;
  /** The board was unplugged, or the simulated device ended. Not after `close()`. */
  gone(): void;
}

export interface OpenPort {
  send(bytes: Uint8Array): void;
  /** Resolves when what was sent is out and the port is free for others; also when it has gone. */
  close(): Promise<void>;
}

/** The message is for the operator. */
export class PortError extends Error {
  override name = "PortError";
  /** Whether it may be there, or free, a little later. */
  readonly comesYet: boolean;

  constructor(message: string, comesYet: boolean) {
    super(message);
    this.comesYet = comesYet;
  }
}

const lookMs = 500;

/**
 * @param name as --port has it: `/dev/ttyUSB0`, `COM3`, `sim:NAME`
 * @throws {PortError} when it cannot be opened
 */
export async function openPort(name: string, baudRate: number, events: PortEvents): Promise<OpenPort> {
  const path = portPath(name);
  // Its prebuilt binary is loaded by the commands that open a port, and no others.
  const { SerialPort } = await import("serialport");
  const port = new SerialPort({ path, baudRate, hupcl: false, autoOpen: false });
  const call = (work: (done: (error: Error | null) => void) => void): Promise<void> =>
    new Promise((resolve, reject) => work((error) => (error ? reject(error) : resolve())));
  // What breaks later comes as "close" too.
  port.on("error", () => {});
  try {
    await call((done) => port.open(done));
  } catch (error) {
    throw openingProblem(name, (error as Error).message);
  }
  await linesInactive(port, call, name);
  // Nobody hears of what happens before the caller has what is returned: the handlers come last.
  if (!port.isOpen) throw new PortError(missing(name), true);
  let closing = false;
  const gone = (): void => {
    clearInterval(watch);
    if (!closing) events.gone();
    closing = true;
  };
  const watch = watched(path, gone);
  port.on("close", gone);
  port.on("data", (bytes: Buffer) => events.received(bytes));
  return {
    send(bytes) {
      if (port.isOpen) port.write(bytes);
    },
    async close() {
      closing = true;
      clearInterval(watch);
      if (!port.isOpen) return;
      await call((done) => port.drain(done)).catch(() => {});
      await call((done) => port.close(done)).catch(() => {});
    },
  };
}

/** A hang-up that comes while serialport is not looking is not told by it: a device's file that has gone says it too. */
function watched(path: string, gone: () => void): NodeJS.Timeout | undefined {
  if (!path.startsWith("/")) return undefined;
  const device = existsSync(path) ? realpathSync(path) : path;
  return setInterval(() => existsSync(device) || gone(), lookMs).unref();
}

type Call = (work: (done: (error: Error | null) => void) => void) => Promise<void>;

/** Both in one call: between two, one of them alone would be active, which resets the board or starts its loader. */
async function linesInactive(port: SerialPort, call: Call, name: string): Promise<void> {
  try {
    await call((done) => port.set({ dtr: false, rts: false }, done));
  } catch (error) {
    const { message } = error as Error;
    // A pseudo-terminal has no such lines.
    if (/Inappropriate ioctl|Invalid argument|not supported/i.test(message)) return;
    if (port.isOpen) await call((done) => port.close(done)).catch(() => {});
    throw new PortError(
      `${name} does not let DTR and RTS go: ${message}; try another cable or USB port`,
      false,
    );
  }
}

/** serialport gives no codes: its message holds the system's words. */
function openingProblem(name: string, message: string): PortError {
  if (/No such file|File not found|No such device/i.test(message)) return new PortError(missing(name), true);
  if (/Permission denied/i.test(message))
    return new PortError(
      `${name} may not be opened by you: join its group (see "ls -l"; on Debian "sudo usermod -aG dialout $USER"), and log in anew`,
      false,
    );
  if (/Cannot lock port|Access denied|Resource busy|temporarily unavailable/i.test(message))
    return new PortError(
      `${name} is in use by another program: end its monitor, or whatever else has it open`,
      true,
    );
  if (/Inappropriate ioctl|Is a directory|Not a typewriter/i.test(message))
    return new PortError(`${name} is no serial port: "dormouse ports" lists those that are`, false);
  return new PortError(`${name} cannot be opened: ${message.replace(/^Error:? /, "")}`, true);
}

function missing(name: string): string {
  return isSimulated(name)
    ? `${name} is not there: no simulated device of that name runs; "npm run sim -- --unprovisioned" starts one, "dormouse ports" lists those that run`
    : `${name} is not there: plug the board in, by a cable that carries data; "dormouse ports" lists what is there`;
}
