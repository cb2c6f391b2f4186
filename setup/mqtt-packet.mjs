/**
 * Bundles npm's mqtt-packet into one ES module, the same file for board and simulator: XS takes no CommonJS,
 * has none of Node's globals, and freezes what a board preloads.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build as buildFolder, SetupError } from "./steps.mjs";

const shims = fileURLToPath(new URL("mqtt-packet/", import.meta.url));
const folder = join(buildFolder, "mqtt-packet");
const bundle = join(folder, "mqtt-packet.js");
const stamp = join(folder, "made-from");

const aliases = {
  bl: `${shims}bl.cjs`,
  buffer: `${shims}buffer.js`,
  debug: `${shims}debug.cjs`,
  events: `${shims}events.js`,
  "process-nextick-args": `${shims}process-nextick-args.js`,
};

/**
 * Changes to mqtt-packet's text, each with the number of places where it must apply: a release that differs
 * fails here, not on a board.
 */
const edits = {
  // A cache that a preloaded module could not fill.
  "writeToStream.js": [[/^\s*if \(num < 16384\) varByteIntCache\[num\] = buffer$/m, 1]],
};

/** Whole statements that only trace: their arguments would be computed on the board, and take flash. */
const traces = /^[ \t]*debug\(.*\)$/gm;

/**
 * @param {{ progress: (text: string) => void }} options
 * @returns {Promise<string>} the bundle, an ES module that exports `parser` and `writeToStream`
 */
export async function bundleMqttPacket({ progress }) {
  const require = createRequire(import.meta.url);
  const source = dirname(require.resolve("mqtt-packet"));
  const made = fingerprint([source, shims], require("esbuild/package.json").version);
  if (existsSync(bundle) && existsSync(stamp) && readFileSync(stamp, "utf8") === made) return bundle;
  progress("mqtt-packet …");
  await write(source);
  writeFileSync(stamp, made);
  return bundle;
}

/**
 * @param {string} source mqtt-packet's folder
 */
async function write(source) {
  const { build } = await import("esbuild");
  mkdirSync(folder, { recursive: true });
  const { outputFiles } = await build({
    entryPoints: [`${shims}entry.js`],
    outfile: bundle,
    bundle: true,
    write: false,
    format: "esm",
    platform: "neutral",
    mainFields: ["main"],
    target: "es2022",
    // XS reads maps of one source only; the bundle is not minified, so its own lines can be read.
    sourcemap: false,
    minifySyntax: true,
    charset: "utf8",
    legalComments: "none",
    alias: aliases,
    logLevel: "silent",
    plugins: [{ name: "edit", setup: (plugin) => edit(plugin, source) }],
  });
  // Under another name first: an interrupted build leaves no half file that looks whole.
  for (const { path, contents } of outputFiles) {
    writeFileSync(`${path}.new`, contents);
    renameSync(`${path}.new`, path);
  }
}

/**
 * @param {import("esbuild").PluginBuild} plugin
 * @param {string} source
 */
function edit(plugin, source) {
  plugin.onResolve({ filter: /^\.\/numbers$/ }, () => ({ path: `${shims}numbers.cjs` }));
  plugin.onLoad({ filter: /\.js$/ }, ({ path }) => {
    if (dirname(path) !== source) return undefined;
    let text = readFileSync(path, "utf8").replace(traces, "");
    for (const [pattern, expected] of edits[
      /** @type {keyof typeof edits} */ (path.slice(source.length + 1))
    ] ?? []) {
      const found = text.split(pattern).length - 1;
      if (found !== expected)
        throw new SetupError(
          `mqtt-packet has changed: ${path} matches ${pattern} ${found} times, not ${expected}`,
        );
      text = text.replace(pattern, "");
    }
    return { contents: text, loader: "js" };
  });
}

/**
 * @param {readonly string[]} folders whose script files count
 * @param {string} version esbuild's
 */
function fingerprint(folders, version) {
  const hash = createHash("sha256")
    .update(version)
    .update(readFileSync(new URL(import.meta.url)));
  for (const name of folders)
    for (const file of readdirSync(name).sort())
      if (/\.c?js$|^package\.json$/.test(file)) hash.update(file).update(readFileSync(join(name, file)));
  return hash.digest("hex");
}
