/**
 * Builds the simulator's engine: XS, the host around it, the platform's modules and the native modules, as one
 * executable in build/engine/<abi>-<variant>/ (XS from elsewhere: a folder of its own). Only what changed is compiled again. 32-bit, as the boards are, where
 * the compiler can; $CC chooses the compiler.
 *
 * The "sanitize" variant checks addresses everywhere and undefined behaviour in our own C and mbedTLS. XS itself is
 * left out of the latter: it shifts and converts values in ways that every compiler it supports defines, and says so.
 */
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { availableParallelism } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { exclusively } from "./lock.mjs";
import { tableOfNatives } from "./natives.mjs";
import { build, root, run, SetupError } from "./steps.mjs";

/** @typedef {{ include: string[], defines: string[], libraries: string[] }} MbedTls */
/** @typedef {{ source: string, object: string, flags: string[] }} Job */

const leftOutOfXs = new Set(["xsDebug262.c", "xsum.c", "xsffi.c"]);

const machine32 = ["-m32", "-msse2", "-mfpmath=sse"];

const sanitizers = {
  release: { xs: /** @type {string[]} */ ([]), ours: /** @type {string[]} */ ([]) },
  sanitize: {
    xs: ["-fsanitize=address", "-fno-omit-frame-pointer"],
    ours: ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer"],
  },
};

export function compiler() {
  return process.env.CC || "cc";
}

/** @type {Promise<"32" | "64"> | undefined} */
let knownAbi;

/** What the compiler can link: "32" if it can, like the boards, else "64". */
export function abi() {
  knownAbi ??= findAbi();
  return knownAbi;
}

/** What the engine needs of a 32-bit system: headers of the kernel, and atomics, which clang keeps in a library. */
const probe = `#include <stdio.h>
#include <sys/socket.h>
static volatile long long counter;
int main(void) { return puts("") < 0 || socket(0, 0, 0) == (int)__atomic_load_n(&counter, 5); }
`;

