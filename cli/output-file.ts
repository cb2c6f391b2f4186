/** The files that a run writes for its user: checked before anything is started. */
import { closeSync, openSync, readSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { UsageError } from "./report.js";

/**
 * @returns the absolute path, by the one name that the file has whatever links lead to it
 * @throws {UsageError} when it cannot be a file
 */
export function outputFile(flag: string, text: string): string {
  const path = resolve(text);
  const target = statSync(path, { throwIfNoEntry: false });
  if (target && !target.isFile() && !target.isCharacterDevice())
    throw new UsageError(`${flag} ${text}: is no file`);
  if (!statSync(dirname(path), { throwIfNoEntry: false })?.isDirectory())
    throw new UsageError(`${flag} ${text}: its folder does not exist`);
  return target ? realpathSync(path) : join(realpathSync(dirname(path)), basename(path));
}

/**
 * A capture is begun anew, so what is there already must be one, or empty.
 * @throws {UsageError} when it is something else, or the key log
 */
export function captureFile(flag: string, text: string, keylog: string | null): string {
  const path = outputFile(flag, text);
  if (path === keylog) throw new UsageError(`${flag} and --keylog name the same file`);
  if (statSync(path, { throwIfNoEntry: false })?.isFile() && !isCapture(path))
    throw new UsageError(`${flag} ${text}: exists and is no capture; remove it or name another file`);
  return path;
}

/** pcap's magic number, in the byte order of the machine that wrote it. */
function isCapture(path: string): boolean {
  const head = Buffer.alloc(4);
  const file = openSync(path, "r");
  try {
    const count = readSync(file, head);
    return count === 0 || head.readUInt32LE() === 0xa1b2c3d4 || head.readUInt32BE() === 0xa1b2c3d4;
  } finally {
    closeSync(file);
  }
}
