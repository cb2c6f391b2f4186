/** Writes to the keyring that a command line names, and says in one line why that cannot be done. */
import { KeyringError } from "../../backend/keyring.js";
import { editKeyringFile, type KeyringJsonEntry } from "../../backend/keyring-file.js";
import { OpenToOthers } from "../../backend/secret-file.js";
import { printableLine } from "../mqtt/printable.js";
import { fileProblem, OperatorError, UsageError } from "../report.js";

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
    await editKeyringFile(path, edit);
  } catch (error) {
    throw error instanceof OperatorError ? error : keyringProblem(`${flag} `, path, error);
  }
}
