/** Files that hold secrets: read only when nobody but their owner may. */
import { closeSync, fstatSync, openSync, readFileSync } from "node:fs";

/** Others than its owner may read the file, or write it. */
export class OpenToOthers extends Error {}

/**
 * @returns the content, which the caller zeroes
 * @throws {OpenToOthers}
 * @throws {Error} of the file system
 */
export function readSecretFile(path: string): Buffer {
  const file = openSync(path, "r");
  try {
    const { mode } = fstatSync(file);
    if (process.platform !== "win32" && (mode & 0o077) !== 0)
      throw new OpenToOthers(`${path} is open to others than its owner: chmod 600 ${path}`);
    return readFileSync(file);
  } finally {
    closeSync(file);
  }
}
