/** One builder at a time: test files run as processes of their own and may all ask for the same engine. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/**
 * Runs `work` while no other process does so with the same folder. A lock whose owner has died is taken over.
 * @template T
 * @param {string} folder which must exist; the lock is made in it
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function exclusively(folder, work) {
  const lock = join(folder, "lock");
  const owner = join(lock, "pid");
  for (let waits = 0; !take(lock, owner); waits++) {
    if (isDead(owner, waits)) rmSync(lock, { recursive: true, force: true });
    else await delay(50);
  }
  try {
    return await work();
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
}

/** @param {string} lock @param {string} owner */
function take(lock, owner) {
  try {
    mkdirSync(lock);
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === "EEXIST") return false;
    throw error;
  }
  writeFileSync(owner, String(process.pid));
  return true;
}

/** @param {string} owner @param {number} waits so far: an owner has 5 s to write its number */
function isDead(owner, waits) {
  let pid = 0;
  try {
    pid = Number(readFileSync(owner, "utf8"));
  } catch {}
  if (!pid) return waits > 100;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === "ESRCH";
  }
}