async function findAbi() {
  if (process.platform === "darwin") return "64";
  mkdirSync(build, { recursive: true });
  const work = mkdtempSync(join(build, "abi-"));
  try {
    const source = join(work, "probe.c");
    writeFileSync(source, probe);
    await run(compiler(), [...machine32, source, "-o", join(work, "probe"), "-lm", "-lpthread"]);
    return "32";
  } catch (error) {
    if (error instanceof SetupError && /missing/.test(error.message))
      throw new SetupError(
        `no C compiler (${compiler()}): install one (Debian: apt install build-essential) or set CC`,
      );
    return "64";
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/**
 * @param {{ variant: "release" | "sanitize", xs: string, mbedtls?: MbedTls, progress: (text: string) => void }} options
 * @returns {Promise<string>} the executable
 */
export async function buildEngine({ variant, xs, mbedtls, progress }) {
  const bits = await abi();
  const other =
    xs === join(build, "xs") ? "" : `-${createHash("sha256").update(xs).digest("hex").slice(0, 8)}`;
  const folder = join(build, "engine", `${bits}-${variant}${other}`);
  mkdirSync(join(folder, "xs"), { recursive: true });
  return exclusively(folder, () => bringUpToDate({ variant, xs, mbedtls, folder, bits, progress }));
}

/** @param {{ variant: "release" | "sanitize", xs: string, mbedtls: MbedTls | undefined, folder: string, bits: string, progress: (text: string) => void }} options */
async function bringUpToDate({ variant, xs, mbedtls, folder, bits, progress }) {
  times.clear();
  const natives = join(folder, "natives.c");
  writeIfChanged(natives, tableOfNatives(modulesWithNatives(mbedtls !== undefined)));
  const jobs = allJobs({ variant, xs, mbedtls, folder, bits, natives });
  const stale = jobs.filter(isStale);
  const executable = join(folder, "engine");
  const libraries = mbedtls?.libraries ?? [];
  const link = [
    ...(bits === "32" ? machine32 : []),
    ...sanitizers[variant].ours,
    // binding at the first call saves all vector registers on the stack, and with them what was copied last: keys
    ...(process.platform === "linux" ? ["-Wl,-z,now"] : []),
    ...jobs.map((job) => job.object),
    ...libraries,
    "-lm",
    "-lpthread",
  ];
  if (stale.length) {
    progress(`simulator engine (${bits}-bit, ${variant}), ${stale.length} files …`);
    await compileAll(stale);
  }
  if (
    stale.length ||
    !isNewer(executable, [...jobs.map((job) => job.object), ...libraries]) ||
    linkChanged(folder, link)
  ) {
    await run(compiler(), [...link, "-o", `${executable}.new`]);
    renameSync(`${executable}.new`, executable);
    writeFileSync(join(folder, "link.txt"), link.join("\n"));
  }
  return executable;
}

/** @param {{ variant: "release" | "sanitize", xs: string, mbedtls: MbedTls | undefined, folder: string, bits: string, natives: string }} options */
function allJobs({ variant, xs, mbedtls, folder, bits, natives }) {
  const common = [
    ...(bits === "32" ? machine32 : []),
    "-std=gnu11",
    "-O2",
    "-g",
    "-fno-common",
    "-fno-strict-aliasing",
  ];
  const xsDefines = [
    "-DINCLUDE_XSPLATFORM",
    '-DXSPLATFORM="xs-platform.h"',
    "-DmxRun=1",
    "-DmxParse=1",
    "-DmxMetering=1",
    "-DmxNoConsole=1",
    "-DmxBoundsCheck=1",
    "-DmxHostFunctionPrimitive=1",
    "-DmxFallThrough=",
  ];
  const xsIncludes = ["includes", "platforms", "sources"].map((name) => join(xs, name));
  const engine = join(root, "host-sim", "engine");
  const xsFlags = [
    ...common,
    ...sanitizers[variant].xs,
    ...xsDefines,
    "-w",
    "-I",
    engine,
    ...xsIncludes.flatMap((path) => ["-I", path]),
  ];
  const ourFlags = [
    ...common,
    ...sanitizers[variant].ours,
    ...xsDefines,
    "-Wall",
    "-Wextra",
    "-I",
    engine,
    ...xsIncludes.flatMap((path) => ["-isystem", path]),
    ...(mbedtls ? ["-DENGINE_HAS_TLS=1"] : []),
    ...(mbedtls?.include ?? []).flatMap((path) => ["-isystem", path]),
    ...(mbedtls?.defines ?? []).map((define) => (define.startsWith("-") ? define : `-D${define}`)),
  ];
  /** @type {Job[]} */
  const jobs = [];
  for (const name of readdirSync(join(xs, "sources")).sort()) {
    if (!name.endsWith(".c") || leftOutOfXs.has(name)) continue;
    /* Errors learn their source lines from the table in lines.c; see there. */
    const extra = name === "xsDefaults.c" ? ["-DfxCaptureErrorStack=lines_capture"] : [];
    jobs.push({
      source: join(xs, "sources", name),
      object: join(folder, "xs", name.replace(/\.c$/, ".o")),
      flags: [...xsFlags, ...extra],
    });
  }
  const withTls = mbedtls !== undefined;
  for (const source of [...ourSources(withTls), natives])
    jobs.push({
      source,
      object: join(folder, `${relative(root, source).replace(/[/\\]/g, "_").replace(/\.c$/, "")}.o`),
      flags: ourFlags,
    });
  return jobs;
}

/** @param {boolean} withTls @returns {string[]} */
function ourSources(withTls) {
  const native = join(root, "native");
  return [
    ...cFiles(join(root, "host-sim", "engine"), false),
    ...cFiles(join(root, "host-sim", "platform"), true),
    ...readdirSync(native)
      .filter((name) => (withTls || !needMbedtls.includes(name)) && name !== "power")
      .flatMap((name) => cFiles(join(native, name), false)),
  ];
}

/** @param {string} folder @param {boolean} deep @returns {string[]} */
function cFiles(folder, deep) {
  if (!existsSync(folder) || !statSync(folder).isDirectory()) return [];
  return readdirSync(folder, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return deep ? cFiles(path, deep) : [];
      return entry.name.endsWith(".c") ? [path] : [];
    });
}

/** Native modules that need mbedTLS. */
const needMbedtls = ["tls", "crypto"];

/** The modules that may name natives. @param {boolean} withTls @returns {string[]} */
function modulesWithNatives(withTls) {
  const native = join(root, "native");
  return [
    ...jsFiles(join(root, "host-sim", "platform")),
    ...readdirSync(native)
      .filter((name) => withTls || !needMbedtls.includes(name))
      .flatMap((name) => (statSync(join(native, name)).isDirectory() ? jsFiles(join(native, name)) : [])),
  ];
}

/** @param {string} folder @returns {string[]} */
function jsFiles(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? jsFiles(path) : entry.name.endsWith(".js") ? [path] : [];
  });
}

