/** What the words behind a command's name mean. */
import { readFile } from "node:fs/promises";
import { fromPem } from "../../certs/pki/pem.js";
import {
  type Argument,
  crlName,
  isCommandName,
  isScalar,
  maxArgs,
  maxCrlBytes,
  type Scalar,
} from "../../lib/commands/command.js";
import { fileProblem, OperatorError, UsageError } from "../report.js";

const number = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

/** @throws {UsageError} for a name that no command can have */
export function nameOf(word: string): string {
  if (!isCommandName(word))
    throw new UsageError(`command "${word}": write 1 to 32 of a to z, 0 to 9, "." and "-"`);
  return word;
}

/**
 * The words of two commands are read otherwise: `crl` has its list from a file, `keys` a salt that is text whatever it
 * looks like.
 * @throws {UsageError} for too many, and for what no argument can be
 * @throws {OperatorError} for a file that holds no list
 */
export async function argumentsOf(name: string, words: readonly string[]): Promise<readonly Argument[]> {
  if (name === crlName) return crlArguments(words);
  if (name !== "keys") return argsOf(words);
  const [epoch, salt, ...more] = words;
  if (epoch === undefined || salt === undefined || more.length > 0 || !/^([0-9a-f]{2}){16,64}$/.test(salt))
    throw new UsageError("command keys: write an epoch and a salt of 32 to 128 hex digits, small letters");
  return [...argsOf([epoch]), salt];
}

async function crlArguments(words: readonly string[]): Promise<readonly Argument[]> {
  const [number, path, issuerPath, ...more] = words;
  if (number === undefined || path === undefined || more.length > 0)
    throw new UsageError(
      "command crl: write the list's number, its file, and that of its issuer's certificate",
    );
  const list = await derOf("X509 CRL", path, "no certificate revocation list");
  const issuer = issuerPath === undefined ? [] : [await derOf("CERTIFICATE", issuerPath, "no certificate")];
  const length = list.length + (issuer[0]?.length ?? 0);
  if (length > maxCrlBytes)
    throw new OperatorError(
      `${path}: a device takes at most ${maxCrlBytes} bytes in DER, its issuer's certificate included`,
    );
  return [...argsOf([number]), list, ...issuer];
}

/** The first of the file, in PEM or DER. */
async function derOf(label: "X509 CRL" | "CERTIFICATE", path: string, none: string): Promise<Uint8Array> {
  const sequence = 0x30;
  const bytes = await readFile(path).catch((error: unknown) => {
    throw new UsageError(fileProblem(path, error));
  });
  if (bytes[0] === sequence) return new Uint8Array(bytes);
  const [der] = fromPem(label, bytes.toString("latin1"));
  if (der) return der;
  throw new OperatorError(`${path}: holds ${none}, in PEM or DER`);
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
