/**
 * Secrets that an option names: `env:NAME`, `file:PATH`, `-` to be asked for it, or the secret itself, as people know it
 * from other clients and with a warning. A secret's value never appears in an error.
 */
import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { readSecret } from "../profile/references.js";
import { OperatorError } from "../report.js";

/** @param flag as the user wrote it, for errors and the warning */
export async function secretOf(flag: string, text: string): Promise<string> {
  if (text === "-") return asked(flag);
  if (/^(env|file):/.test(text)) return (await readSecret(flag, text, process.cwd()))!;
  warnOfLiteral(flag);
  return text;
}

export function warnOfLiteral(flag: string, instead = "write env:NAME, file:PATH or -"): void {
  // From here on the list of processes shows this instead of the arguments.
  process.title = "dormouse";
  console.error(
    `dormouse: ${flag}: a secret in an argument can be seen by others on this machine, and stays in the shell's history; ${instead}`,
  );
}

/** At a terminal without showing it; else the first line of standard input. */
async function asked(flag: string): Promise<string> {
  const { stdin } = process;
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: stdin, output: nowhere, terminal: stdin.isTTY });
  if (stdin.isTTY) process.stderr.write(`${flag} (not shown): `);
  const secret = await new Promise<string | undefined>((resolve) => {
    lines.once("line", resolve).once("close", () => resolve(undefined));
    lines.once("SIGINT", () => lines.close());
  });
  lines.close();
  if (stdin.isTTY) process.stderr.write("\n");
  else stdin.destroy();
  if (!secret) throw new OperatorError(`${flag}: nothing was entered`);
  return secret;
}
