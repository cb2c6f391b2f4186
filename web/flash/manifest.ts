/**
 * A manifest.json as ESP Web Tools has it (esphome.github.io/esp-web-tools): for each family of chips the files and
 * where in flash they go. Here its files are picked by the user, so a path stands for the file of its last name.
 */

export interface Part {
  /** The last name in the manifest's path. */
  readonly name: string;
  readonly offset: number;
}

export interface Manifest {
  readonly name: string;
  readonly version: string;
  /** Parts by the chip's family: `ESP32`, `ESP32-C3`, … */
  readonly builds: ReadonlyMap<string, readonly Part[]>;
}

export interface Image {
  readonly name: string;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** A flash chip is written in whole sectors of so many bytes. */
const sectorBytes = 4096;
const maxFlashBytes = 0x0800_0000;

/** @throws {RangeError} in one line, for text that is no such manifest */
export function readManifest(text: string): Manifest {
  const value = jsonOf(text);
  const { name, version, builds } = object(value, "the manifest");
  if (!Array.isArray(builds) || builds.length === 0)
    throw new RangeError("the manifest has no list of builds");
  const found = new Map<string, Part[]>();
  for (const build of builds) {
    const { chipFamily, parts } = object(build, "a build");
    if (typeof chipFamily !== "string" || !/^[A-Za-z0-9-]{1,20}$/.test(chipFamily))
      throw new RangeError("a build of the manifest has no chipFamily");
    if (found.has(chipFamily)) throw new RangeError(`the manifest has two builds for ${chipFamily}`);
    if (!Array.isArray(parts) || parts.length === 0)
      throw new RangeError(`the build for ${chipFamily} has no list of parts`);
    found.set(chipFamily, parts.map(readPart));
  }
  return { name: plainText(name), version: plainText(version), builds: found };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new RangeError("the manifest is not JSON");
  }
}

function object(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new RangeError(`${what} is no JSON object`);
  return value as Record<string, unknown>;
}

function plainText(value: unknown): string {
  return typeof value === "string" ? value.slice(0, 60) : "";
}

function readPart(value: unknown): Part {
  const { path, offset } = object(value, "a part");
  const name = typeof path === "string" ? path.split(/[/\\]/).at(-1)! : "";
  if (name === "") throw new RangeError("a part of the manifest has no path");
  if (!Number.isInteger(offset) || (offset as number) < 0 || (offset as number) >= maxFlashBytes)
    throw new RangeError(`${name} has no offset in flash`);
  // The chip erases whole sectors: what begins within one would take its beginning away.
  if ((offset as number) % sectorBytes !== 0)
    throw new RangeError(`${name}: its offset is no multiple of ${sectorBytes}`);
  return { name, offset: offset as number };
}

/** The names of all files that any build asks for. */
export function namesIn({ builds }: Manifest): Set<string> {
  return new Set([...builds.values()].flat().map(({ name }) => name));
}

/**
 * What goes where on a chip of this family, from the lowest offset up.
 * @param files by their names
 * @throws {RangeError} in one line, when there is no build for it, a file is missing, or two overlap
 */
export function imagesFor(
  { builds }: Manifest,
  chipFamily: string,
  files: ReadonlyMap<string, Uint8Array>,
): Image[] {
  const parts = builds.get(chipFamily);
  if (!parts)
    throw new RangeError(
      `the board is an ${chipFamily}; the manifest is for ${[...builds.keys()].join(", ")}`,
    );
  const images = parts.map(({ name, offset }) => {
    const bytes = files.get(name);
    if (!bytes) throw new RangeError(`${name} is not among the picked files`);
    if (bytes.length === 0) throw new RangeError(`${name} is empty`);
    return { name, offset, bytes };
  });
  images.sort((a, b) => a.offset - b.offset);
  for (const [index, { name, offset, bytes }] of images.entries()) {
    const next = images[index + 1];
    if (next && offset + bytes.length > next.offset)
      throw new RangeError(`${name} reaches into ${next.name}`);
  }
  return images;
}
