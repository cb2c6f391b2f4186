/**
 * Reads manifests in mcconfig's format, so that what exists, what is preloaded and which limits hold is said
 * once for board and simulator. $(MODDABLE) is the folder host-sim/platform, which stands in for the SDK.
 * It follows mcconfig also where that is surprising: a preload pattern with * matches JavaScript files only,
 * a TypeScript module is preloaded by its whole name.
 */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";

export interface ManifestModule {
  readonly specifier: string;
  readonly source: string;
  preload: boolean;
}

export interface Manifest {
  readonly modules: readonly ManifestModule[];
  readonly creation: Creation;
  readonly config: Readonly<Record<string, unknown>>;
}

/** The XS machine's limits, as in mcconfig's `creation`: bytes for `static` and `chunk`, slots else. */
export interface Creation {
  readonly static: number;
  readonly chunk: { readonly initial: number; readonly incremental: number };
  readonly heap: { readonly initial: number; readonly incremental: number };
  readonly stack: number;
  readonly keys: {
    readonly initial: number;
    readonly incremental: number;
    readonly name: number;
    readonly symbol: number;
  };
  readonly parser: { readonly buffer: number; readonly table: number };
  readonly main: string;
}

/** A manifest that cannot be used; the message names the file and what to change. */
export class ManifestError extends Error {}

type Json = { [key: string]: unknown };

const knownKeys = new Set([
  "include",
  "build",
  "modules",
  "preload",
  "creation",
  "config",
  "defines",
  "strip",
  "platforms",
  "typescript",
  "dependency",
]);

export interface ReadOptions {
  /** As `mcconfig -p` takes it: `esp32`, `esp32/esp32c3`, `esp`. */
  readonly platform: string;
  /** What $(MODDABLE) stands for. */
  readonly moddable: string;
}

export function readManifest(path: string, { platform, moddable }: ReadOptions): Manifest {
  const variables: Record<string, string> = { MODDABLE: moddable, MODULES: join(moddable, "modules") };
  const read = new Set<string>();
  const modules = new Map<string, ManifestModule>();
  const preload: string[] = [];
  const creation: Json = {};
  const config: Json = {};

  include(resolve(path));
  for (const pattern of preload) markPreload(pattern);
  return {
    modules: [...modules.values()],
    creation: checkCreation(creation, path),
    config,
  };

  function include(file: string): void {
    if (read.has(file)) return;
    read.add(file);
    if (!existsSync(file)) throw new ManifestError(`${file}: no such manifest`);
    let manifest: Json;
    try {
      manifest = JSON.parse(readFileSync(file, "utf8")) as Json;
    } catch (error) {
      throw new ManifestError(`${file}: ${(error as Error).message}`);
    }
    merge(manifest, file);
    const section = matchPlatform((manifest.platforms ?? {}) as Json, platform);
    if (section) merge(section, file);
  }

  function merge(part: Json, file: string): void {
    for (const key of Object.keys(part))
      if (!knownKeys.has(key)) throw new ManifestError(`${file}: "${key}" is not understood`);
    for (const [name, value] of Object.entries((part.build ?? {}) as Json))
      variables[name] = expand(String(value), file);
    for (const entry of list(part.include)) include(located(entry, file));
    deepMerge(creation, (part.creation ?? {}) as Json);
    deepMerge(config, (part.config ?? {}) as Json);
    for (const [target, sources] of Object.entries((part.modules ?? {}) as Json))
      for (const source of list(sources)) addModules(target, located(source, file), file);
    preload.push(...list(part.preload));
  }

  function expand(value: string, file: string): string {
    return value.replace(/\$\(([^)]+)\)/g, (_, name: string) => {
      const known = variables[name];
      if (known === undefined) throw new ManifestError(`${file}: $(${name}) is not defined`);
      return known;
    });
  }

  function located(value: string, file: string): string {
    return resolve(dirname(file), expand(value, file));
  }

  function addModules(target: string, source: string, file: string): void {
    const folder = dirname(source);
    const name = basename(source);
    const star = name.endsWith("*");
    let matched = false;
    for (const found of existsSync(folder) ? readdirSync(folder).sort() : []) {
      const [, stem = "", extension = ""] = /^(.*?)(\.d\.ts|\.[^.]*)?$/.exec(found) ?? [];
      const matches = star ? stem.startsWith(name.slice(0, -1)) : stem === name || found === name;
      if (!matches || found.startsWith(".") || !statSync(join(folder, found)).isFile()) continue;
      matched = true;
      const specifier = target.endsWith("*") ? target.slice(0, -1) + stem : target;
      addFile(specifier, join(folder, found), extension);
    }
    if (!matched) throw new ManifestError(`${file}: no module matches ${source}`);
  }

  function addFile(specifier: string, source: string, extension: string): void {
    // C beside a module is compiled into the engine; declarations are the compiler's.
    if (![".js", ".mjs", ".ts", ".json"].includes(extension)) return;
    const other = modules.get(specifier);
    if (other && other.source !== source)
      throw new ManifestError(`module ${specifier} is both ${other.source} and ${source}`);
    modules.set(specifier, { specifier, source, preload: false });
  }

  function markPreload(pattern: string): void {
    const star = pattern.indexOf("*");
    let matched = false;
    for (const module of modules.values()) {
      const matches =
        star < 0
          ? module.specifier === pattern
          : module.specifier.startsWith(pattern.slice(0, star)) && !module.source.endsWith(".ts");
      if (!matches) continue;
      module.preload = true;
      matched = true;
    }
    if (!matched) throw new ManifestError(`${path}: preload "${pattern}" matches no module`);
  }
}

function matchPlatform(platforms: Json, platform: string): Json | undefined {
  for (let name = platform; name; name = name.slice(0, Math.max(0, name.lastIndexOf("/"))))
    if (name in platforms) return platforms[name] as Json;
  return platforms["..."] as Json | undefined;
}

function list(value: unknown): string[] {
  return value === undefined ? [] : ([] as string[]).concat(value as string | string[]);
}

function deepMerge(target: Json, source: Json): void {
  for (const [key, value] of Object.entries(source)) {
    const old = target[key];
    if (typeof old === "object" && old && typeof value === "object" && value)
      deepMerge(old as Json, value as Json);
    else target[key] = structuredClone(value);
  }
}

function checkCreation(creation: Json, path: string): Creation {
  const paths = [
    "static",
    "chunk.initial",
    "chunk.incremental",
    "heap.initial",
    "heap.incremental",
    "stack",
    "keys.initial",
    "keys.incremental",
    "keys.name",
    "keys.symbol",
    "parser.buffer",
    "parser.table",
  ];
  for (const dotted of paths) {
    const value = dotted.split(".").reduce<unknown>((at, key) => (at as Json | undefined)?.[key], creation);
    if (!Number.isInteger(value) || (value as number) < 0)
      throw new ManifestError(`${path}: creation.${dotted} must be a whole number`);
  }
  return creation as unknown as Creation;
}
