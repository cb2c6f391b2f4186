/** A long run at one glance: a column for so many wakes, as high as the mean of their time, and strips below. */
import type { Column, Columns } from "../history/column.js";
import { below, beside, ticks } from "./axis.js";
import { type Markup, markup, units } from "./markup.js";
import { legend, type Part, partOf, partsIn } from "./parts.js";
import { count, counted, duration, moment } from "./words.js";

/** Columns higher than this many times the middle one are cut, and marked. */
const tooHigh = 3;

export function overview({ all, wakesEach }: Columns): Markup {
  const used = partsIn(all.flatMap(({ phaseMs }) => [...phaseMs.keys()]));
  const scale = ticks(commonHeight(all));
  const full = scale.at(-1)!;
  const cut = all.some((column) => mean(column) > full);
  const each = wakesEach === 1 ? "one wake" : `the mean of ${count(wakesEach)} wakes`;
  const title = `Time awake over the run, ${each} in each column`;
  const mark = cut
    ? markup`<li><i class="swatch mark f-bad" aria-hidden="true"></i>longer than shown</li>`
    : undefined;
  return markup`<figure>${legend(used, mark)}
<div class="plot tall"><div class="frame">${beside(scale.map((ms) => [ms / full, duration(ms)]))}
<svg viewBox="0 0 ${all.length} 1000" preserveAspectRatio="none" shape-rendering="crispEdges" role="img" aria-label="${title}"><title>${title}</title>
${all.map((column, index) => stack(column, index, used, full))}</svg></div>
${places(all)}</div>
${strips(all)}</figure>`;
}

/** Where in the run: the number of the first wake of the column, and when. */
function places(all: readonly Column[]): Markup {
  const before: number[] = [];
  let sum = 0;
  for (const { wakes } of all) {
    before.push(sum);
    sum += wakes;
  }
  const shares = [0, 0.25, 0.5, 0.75, 1];
  return below(
    shares.map((share) => {
      const index = Math.min(all.length - 1, Math.floor(share * all.length));
      const number = share === 1 ? sum : before[index]! + 1;
      return [share, share === 0 ? `wake ${number}` : count(number)];
    }),
  );
}

function mean({ awakeMs, wakes }: Column): number {
  return awakeMs / wakes;
}

function commonHeight(all: readonly Column[]): number {
  const sorted = all.map(mean).sort((a, b) => a - b);
  const middle = sorted[sorted.length >> 1]!;
  return sorted.filter((ms) => ms <= tooHigh * middle).at(-1) ?? middle;
}

function stack(column: Column, index: number, used: readonly Part[], full: number): Markup {
  const { wakes, failed, phaseMs, fromMs, awakeMsMax } = column;
  const byPart = new Map<string, number>();
  for (const [phase, ms] of phaseMs) {
    const { id } = partOf(phase);
    byPart.set(id, (byPart.get(id) ?? 0) + ms / wakes);
  }
  let from = 0;
  const rects = used.map(({ id }) => {
    const to = Math.min(full, from + (byPart.get(id) ?? 0));
    if (to <= from) return undefined;
    const [top, height] = [1000 - (1000 * to) / full, (1000 * (to - from)) / full];
    from = to;
    return markup`<rect class="p-${id}" x="${index}" y="${units(top)}" width="1" height="${units(height)}"/>`;
  });
  const words = [
    `${counted(wakes, "wake")} from ${moment(fromMs)}`,
    `awake about ${duration(mean(column))} on average, ${duration(awakeMsMax)} at most`,
    ...(failed > 0 ? [`${count(failed)} failed`] : []),
  ];
  const cut =
    mean(column) > full ? markup`<rect class="f-bad" x="${index}" y="0" width="1" height="16"/>` : undefined;
  return markup`<g><title>${words.join("; ")}</title>${rects}${cut}</g>`;
}

/** What there is to show of each column beside its time; a strip of nothing is left out. */
function strips(all: readonly Column[]): Markup {
  const kinds: [
    title: string,
    value: (column: Column) => number,
    most: number | undefined,
    colour: string,
  ][] = [
    ["failed wakes", ({ failed, wakes }) => failed / wakes, 1, "f-bad"],
    ["readings waiting to be delivered", ({ waiting }) => waiting, undefined, "f-accent"],
    ["readings dropped or lost", ({ dropped, gaps }) => dropped + gaps, undefined, "f-bad"],
    ["writes to flash", ({ flashWrites }) => flashWrites, undefined, "p-close"],
  ];
  return markup`${kinds.map(([title, value, most, colour]) => {
    const highest = Math.max(...all.map(value));
    if (highest === 0) return undefined;
    const full = most ?? highest;
    const peak = most === undefined ? `at most ${count(highest)} in a column` : "share of each column";
    return markup`<div class="strip"><p>${title}, ${peak}</p><div class="plot low">
<svg viewBox="0 0 ${all.length} 100" preserveAspectRatio="none" shape-rendering="crispEdges" role="img" aria-label="${title}"><title>${title}</title>${all.map(
      (column, index) => {
        const height = (100 * value(column)) / full;
        if (height === 0) return undefined;
        const seen = Math.max(8, height);
        return markup`<rect class="${colour}" x="${index}" y="${units(100 - seen)}" width="1" height="${units(seen)}"/>`;
      },
    )}</svg></div></div>`;
  })}`;
}
