/**
 * `FROM=TO`: what a bridge made of a topic, and back. Both sides are topic filters with the same wildcards; what a
 * wildcard stands for on one side it stands for on the other. The first pair that fits a topic counts.
 */
import { checkTopicFilter } from "../../lib/mqtt/wire/topics.js";
import { UsageError } from "../report.js";

interface Pair {
  readonly from: readonly string[];
  readonly to: readonly string[];
}

export class TopicMap {
  readonly #pairs: readonly Pair[];

  /** @throws {UsageError} that names the flag */
  constructor(flag: string, texts: readonly string[]) {
    this.#pairs = texts.map((text) => pairOf(flag, text));
  }

  /** @returns undefined for a topic that no pair fits */
  map(topic: string): string | undefined {
    for (const { from, to } of this.#pairs) {
      const wild = fit(from, topic);
      if (wild) return filled(to, wild);
    }
    return undefined;
  }

  /**
   * The other way round, for filters: what to subscribe to for all that `map` turns into a topic of this filter.
   * What no pair leads to stays.
   */
  filtersFor(filter: string): readonly string[] {
    const found = this.#pairs.flatMap(({ from, to }) => {
      const wild = fit(to, filter);
      if (wild) return [filled(from, wild)];
      return filtersMeet(to.join("/"), filter) ? [from.join("/")] : [];
    });
    return found.length > 0 ? found : [filter];
  }

  /** Every topic that `map` gives belongs to one of these. */
  get targets(): readonly string[] {
    return this.#pairs.map(({ to }) => to.join("/"));
  }
}

/** Whether some topic belongs to both. */
export function filtersMeet(one: string, other: string): boolean {
  const a = one.split("/");
  const b = other.split("/");
  for (let i = 0; ; i++) {
    if (a[i] === "#" || b[i] === "#") return true;
    if (a[i] === undefined || b[i] === undefined)
      // `a/#` is `a` too (§4.7.1.2).
      return a[i] === b[i] || (a[i] ?? b[i]) === "#";
    if (a[i] !== "+" && b[i] !== "+" && a[i] !== b[i]) return false;
  }
}

function pairOf(flag: string, text: string): Pair {
  const at = text.indexOf("=");
  if (at < 1 || at === text.length - 1)
    throw new UsageError(`${flag} "${text}": write FROM=TO, e.g. 'site-a/sensors/#=sensors/#'`);
  const sides = [text.slice(0, at), text.slice(at + 1)];
  for (const side of sides)
    try {
      checkTopicFilter(side, 4);
    } catch (error) {
      throw new UsageError(`${flag} "${text}": ${(error as Error).message}`);
    }
  const [from, to] = sides.map((side) => side.split("/")) as [string[], string[]];
  const wildcards = (levels: readonly string[]) => levels.filter((level) => /^[+#]$/.test(level)).join("");
  if (wildcards(from) !== wildcards(to))
    throw new UsageError(`${flag} "${text}": both sides need the same wildcards, in the same order`);
  return { from, to };
}

/** What each wildcard of the pattern stands for in a topic, or in a filter that is no wider. */
function fit(pattern: readonly string[], topic: string): readonly string[] | undefined {
  const names = topic.split("/");
  // [MQTT-4.7.2-1]
  if (topic.startsWith("$") && /^[+#]$/.test(pattern[0]!)) return undefined;
  const wild: string[] = [];
  for (const [i, level] of pattern.entries()) {
    if (level === "#") return [...wild, ...names.slice(i)];
    const name = names[i];
    if (name === undefined || name === "#" || (level !== "+" && level !== name)) return undefined;
    if (level === "+") wild.push(name);
  }
  return names.length === pattern.length ? wild : undefined;
}

function filled(pattern: readonly string[], wild: readonly string[]): string {
  let at = 0;
  return pattern
    .flatMap((level) => (level === "#" ? wild.slice(at) : level === "+" ? [wild[at++]!] : [level]))
    .join("/");
}
