/**
 * An authority's list of revoked certificates, ca/crl.pem: made with the authority, so that a broker can be told of it from
 * the first day, and put in the place of the one before in one step. One writer at a time.
 */
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { authorityFiles, openIssuing } from "./authority.js";
import { issueCrl, type RevocationList, readCrl } from "./crl.js";
import { fromPem, pem } from "./pem.js";
import { slowClockMs } from "./validity.js";

const lockTries = 250;
const lockTryMs = 20;

/**
 * What is revoked by now.
 * @throws {RangeError} when the folder holds no issuing CA, or the list is not its own
 */
export async function revokedBy(folder: string): Promise<RevocationList> {
  const issuing = await openIssuing(folder);
  const path = authorityFiles(folder).crl;
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    // Of an authority that was made before there were any.
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (text === undefined) return { number: 0, thisUpdateMs: 0, revoked: [] };
  const [list, ...more] = fromPem("X509 CRL", text);
  try {
    if (!list || more.length > 0) throw new RangeError("is no list of revoked certificates");
    return await readCrl(issuing, list);
  } catch (error) {
    throw error instanceof RangeError ? new RangeError(`${path}: ${error.message}`) : error;
  }
}

/**
 * Puts certificates on the list, beside those that are there. A list is written even when all of them are on it.
 * @param serials hex, small letters
 * @param nowMs since 1970
 * @throws {RangeError} as `revokedBy`, or when another writer does not come to an end
 */
export async function revoke(
  folder: string,
  serials: readonly string[],
  nowMs: number,
): Promise<RevocationList> {
  const path = authorityFiles(folder).crl;
  return locked(`${path}.lock`, async () => {
    const before = await revokedBy(folder);
    const known = new Set(before.revoked.map(({ serial }) => serial));
    const come = [...new Set(serials)].filter((serial) => !known.has(serial));
    const seconds = Math.floor(nowMs / 1000);
    const list: RevocationList = {
      // By the clock: also when the file was lost, it is beyond the lost one's.
      number: Math.max(before.number + 1, seconds),
      // OpenSSL, given both, takes the newer one by its seconds.
      thisUpdateMs: Math.max(before.thisUpdateMs + 1000, seconds * 1000 - slowClockMs),
      revoked: [...before.revoked, ...come.map((serial) => ({ serial, atMs: seconds * 1000 }))],
    };
    const next = `${path}.new`;
    await rm(next, { force: true });
    await writeFile(next, pem("X509 CRL", await issueCrl(await openIssuing(folder), list)), {
      mode: 0o644,
      flush: true,
    });
    await rename(next, path);
    return list;
  });
}

async function locked<T>(lock: string, work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++)
    try {
      await writeFile(lock, "", { flag: "wx", mode: 0o600 });
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      if (tries === lockTries)
        throw new RangeError(`${lock} is there: if no other dormouse revokes certificates, remove it`);
      await delay(lockTryMs);
    }
  try {
    return await work();
  } finally {
    await rm(lock);
  }
}
