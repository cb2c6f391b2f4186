/** What the fleet's keyring knows of a device's secret. */
import { readFileSync } from "node:fs";
import type { DeviceEpoch } from "../../backend/fleet/register.js";
import { readKeyring } from "../../backend/keyring.js";
import type { KeyringJsonEntry } from "../../backend/keyring-file.js";
import { keyringProblem } from "../keys/keyring-file.js";

/**
 * @returns 32 bytes, the caller's to zero; undefined when it has none of that epoch
 * @throws {OperatorError} when the keyring is none, or open to others
 */
export function knownSecret(path: string, { id, epoch }: DeviceEpoch): Uint8Array | undefined {
  let keys: readonly KeyringJsonEntry[];
  try {
    // It judges the file and who may read it.
    readKeyring(path).close();
    ({ keys } = JSON.parse(readFileSync(path, "utf8")) as { keys: readonly KeyringJsonEntry[] });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw keyringProblem("", path, error);
  }
  const entry = keys.find(
    (one) => one.device === id && one.epoch === epoch && typeof one.secret === "string",
  );
  return entry && new Uint8Array(Buffer.from(entry.secret as string, "hex"));
}
