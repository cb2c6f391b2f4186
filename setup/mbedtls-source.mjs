/**
 * Finds the mbedTLS 3.6 sources: a tree the user names (MBEDTLS=), or upstream's tarball, whose checksum is
 * checked before anything is unpacked. Debian carries the same tarball, so a machine that knows only a Debian
 * mirror needs no other host.
 */
import { createHash } from "node:crypto";
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { delimiter, join } from "node:path";
import { aptSource } from "./apt-source.mjs";
import { build, run, SetupError } from "./steps.mjs";

const version = "3.6.6";
const sha256 = "8fb65fae8dcae5840f793c0a334860a411f884cc537ea290ce1c52bb64ca007a";
const release = `https://github.com/Mbed-TLS/mbedtls/releases/download/mbedtls-${version}/mbedtls-${version}.tar.bz2`;
const home = join(build, "mbedtls");

/** @param {string} tool */
function has(tool) {
  return (process.env.PATH ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, tool), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** @param {string} path */
function checksum(path) {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

/** @param {string} folder where the file may be put */
async function fromUpstream(folder) {
  const response = await fetch(release, { signal: AbortSignal.timeout(60_000) });
  if (!response.ok) throw new SetupError(`${release}: HTTP ${response.status}`);
  const path = join(folder, "upstream.tar.bz2");
  writeFileSync(path, new Uint8Array(await response.arrayBuffer()));
  return path;
}

/** @param {string} folder */
function fromDebian(folder) {
  return aptSource({ name: "mbedtls", suite: "trixie", folder: join(folder, "apt"), timeoutSeconds: 120 });
}

/**
 * @param {string} tarball where it shall lie
 * @param {string} scratch
 */
async function download(tarball, scratch) {
  const ways = has("apt-get") && has("timeout") ? [fromDebian, fromUpstream] : [fromUpstream];
  const reasons = [];
  for (const way of ways) {
    try {
      const path = await way(scratch);
      const found = checksum(path);
      if (found !== sha256) throw new SetupError(`wrong checksum ${found}`);
      renameSync(path, tarball);
      return;
    } catch (error) {
      const { message, cause } = /** @type {Error} */ (error);
      const why = cause instanceof Error ? `${message}: ${cause.message}` : message;
      reasons.push(why.trim().split("\n").at(-1));
    }
  }
  throw new SetupError(
    `cannot get mbedTLS ${version} (${reasons.join("; ")}): put mbedtls-${version}.tar.bz2 at ${tarball}, or name an unpacked tree with MBEDTLS=`,
  );
}

/**
 * @param {{ progress: (text: string) => void }} options
 * @returns {Promise<string>} an unpacked source tree
 */
export async function mbedtlsSource({ progress }) {
  const named = process.env.MBEDTLS;
  if (named) {
    if (!existsSync(join(named, "include/mbedtls/ssl.h")))
      throw new SetupError(`MBEDTLS=${named} is no mbedTLS source tree`);
    return named;
  }
  const tree = join(home, `source-${version}`);
  if (existsSync(tree)) return tree;
  for (const tool of ["tar", "bzip2"])
    if (!has(tool)) throw new SetupError(`${tool} is missing: install it and try again`);
  const scratch = join(home, `.fetch-${process.pid}`);
  mkdirSync(scratch, { recursive: true });
  try {
    const tarball = join(home, `mbedtls-${version}.tar.bz2`);
    if (!existsSync(tarball) || checksum(tarball) !== sha256) {
      progress(`mbedTLS ${version} sources …`);
      await download(tarball, scratch);
    }
    await run("tar", ["-xjf", tarball, "-C", scratch]);
    try {
      renameSync(join(scratch, `mbedtls-${version}`), tree);
    } catch (error) {
      if (!existsSync(tree)) throw error; // else a run beside this one was quicker
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  return tree;
}
