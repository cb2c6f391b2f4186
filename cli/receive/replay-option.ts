/** `--replay`: where what was seen already is remembered: in a file, or in a PostgreSQL for receivers on several machines. */
import { PostgresReplayStore } from "../../backend/replay/postgres.js";
import { postgresAddress } from "../../backend/replay/postgres-address.js";
import type { ReplayStore } from "../../backend/replay/replay-store.js";
import { SqliteReplayStore } from "../../backend/replay/sqlite.js";
import { printableLine } from "../mqtt/printable.js";
import { OperatorError, UsageError } from "../report.js";

/**
 * @param where a path, `:memory:`, or where a PostgreSQL is; undefined: beside the keyring
 * @throws {UsageError | OperatorError} in one line, without the URL, which may hold a password
 */
export async function openReplay(where: string | undefined, keyringPath: string): Promise<ReplayStore> {
  const path = where ?? `${keyringPath}.replay`;
  if (where === undefined || !/^(env|file|pg|postgres(ql)?):/i.test(path))
    return opened(path, async () => new SqliteReplayStore(path));
  const connectionString = addressOf(path);
  const isUrl = path.includes("://");
  return opened(isUrl ? "PostgreSQL" : path, () =>
    PostgresReplayStore.open({ ...(connectionString !== undefined && { connectionString }) }),
  );
}

function addressOf(reference: string): string | undefined {
  try {
    return postgresAddress(reference);
  } catch (error) {
    const line = `--replay: ${printableLine((error as Error).message)}`;
    throw /^(env|file):/.test(reference) ? new OperatorError(line) : new UsageError(line);
  }
}

async function opened(name: string, open: () => Promise<ReplayStore>): Promise<ReplayStore> {
  try {
    return await open();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const words = code === "ENOENT" ? "no such folder" : message;
    const hint = code === "ECONNREFUSED" ? "; check that PostgreSQL listens there" : "";
    throw new OperatorError(`--replay ${printableLine(`${name.replace(/:$/, "")}: ${words}${hint}`)}`);
  }
}
