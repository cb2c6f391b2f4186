/** Runs the command in this process, for what neither streams nor asks: a process of its own takes half a second. */
import { mock } from "node:test";
import { run } from "../../cli/program.js";
import type { Ran } from "./command.js";

/** One at a time, and with absolute paths: the working folder is the tests'. */
export async function inProcess(words: readonly string[]): Promise<Ran> {
  const [stdout, stderr]: string[][] = [[], []];
  const log = mock.method(console, "log", (line: string) => stdout!.push(`${line}\n`));
  const error = mock.method(console, "error", (line: string) => stderr!.push(`${line}\n`));
  try {
    return { code: await run(words), stdout: stdout!.join(""), stderr: stderr!.join("") };
  } finally {
    log.mock.restore();
    error.mock.restore();
  }
}
