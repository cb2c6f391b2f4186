/**
 * Writes to a keyring file: for its owner alone, whole or not at all, and one writer at a time. What is there already
 * stays, and an entry that the keyring could not use is not written.
 */
import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { KeyringError, parseKeyring, readKeyring } from "../../backend/keyring.js";
import { OpenToOthers } from "../../backend/secret-file.js";
import { printableLine } from "../mqtt/printable.js";
import { fileProblem, OperatorError, UsageError } from "../report.js";

const lockTries = 50;
const lockTryMs = 100;

/** As it stands in the file. */
export type KeyringJsonEntry = Readonly<Record<string, unknown>>;

interface KeyringJson {
  readonly schema: 1;
  readonly keys: readonly KeyringJsonEntry[];
}

/** What `readKeyring` threw. @param where before it, e.g. the flag */
export function keyringProblem(where: string, path: string, error: unknown): OperatorError | UsageError {
  const known = error instanceof KeyringError || error instanceof OpenToOthers;
  if (known) return new OperatorError(printableLine(`${where}${error.message}`));
  return new UsageError(printableLine(`${where}${fileProblem(path, error)}`));
}

/**
 * @throws {OperatorError} when the file is no keyring, is open to others, or has such an entry
 * @throws {UsageError} when it cannot be written
 */
export function appendToKeyring(flag: string, path: string, entry: object): Promise<void> {
  return editKeyring(flag, path, (keys) => [...keys, entry as KeyringJsonEntry]);
}

/**
 * The same with any change to its entries. What `edit` throws is thrown.
 * @throws as `appendToKeyring`
 */
export async function editKeyring(
  flag: string,
  path: string,
  edit: (keys: readonly KeyringJsonEntry[]) => readonly KeyringJsonEntry[],
): Promise<void> {
  try {
    const target = realPath(path);
    await locked(`${target}.lock`, () => {
      const before = contentOf(target);
      const text = `${JSON.stringify({ ...before, keys: edit(before.keys) }, null, 2)}\n`;
      checkTogether(target, text);
      replace(target, text);
    });
  } catch (error) {
    throw error instanceof OperatorError ? error : keyringProblem(`${flag} `, path, error);
  }
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function contentOf(path: string): KeyringJson {
  try {
    readKeyring(path).close();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { schema: 1, keys: [] };
    throw error;
  }
  return JSON.parse(readFileSync(path, "utf8")) as KeyringJson;
}

function checkTogether(path: string, text: string): void {
  try {
    parseKeyring(text).close();
  } catch (error) {
    throw error instanceof KeyringError ? new KeyringError(`${path}: ${error.message}`) : error;
  }
}

async function locked(lock: string, work: () => void): Promise<void> {
  for (let tries = 1; ; tries++)
    try {
      closeSync(openSync(lock, "wx", 0o600));
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      if (tries === lockTries)
        throw new OperatorError(`${lock} is there: if no other dormouse writes this keyring, remove it`);
      await delay(lockTryMs);
    }
  try {
    work();
  } finally {
    rmSync(lock);
  }
}

/** In one step, also when the power fails. */
function replace(path: string, text: string): void {
  const next = `${path}.new`;
  rmSync(next, { force: true });
  const file = openSync(next, "wx", 0o600);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } catch (error) {
    rmSync(next);
    throw error;
  } finally {
    closeSync(file);
  }
  renameSync(next, path);
  const folder = openSync(dirname(path), "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
