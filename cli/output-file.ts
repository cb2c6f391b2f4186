/** The files that a run writes for its user: checked before anything is started. */
import { accessSync, closeSync, constants, openSync, readSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { reportMark } from "../host-sim/report/page/page.js";
import { fileProblem, UsageError } from "./report.js";

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

/**
 * A report takes the place of an earlier one, and of nothing else.
 * @throws {UsageError} when it is something else, or one of the run's other files
 */
export function reportFile(path: string, others: readonly (string | null)[]): string {
  const file = outputFile("--report", path);
  try {
    accessSync(dirname(file), constants.W_OK);
  } catch (error) {
    throw new UsageError(`--report ${fileProblem(dirname(path), error)}`);
  }
  if (others.includes(file)) throw new UsageError("--report names the same file as another flag");
  if (statSync(file, { throwIfNoEntry: false })?.isFile() && !isReport(file))
    throw new UsageError(`--report ${path}: exists and is no report; remove it or name another file`);
  return file;
}

function isReport(path: string): boolean {
  const head = beginning(path, 1024);
  return head.length === 0 || head.toString("utf8").includes(reportMark);
}

/** pcap's magic number, in the byte order of the machine that wrote it. */
function isCapture(path: string): boolean {
  const head = beginning(path, 4);
  if (head.length === 0) return true;
  return head.length === 4 && (head.readUInt32LE() === 0xa1b2c3d4 || head.readUInt32BE() === 0xa1b2c3d4);
}

function beginning(path: string, bytes: number): Buffer {
  const head = Buffer.alloc(bytes);
  const file = openSync(path, "r");
  try {
    return head.subarray(0, readSync(file, head));
  } finally {
    closeSync(file);
  }
}
