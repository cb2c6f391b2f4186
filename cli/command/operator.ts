/** Reads the operator's private key: PEM, from a file, the environment or standard input, never from an argument. */
import { buffer } from "node:stream/consumers";
import { nodeCrypto } from "../../backend/node-crypto.js";
import type { OperatorKey } from "../../lib/sealed/operator.js";
import { readSecretBytes } from "../profile/references.js";
import { OperatorError, UsageError } from "../report.js";

const maxKidBytes = 32;
const pem = /-----BEGIN (EC )?PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END (EC )?PRIVATE KEY-----/;

/**
 * @returns undefined without either option; the caller closes the key
 * @throws {UsageError} for one without the other, and for a reference that is none, which is not repeated
 * @throws {OperatorError} when it leads to no P-256 private key
 */
export async function operatorOf(
  reference: string | undefined,
  kid: string | undefined,
): Promise<OperatorKey | undefined> {
  if (reference === undefined && kid === undefined) return undefined;
  if (reference === undefined || kid === undefined)
    throw new UsageError("--operator-key and --operator-kid go together");
  const kidBytes = new Uint8Array(Buffer.from(kid));
  if (kidBytes.length === 0 || kidBytes.length > maxKidBytes)
    throw new UsageError(`--operator-kid: write 1 to ${maxKidBytes} bytes, as in the device's profile`);
  if (reference !== "-" && !/^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$/s.test(reference))
    throw new UsageError(
      "--operator-key: write file:PATH, env:NAME or - (standard input), never the key itself",
    );
  const text =
    reference === "-"
      ? await buffer(process.stdin)
      : await readSecretBytes("--operator-key", reference, process.cwd());
  const der = Buffer.from(pem.exec(text.toString("latin1"))?.[2] ?? "", "base64");
  try {
    return { kid: kidBytes, key: nodeCrypto.importSigningKey(der) };
  } catch {
    throw new OperatorError(
      "--operator-key: a P-256 private key in PEM (PKCS #8 or SEC 1, not encrypted) is needed",
    );
  } finally {
    der.fill(0);
    text.fill(0);
  }
}
