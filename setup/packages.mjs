/** Installs the npm packages of the lock file, when they are not there or the lock file has changed. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { progress, root, run, SetupError } from "./steps.mjs";

const stamp = `${root}node_modules/.dormouse-lock`;

export async function packages() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major < 20 || (major === 20 && minor < 12))
    throw new SetupError(`Node.js 20.12 or newer is needed, this is ${process.versions.node}`);
  if (!existsSync(`${root}package-lock.json`)) return; // installed as a package: npm has done it
  const lock = createHash("sha256")
    .update(readFileSync(`${root}package-lock.json`))
    .digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === lock) return;
  progress("npm packages …");
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  try {
    await run(npm, ["ci", "--no-audit", "--no-fund", "--loglevel=error", "--fetch-retries=1"]);
  } catch (error) {
    const offline = /EAI_AGAIN|ENOTFOUND|ECONNREFUSED|ENETUNREACH|ETIMEDOUT/.test(String(error));
    if (!offline) throw error;
    throw new SetupError(
      "the first run needs the network: npm cannot reach its registry (is a proxy missing?)",
    );
  }
  writeFileSync(stamp, lock);
}
