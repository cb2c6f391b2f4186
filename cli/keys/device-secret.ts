/** Reads a device's secret: 64 hex digits, from a file, the environment or standard input, never from an argument. */
import { buffer } from "node:stream/consumers";
import { readSecretBytes } from "../profile/references.js";
import { OperatorError, UsageError } from "../report.js";

/** @throws {UsageError} unless it is an id as profiles/dormouse.schema.json has it */
export function checkDeviceId(flag: string, id: string): void {
  if (!/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/.test(id))
    throw new UsageError(`${flag}: write 1 to 64 letters, digits, ".", "_" or "-", not beginning with a dot`);
}

/**
 * @param flag names the flag in errors
 * @param reference `file:PATH`, `env:NAME`, or `-` for standard input
 * @returns 32 bytes, the caller's to zero
 * @throws {UsageError} for something else, which is not repeated: it may be the secret
 * @throws {OperatorError} when what is there is no secret, or a file that others may read
 */
export async function deviceSecret(flag: string, reference: string, folder: string): Promise<Uint8Array> {
  if (reference !== "-" && !/^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$/s.test(reference))
    throw new UsageError(`${flag}: write file:PATH, env:NAME or - (standard input), never the secret itself`);
  const read =
    reference === "-" ? await buffer(process.stdin) : await readSecretBytes(flag, reference, folder);
  const digits = read.toString("latin1").replace(/\r?\n$/, "");
  read.fill(0);
  if (!/^[0-9A-Fa-f]{64}$/.test(digits))
    throw new OperatorError(`${flag}: a device's secret is 64 hex digits, and nothing else`);
  return new Uint8Array(Buffer.from(digits, "hex"));
}
