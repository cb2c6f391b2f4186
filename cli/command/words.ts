/** What the words behind a command's name mean. */
import { isCommandName, isScalar, maxArgs, type Scalar } from "../../lib/commands/command.js";
import { UsageError } from "../report.js";

const number = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

/** @throws {UsageError} for a name that no command can have */
export function nameOf(word: string): string {
  if (!isCommandName(word))
    throw new UsageError(`command "${word}": write 1 to 32 of a to z, 0 to 9, "." and "-"`);
  return word;
}

/** @throws {UsageError} for too many, and for what no argument can be */
export function argsOf(words: readonly string[]): readonly Scalar[] {
  if (words.length > maxArgs) throw new UsageError(`a command has at most ${maxArgs} arguments`);
  return words.map(argOf);
}

/** A number, true or false where it is JSON's; the text within double quotes; else the word itself. */
function argOf(word: string): Scalar {
  if (word === "true" || word === "false") return word === "true";
  const value = number.test(word) ? Number(word) + 0 : quoted(word);
  const isInexact = typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value);
  if (isInexact && /^-?\d+$/.test(word))
    throw new UsageError(`argument "${word}": a whole number beyond 2^53 - 1 is not sent exactly`);
  if (!isScalar(value))
    throw new UsageError(`argument "${word.slice(0, 40)}": a number is finite, a text has at most 128 bytes`);
  return value;
}

function quoted(word: string): string {
  if (!/^".*"$/s.test(word)) return word;
  try {
    const value: unknown = JSON.parse(word);
    return typeof value === "string" ? value : word;
  } catch {
    return word;
  }
}
