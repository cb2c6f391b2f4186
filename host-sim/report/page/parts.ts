/** The parts of a wake that the charts show, and the colour of each: phases that belong together share one. */
import { type Markup, markup } from "./markup.js";

export interface Part {
  /** Also the name of its colour in the style. */
  readonly id: string;
  readonly title: string;
  readonly phases: readonly string[];
}

/** In the order of a wake. */
export const parts: readonly Part[] = [
  { id: "start", title: "board starts", phases: ["start"] },
  { id: "sense", title: "sense, queue", phases: ["sense", "queue"] },
  { id: "join", title: "join Wi-Fi", phases: ["join"] },
  { id: "names", title: "clock, resolve", phases: ["clock", "resolve"] },
  { id: "connect", title: "connect", phases: ["connect"] },
  { id: "secure", title: "TLS", phases: ["secure"] },
  { id: "session", title: "MQTT session", phases: ["session"] },
  { id: "drain", title: "drain", phases: ["drain"] },
  { id: "commands", title: "commands", phases: ["commands"] },
  { id: "idle", title: "idle", phases: ["idle"] },
  { id: "close", title: "close, persist", phases: ["close", "persist"] },
  { id: "attend", title: "attend after power-on", phases: ["attend"] },
  { id: "rest", title: "broken off", phases: ["rest"] },
];

const other: Part = { id: "other", title: "other", phases: [] };

export function partOf(phase: string): Part {
  return parts.find(({ phases }) => phases.includes(phase)) ?? other;
}

/** Those of `parts` that are in use, in order. */
export function partsIn(phases: Iterable<string>): Part[] {
  const used = new Set([...phases].map(partOf));
  return [...parts, other].filter((part) => used.has(part));
}

export function swatch(id: string): Markup {
  return markup`<i class="swatch p-${id}" aria-hidden="true"></i>`;
}

export function legend(used: readonly Part[], more?: Markup): Markup {
  return markup`<ul class="legend">${used.map(
    ({ id, title }) => markup`<li>${swatch(id)}${title}</li>`,
  )}${more}</ul>`;
}