/** @param {Job} job */
function isStale({ source, object, flags }) {
  const stamp = `${object}.flags`;
  if (!existsSync(object) || !existsSync(stamp) || readFileSync(stamp, "utf8") !== flagsHash(flags))
    return true;
  const depends = object.replace(/\.o$/, ".d");
  if (!existsSync(depends)) return true;
  const rule = readFileSync(depends, "utf8")
    .replace(/^[^:]*:/, "")
    .replace(/\\\n/g, " ");
  // As make reads names: "\ " is a space, "\#" is #, "$$" is $.
  const files = (rule.match(/(?:\\.|[^\s\\])+/g) ?? []).map((file) =>
    file.replace(/\\(.)/g, "$1").replaceAll("$$", () => "$"),
  );
  return !isNewer(object, [source, ...files]);
}

/** @type {Map<string, number>} */
const times = new Map();

/** @param {string} file */
function time(file) {
  let at = times.get(file);
  if (at === undefined) {
    at = statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? Number.POSITIVE_INFINITY;
    times.set(file, at);
  }
  return at;
}

/** @param {string} target @param {readonly string[]} files */
function isNewer(target, files) {
  const at = statSync(target, { throwIfNoEntry: false })?.mtimeMs;
  return at !== undefined && files.every((file) => time(file) <= at);
}

/** @param {string[]} flags */
function flagsHash(flags) {
  return createHash("sha256")
    .update([compiler(), ...flags].join("\n"))
    .digest("hex");
}

/** @param {string} folder @param {string[]} link */
function linkChanged(folder, link) {
  const stamp = join(folder, "link.txt");
  return !existsSync(stamp) || readFileSync(stamp, "utf8") !== link.join("\n");
}

/** @param {Job[]} jobs */
async function compileAll(jobs) {
  const queue = [...jobs];
  const worker = async () => {
    for (let job = queue.shift(); job; job = queue.shift()) {
      const { source, object, flags } = job;
      mkdirSync(dirname(object), { recursive: true });
      rmSync(`${object}.flags`, { force: true });
      try {
        await run(compiler(), [
          ...flags,
          "-MMD",
          "-MF",
          object.replace(/\.o$/, ".d"),
          "-c",
          source,
          "-o",
          object,
        ]);
      } catch (error) {
        queue.length = 0;
        throw new SetupError(`${basename(source)}: ${/** @type {Error} */ (error).message}`);
      }
      writeFileSync(`${object}.flags`, flagsHash(flags));
      times.delete(object);
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, availableParallelism()) }, worker));
}

/** @param {string} path @param {string} text */
function writeIfChanged(path, text) {
  if (!existsSync(path) || readFileSync(path, "utf8") !== text) writeFileSync(path, text);
}
