/** Where the PostgreSQL server is, as an operator gives it on a command line: without a password that others can see there. */
import { readSecretFile } from "../secret-file.js";

/**
 * @param reference `env:NAME` or `file:PATH` (of mode 0600), which hold a URL; a URL without a password; or `pg:`, for
 *   what PGHOST, PGUSER, PGPASSWORD and so on, and ~/.pgpass say
 * @returns the URL; undefined for `pg:`
 * @throws {Error} in one line that does not quote what it read
 */
export function postgresAddress(
  reference: string,
  env: Readonly<Record<string, string | undefined>> = process.env,
): string | undefined {
  if (reference === "pg:") return undefined;
  if (reference.startsWith("env:")) {
    const name = reference.slice("env:".length);
    const value = env[name];
    if (!value) throw new Error(`the environment has no ${name}`);
    return safeUrl(checkedUrl(value, `in ${name}`));
  }
  if (reference.startsWith("file:")) {
    const path = reference.slice("file:".length);
    const text = readSecretFile(path);
    try {
      return safeUrl(checkedUrl(text.toString("utf8").trim(), `in ${path}`));
    } finally {
      text.fill(0);
    }
  }
  const url = checkedUrl(reference, "as given");
  const { password, searchParams } = new URL(url);
  if (password !== "" || searchParams.has("password"))
    throw new Error(
      "a password in an argument is for all to see: give env:NAME or file:PATH with the URL in it",
    );
  return safeUrl(url);
}

/** Who answers in the server's place could call every replay fresh: over a network, TLS or the word that none is wanted. */
function safeUrl(text: string): string {
  const { hostname, searchParams } = new URL(text);
  const host = searchParams.get("host") ?? hostname;
  const isLocal = host === "" || /^(\/|%2f|localhost$|127(\.\d+){3}$|\[::1\]$)/i.test(host);
  if (isLocal || searchParams.has("sslmode")) return text;
  throw new Error(
    "PostgreSQL on another machine: add ?sslmode=verify-full to its URL (or disable, which you mean then)",
  );
}

function checkedUrl(text: string, where: string): string {
  if (!URL.canParse(text) || !/^postgres(ql)?:\/\//.test(text))
    throw new Error(`the address of PostgreSQL ${where} is no URL such as postgresql://user@host/database`);
  return text;
}
