/**
 * Writes what the engine boots from: the modules of a manifest (the "flash image"), the board's limits, and
 * where its key-value flash lies. The format is described in host-sim/engine/image.h.
 */
import { existsSync, writeFileSync } from "node:fs";
import type { BoardName } from "./board.js";
import type { Manifest, ManifestModule } from "./manifest.js";
import { compiledPath } from "./paths.js";

export interface ImageOptions {
  readonly board: BoardName;
  readonly manifest: Manifest;
  /** Modules beside the manifest's, as tests add them. */
  readonly extra?: readonly ManifestModule[];
  readonly main?: string;
  /** The file that holds the key-value flash. */
  readonly flashFile: string;
}

export function writeImage(path: string, options: ImageOptions): void {
  const { board, manifest, extra = [], main = "main", flashFile } = options;
  const { creation, config } = manifest;
  const limits = {
    static: creation.static,
    chunkInitial: creation.chunk.initial,
    chunkIncremental: creation.chunk.incremental,
    heapInitial: creation.heap.initial,
    heapIncremental: creation.heap.incremental,
    stack: creation.stack,
    keysInitial: creation.keys.initial,
    keysIncremental: creation.keys.incremental,
    name: creation.keys.name,
    symbol: creation.keys.symbol,
    parserBuffer: creation.parser.buffer,
    parserTable: creation.parser.table,
    main,
  };
  const lines: (string | number)[][] = [
    ["board", board],
    ["creation", ...Object.entries(limits).map(([name, value]) => `${name}=${value}`)],
    ["rtc", numberOf(config, "rtcBytes")],
    ["clock", config.clockForgets === true ? "forgets" : "keeps"],
    ["flash", flashFile, numberOf(config, "flashBytes")],
    ["module", "mc/config", "preload", writeConfig(path, config), "-"],
    ...[...manifest.modules, ...extra].map(moduleLine),
  ];
  for (const line of lines)
    if (line.some((item) => /[\t\n]/.test(String(item))))
      throw new RangeError(`tab or newline in ${line[1]}: not possible in an image`);
  writeFileSync(path, lines.map((line) => `${line.join("\t")}\n`).join(""));
}

/** The module that mcconfig makes of a manifest's `config`. */
function writeConfig(image: string, config: Manifest["config"]): string {
  const path = `${image}-config.js`;
  writeFileSync(path, `export default ${JSON.stringify(config)};\n`);
  return path;
}

function moduleLine({ specifier, source, preload }: ManifestModule): string[] {
  const file = source.endsWith(".ts") ? compiledPath(source) : source;
  const map = `${file}.map`;
  return ["module", specifier, preload ? "preload" : "load", file, existsSync(map) ? map : "-"];
}

function numberOf(config: Readonly<Record<string, unknown>>, name: string): number {
  const value = config[name];
  if (typeof value !== "number") throw new RangeError(`the manifest's config.${name} must be a number`);
  return value;
}
