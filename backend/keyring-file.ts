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
import { KeyringError, parseKeyring, readKeyring } from "./keyring.js";

const lockTries = 250;
const lockTryMs = 20;

/** As it stands in the file. */
export type KeyringJsonEntry = Readonly<Record<string, unknown>>;

interface KeyringJson {
  readonly schema: 1;
  readonly keys: readonly KeyringJsonEntry[];
}

/**
 * @param path made with mode 0600 if there is nothing
 * @param edit what it throws is thrown; what it returns is checked and written, unless it is what it was given; the file of
 *   no entries is removed
 * @throws {KeyringError} when the file is no keyring, would be none, or another writer does not come to an end
 * @throws {OpenToOthers} when others than the owner may read it
 * @throws {Error} of the file system
 */
export async function editKeyringFile(
  path: string,
  edit: (keys: readonly KeyringJsonEntry[]) => readonly KeyringJsonEntry[],
): Promise<void> {
  const target = realPath(path);
  await locked(`${target}.lock`, () => {
    const before = contentOf(target);
    const keys = edit(before.keys);
    if (keys === before.keys) return;
    // A keyring of nothing is no keyring.
    if (keys.length === 0) return rmSync(target, { force: true });
    const text = `${JSON.stringify({ ...before, keys }, null, 2)}\n`;
    checkTogether(target, text);
    replace(target, text);
  });
}

/**
 * What is in the file; nothing when there is none.
 * @throws {KeyringError | OpenToOthers} as `editKeyringFile`
 */
export function keyringEntries(path: string): readonly KeyringJsonEntry[] {
  return contentOf(path).keys;
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
        throw new KeyringError(`${lock} is there: if no other dormouse writes this keyring, remove it`);
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
