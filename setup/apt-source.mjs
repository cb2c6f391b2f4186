/**
 * Fetches the upstream tarball of a Debian source package with apt-get, from the mirror and with the keys
 * that this machine is already set up for. Everything apt writes goes to a folder of ours: the machine's own
 * lists and cache stay as they are, and no root rights are needed.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { run, SetupError } from "./steps.mjs";

/** @typedef {{ uri: string, suites: string[], components: string[], keys: string[] }} Source  keys: deb822 lines */

/**
 * One-line style (sources.list(5)): `deb [signed-by=… arch=…] URI SUITE COMPONENT…`
 * @param {string} text
 * @returns {Source[]}
 */
export function oneLineSources(text) {
  return text.split("\n").flatMap((line) => {
    const match = /^\s*deb(?:-src)?\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+([^#]*)/.exec(line);
    if (!match) return [];
    const [, options = "", uri = "", suite = "", components = ""] = match;
    const signedBy = /signed-by=(\S+)/.exec(options)?.[1];
    const keys = signedBy ? [`Signed-By: ${signedBy}`] : [];
    return [{ uri, suites: [suite], components: components.trim().split(/\s+/), keys }];
  });
}

/**
 * deb822 style (`*.sources`); a Signed-By field may hold the key itself in continuation lines.
 * @param {string} text
 * @returns {Source[]}
 */
export function deb822Sources(text) {
  return text.split(/\n[ \t]*\n/).flatMap((stanza) => {
    /** @type {Map<string, string[]>} */
    const fields = new Map();
    let current = "";
    for (const line of stanza.split("\n")) {
      if (line.startsWith("#") || line.trim() === "") continue;
      const match = /^([A-Za-z0-9-]+):\s*(.*)$/.exec(line);
      if (match) {
        current = (match[1] ?? "").toLowerCase();
        fields.set(current, [match[2] ?? ""]);
      } else fields.get(current)?.push(line);
    }
    const words = (/** @type {string} */ name) => (fields.get(name) ?? []).join(" ").trim().split(/\s+/);
    if (/^(no|false)$/i.test(words("enabled")[0] ?? "") || !words("types").some((type) => type)) return [];
    const signedBy = fields.get("signed-by");
    const keys = signedBy ? [`Signed-By: ${signedBy[0]}`, ...signedBy.slice(1)] : [];
    return words("uris").map((uri) => ({
      uri,
      suites: words("suites"),
      components: words("components"),
      keys,
    }));
  });
}

/**
 * The distribution's own archive among this machine's sources, the likeliest first.
 * @param {string} etc apt's configuration folder
 * @param {string} codename of this release (os-release VERSION_CODENAME)
 * @returns {Source[]}
 */
export function archives(etc, codename) {
  const parts = join(etc, "sources.list.d");
  const names = existsSync(parts)
    ? readdirSync(parts)
        .sort()
        .map((name) => join(parts, name))
    : [];
  const sources = [join(etc, "sources.list"), ...names].flatMap((path) => {
    if (!existsSync(path)) return [];
    if (path.endsWith(".list")) return oneLineSources(readFileSync(path, "utf8"));
    return path.endsWith(".sources") ? deb822Sources(readFileSync(path, "utf8")) : [];
  });
  const score = (/** @type {Source} */ source) => (/\/debian\/?$/.test(source.uri) ? 0 : 1);
  const seen = new Set();
  return sources
    .filter((source) => source.suites.includes(codename) && source.components.includes("main"))
    .filter((source) => !seen.has(source.uri) && seen.add(source.uri))
    .sort((a, b) => score(a) - score(b));
}

/**
 * @param {{ name: string, suite: string, folder: string, timeoutSeconds: number }} request
 *   `folder` is created and may be thrown away afterwards
 * @returns {Promise<string>} path of the `.orig.tar.*`
 */
export async function aptSource({ name, suite, folder, timeoutSeconds }) {
  const codename = /^VERSION_CODENAME="?([^"\n]+)/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? "";
  const found = archives("/etc/apt", codename);
  if (found.length === 0)
    throw new SetupError(`apt is set up for no archive of ${codename || "this release"}`);
  /** @type {unknown} */
  let reason;
  for (const archive of found.slice(0, 2)) {
    try {
      return await fetchFrom(archive, { name, suite, folder, timeoutSeconds });
    } catch (error) {
      reason = error;
    }
  }
  throw reason;
}

/**
 * @param {Source} archive
 * @param {{ name: string, suite: string, folder: string, timeoutSeconds: number }} request
 */
async function fetchFrom(archive, { name, suite, folder, timeoutSeconds }) {
  for (const part of ["lists/partial", "cache/archives/partial", "sources", "state"])
    mkdirSync(join(folder, part), { recursive: true });
  const stanza = [
    "Types: deb-src",
    `URIs: ${archive.uri}`,
    `Suites: ${suite}`,
    "Components: main",
    ...archive.keys,
  ];
  writeFileSync(join(folder, "sources", "source.sources"), `${stanza.join("\n")}\n`);
  const configuration = join(folder, "apt.conf");
  writeFileSync(
    configuration,
    `${Object.entries({
      "Dir::Etc::sourcelist": "/dev/null",
      "Dir::Etc::sourceparts": join(folder, "sources"),
      "Dir::State": join(folder, "state"),
      "Dir::State::lists": join(folder, "lists"),
      "Dir::Cache": join(folder, "cache"),
      "Dir::Log": join(folder, "state"),
      "APT::Sandbox::User": "root",
      "Acquire::Languages": "none",
      "Acquire::Retries": "2",
      "Acquire::http::Timeout": "20",
      "Acquire::https::Timeout": "20",
    })
      .map(([key, value]) => `${key} "${value}";`)
      .join("\n")}\n`,
  );
  const env = { ...process.env, APT_CONFIG: configuration, LC_ALL: "C" };
  const bounded = [String(timeoutSeconds), "apt-get", "-q", "-y"];
  await run("timeout", [...bounded, "update"], { cwd: folder, env });
  await run("timeout", [...bounded, "source", "--download-only", "--tar-only", name], { cwd: folder, env });
  const tarball = readdirSync(folder).find((file) => /\.orig\.tar\.[a-z0-9]+$/.test(file));
  if (!tarball) throw new SetupError(`apt-get source ${basename(name)} gave no tarball`);
  return join(folder, tarball);
}
