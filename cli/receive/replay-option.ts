/** `--replay`: where what was seen already is remembered, in a file or in a PostgreSQL for receivers on several machines. */
import type { ReplayStore } from "../../backend/replay/replay-store.js";
import { SqliteReplayStore } from "../../backend/replay/sqlite.js";
import { printableLine } from "../mqtt/printable.js";
import { readSecret } from "../profile/references.js";
import { OperatorError, UsageError } from "../report.js";

/**
 * @param where a path, `:memory:`, or a reference to a URL; undefined: beside the keyring
 * @throws {UsageError | OperatorError} in one line, without the URL, which may hold a password
 */
export async function openReplay(where: string | undefined, keyringPath: string): Promise<ReplayStore> {
  const path = where ?? `${keyringPath}.replay`;
  if (/^postgres(ql)?:/i.test(path))
    throw new UsageError("--replay: a URL may hold a password: write env:NAME or file:PATH");
  if (!/^(env|file):/.test(path)) return opened(path, async () => new SqliteReplayStore(path));
  const url = (await readSecret("--replay", path, process.cwd()))!;
  if (!/^postgres(ql)?:\/\//i.test(url))
    throw new OperatorError(`--replay ${path}: holds no postgresql:// URL`);
  throw new OperatorError("--replay: PostgreSQL is not there yet");
}

async function opened(name: string, open: () => Promise<ReplayStore>): Promise<ReplayStore> {
  try {
    return await open();
  } catch (error) {
    throw new OperatorError(`--replay ${printableLine(`${name}: ${(error as Error).message}`)}`);
  }
}
