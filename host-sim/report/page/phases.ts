/** How long each phase takes: simulated, and estimated for a board. */
import type { PhaseTotal } from "../history/history.js";
import { type Markup, markup, units } from "./markup.js";
import { partOf, parts, swatch } from "./parts.js";
import { count, duration } from "./words.js";

export function phaseTable(phases: ReadonlyMap<string, PhaseTotal>): Markup {
  const rows = inOrder(phases);
  // Nothing would be seen beside the ten seconds after power-on.
  const scaled = rows.filter(([name]) => name !== "attend");
  const longest = Math.max(0, ...scaled.map(([, { estimatedMs }]) => estimatedMs.quantile(0.95)));
  return markup`<div class="scroll"><table class="wide"><thead><tr><th scope="col">phase</th><th scope="col" class="number spare">times</th><th scope="col" class="number">simulated,<br>median</th><th scope="col" class="number">on a board,<br>median</th><th scope="col" class="number spare">95 of 100<br>within</th><th scope="col" class="number spare">longest</th><th scope="col" class="bar">median and 95 of 100, on a board</th></tr></thead>
<tbody>${rows.map(([name, total]) => row(name, total, longest))}</tbody></table></div>`;
}

function inOrder(phases: ReadonlyMap<string, PhaseTotal>): [string, PhaseTotal][] {
  const order = parts.flatMap((part) => part.phases);
  const place = (name: string) => (order.indexOf(name) + order.length) % order.length;
  return [...phases].sort(([a], [b]) => place(a) - place(b));
}

function row(name: string, { ms, estimatedMs, failed }: PhaseTotal, longest: number): Markup {
  const { id } = partOf(name);
  const middle = estimatedMs.quantile(0.5);
  const late = estimatedMs.quantile(0.95);
  const width = (value: number) => units(Math.min(1000, (1000 * value) / (longest || 1)));
  const chip = failed > 0 ? markup` <span class="chip bad">${count(failed)} failed</span>` : undefined;
  const simulated = name === "start" ? "" : duration(ms.quantile(0.5));
  return markup`<tr><th scope="row">${swatch(id)} ${title(name)}${chip}</th><td class="number spare">${count(ms.count)}</td><td class="number">${simulated}</td><td class="number">${duration(middle)}</td><td class="number spare">${duration(late)}</td><td class="number spare">${duration(estimatedMs.max)}</td>
<td class="bar"><svg viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true"><rect class="p-${id}" opacity="0.4" x="0" y="3" width="${width(late)}" height="4"/><rect class="p-${id}" x="0" y="0" width="${width(middle)}" height="10"/></svg></td></tr>`;
}

function title(name: string): string {
  if (name === "start") return "board starts";
  return name === "rest" ? "broken off" : name;
}
