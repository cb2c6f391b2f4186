/** A file that holds a secret: for its owner alone, and never over another, which may be the only copy of one. */
import { closeSync, fsyncSync, openSync, rmSync, writeFileSync } from "node:fs";
import { fileProblem, UsageError } from "../report.js";

/** @throws {UsageError} when it is there already, or cannot be written */
export function writeNewFile(flag: string, path: string, content: string | Uint8Array): void {
  let file: number;
  try {
    file = openSync(path, "wx", 0o600);
  } catch (error) {
    const exists = (error as NodeJS.ErrnoException).code === "EEXIST";
    throw new UsageError(`${flag} ${exists ? `${path}: is there already` : fileProblem(path, error)}`);
  }
  try {
    writeFileSync(file, content);
    fsyncSync(file);
  } catch (error) {
    rmSync(path, { force: true });
    throw new UsageError(`${flag} ${fileProblem(path, error)}`);
  } finally {
    closeSync(file);
  }
}
