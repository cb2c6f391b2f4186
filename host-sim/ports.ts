/**
 * Where the serial ports of simulated devices are found by name: links in a folder of the user's own, one for each
 * device that runs. `sim:NAME` of the command line is the link NAME there.
 */
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const namePattern = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;

/** What the name may be, for a message. */
export const portNameRule = "letters, digits, - and _, 64 at most";

export function isPortName(name: string): boolean {
  return namePattern.test(name);
}

function folder(): string {
  return join(tmpdir(), `dormouse-${process.getuid?.() ?? 0}`);
}

/** The folder is nobody else's: who could write there could have secrets sent to a port of his. */
function isMine(path: string): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  const uid = process.getuid?.() ?? stat?.uid;
  return stat?.isDirectory() === true && stat.uid === uid && (stat.mode & 0o077) === 0;
}

function notMine(): string {
  return `${folder()} must be yours alone (mode 0700): remove it`;
}

function ownerFile(name: string): string {
  return join(folder(), `${name}.pid`);
}

/** Whether the process that runs the device is there: a terminal's number is given to others soon. */
function isRunning(name: string): boolean {
  try {
    process.kill(Number(readFileSync(ownerFile(name), "utf8")), 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Whether a running device has its port there, plugged in. */
function isPort(name: string): boolean {
  const path = join(folder(), name);
  return isPortName(name) && isRunning(name) && existsSync(path) && statSync(path).isCharacterDevice();
}

/**
 * @returns the path that a serial port library opens; whether a device is there now, opening it says
 * @throws {Error} when the folder is somebody else's
 */
export function simulatedPort(name: string): string {
  const path = join(folder(), name);
  // A link that leads nowhere yet is somebody's too.
  if (lstatSync(folder(), { throwIfNoEntry: false }) && !isMine(folder())) throw new Error(notMine());
  // What a device left behind that was killed leads to a terminal that may be another's by now.
  if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() && !isRunning(name)) unlinkSync(path);
  return path;
}

/** The names of all that can be opened now. */
export function simulatedPorts(): string[] {
  if (!isMine(folder())) return [];
  return readdirSync(folder()).filter(isPort).sort();
}

/** Removes what devices left behind that were killed. */
function sweep(): void {
  for (const file of readdirSync(folder())) {
    const name = file.replace(/\.pid$/, "");
    if (isPortName(name) && !isRunning(name)) rmSync(join(folder(), file), { force: true });
  }
}

export interface PortLink {
  /** Where the engine is to make its link. */
  readonly path: string;
  /** Removes all that there is of it; also when the process exits. */
  release(): void;
}

/**
 * Takes a name for a device of this process.
 * @throws {Error} when a device of that name runs, or the folder is somebody else's
 */
export function takePort(name: string): PortLink {
  mkdirSync(folder(), { mode: 0o700, recursive: true });
  if (!isMine(folder())) throw new Error(notMine());
  sweep();
  const path = join(folder(), name);
  const owner = ownerFile(name);
  for (let attempt = 0; ; attempt++)
    try {
      writeFileSync(owner, `${process.pid}\n`, { mode: 0o600, flag: "wx" });
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      if (isRunning(name) || attempt > 0) throw new Error(`sim:${name} runs already`);
      rmSync(owner, { force: true });
    }
  const release = () => {
    process.removeListener("exit", release);
    if (lstatSync(path, { throwIfNoEntry: false })) unlinkSync(path);
    rmSync(owner, { force: true });
  };
  process.once("exit", release);
  return { path, release };
}
