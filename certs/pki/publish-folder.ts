/**
 * Writes a set of files that belong together as one new folder: all of it appears, or nothing does.
 * The files are written and synced under a temporary name beside the target, which a rename then publishes.
 * An existing folder is refused unless `replace` is given. Private files are 0600 from their first byte.
 */
import { randomBytes } from "node:crypto";
import { type FileHandle, mkdir, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

export interface NewFile {
  readonly name: string;
  readonly content: string | Uint8Array;
  /** Private files get mode 0600, others 0644. */
  readonly isPrivate: boolean;
}

export class FolderExists extends Error {
  constructor(readonly folder: string) {
    super(`${folder} already exists`);
    this.name = "FolderExists";
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? "";
}

async function synced(path: string, flags: string, mode: number, use: (file: FileHandle) => Promise<void>) {
  const file = await open(path, flags, mode);
  try {
    await use(file);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** rename(2) onto a folder fails unless that folder is empty: the check and the act are one step. */
async function renameOnto(from: string, to: string, replace: boolean): Promise<void> {
  try {
    await rename(from, to);
    return;
  } catch (error) {
    if (!["ENOTEMPTY", "EEXIST", "ENOTDIR"].includes(codeOf(error))) throw error;
    if (!replace) throw new FolderExists(to);
  }
  // The old folder is kept until the new one is in place.
  const aside = `${from}.old`;
  await rename(to, aside);
  try {
    await rename(from, to);
  } catch (error) {
    await rename(aside, to);
    throw error;
  }
  await rm(aside, { recursive: true, force: true });
}

/**
 * @param folder made with mode 0700; folders above it are made as needed
 * @throws {FolderExists} when it is there (also an empty file of that name) and `replace` is false
 */
export async function publishFolder(
  folder: string,
  files: readonly NewFile[],
  replace: boolean,
): Promise<void> {
  const parent = dirname(folder);
  await mkdir(parent, { recursive: true, mode: 0o700 });
  const draft = join(parent, `.${basename(folder)}.${randomBytes(6).toString("hex")}`);
  try {
    await mkdir(draft, { mode: 0o700 });
    for (const { name, content, isPrivate } of files)
      await synced(join(draft, name), "wx", isPrivate ? 0o600 : 0o644, (file) => file.writeFile(content));
    await renameOnto(draft, folder, replace);
    await synced(parent, "r", 0, async () => {});
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}
