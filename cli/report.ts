/**
 * How a command ends badly: one line on standard error and an exit code. 1: it failed; 2: it was called wrongly.
 * A stack trace is shown only with DEBUG=dormouse.
 */

/** The command line is wrong: a flag, a value, or a file it names that cannot be read. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** The command was understood and could not be done. The message is for the operator and holds no secret. */
export class OperatorError extends Error {
  override name = "OperatorError";
}

const systemReasons: { readonly [code: string]: string } = {
  ENOENT: "no such file or folder",
  EACCES: "permission denied",
  EPERM: "not permitted",
  EISDIR: "is a folder",
  ENOTDIR: "a part of the path is no folder",
  ENOSPC: "no space left",
  EROFS: "read-only file system",
};

/** What went wrong with `path`, in words. */
export function fileProblem(path: string, error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return `${path}: ${systemReasons[code ?? ""] ?? message}`;
}

function oneLine(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { path, code } = error as NodeJS.ErrnoException;
  return path !== undefined && code !== undefined ? fileProblem(path, error) : error.message || error.name;
}

/** Prints the error's line. @returns the exit code */
export function report(error: unknown): 1 | 2 {
  if (/\bdormouse\b/.test(process.env.DEBUG ?? "")) console.error(error);
  else console.error(`dormouse: ${oneLine(error).replace(/\s*\n\s*/g, " ")}`);
  return error instanceof UsageError ? 2 : 1;
}
