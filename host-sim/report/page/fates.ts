/** What became of the readings, and of the messages that carried them. */

import type { MessageTotals } from "../history/history.js";
import { type Fates, lateNames } from "../history/readings.js";
import { type Markup, markup, units } from "./markup.js";
import { count, counted, percent } from "./words.js";

interface End {
  readonly title: string;
  readonly about: string;
  readonly colour: string;
  readonly readings: number;
}

/** However few, an end is to be seen. */
const smallest = 24;
const gap = 14;

function ends({ atOnce, later, fromFlash, waiting, dropped, gaps }: Fates & { waiting: number }): End[] {
  return [
    { title: "delivered at once", about: "in the wake that took them", colour: "f-good", readings: atOnce },
    { title: "delivered later", about: "kept in RTC memory", colour: "f-accent", readings: later },
    {
      title: "delivered from flash",
      about: "spilled in the meantime",
      colour: "p-secure",
      readings: fromFlash,
    },
    { title: "still waiting", about: "at the end of the run", colour: "p-start", readings: waiting },
    { title: "dropped", about: "no room; the device says so", colour: "p-session", readings: dropped },
    { title: "lost, or perhaps", about: "the device counts them as a gap", colour: "f-bad", readings: gaps },
  ].filter(({ readings }) => readings > 0);
}

export function fatesFigure(fates: Fates & { readonly waiting: number }): Markup {
  const list = ends(fates);
  const all = list.reduce((sum, { readings }) => sum + readings, 0);
  const title = `${count(all)} readings: ${list.map(({ title: name, readings }) => `${name} ${count(readings)}`).join(", ")}`;
  return markup`<figure class="flow"><svg viewBox="0 0 1000 1000" preserveAspectRatio="none" role="img" aria-label="${title}"><title>${title}</title>${ribbons(list, all)}</svg>
<ul class="ends">${list.map(
    ({ title: name, about, readings }) =>
      markup`<li style="flex:${units(Math.max(smallest, (1000 * readings) / all))} 0 auto"><span><b>${count(readings)}</b> ${name}, ${percent(readings / all)}</span><small>${about}</small></li>`,
  )}</ul></figure>${lateFigure(fates)}`;
}

/** From one block at the left, in which all are, to as many at the right. */
function ribbons(list: readonly End[], all: number): Markup[] {
  const heights = list.map(({ readings }) => Math.max(smallest, (1000 * readings) / all));
  const right = (1000 - gap * (list.length - 1)) / heights.reduce((sum, height) => sum + height, 0);
  let from = 0;
  let to = 0;
  return list.map(({ title, colour, readings }, index) => {
    const left = (1000 * readings) / all;
    const height = heights[index]! * right;
    const path = `M0 ${units(from)} C 450 ${units(from)} 550 ${units(to)} 960 ${units(to)} V ${units(to + height)} C 550 ${units(to + height)} 450 ${units(from + left)} 0 ${units(from + left)} Z`;
    const block = markup`<rect class="${colour}" x="960" y="${units(to)}" width="40" height="${units(height)}"/>`;
    from += left;
    to += height + gap;
    return markup`<g><title>${title}: ${count(readings)}</title><path class="${colour}" opacity="0.45" d="${path}"/>${block}</g>`;
  });
}

function lateFigure({ late }: Fates): Markup | undefined {
  const all = late.reduce((sum, readings) => sum + readings, 0);
  if (all === 0) return undefined;
  const most = Math.max(...late);
  return markup`<h3>Of the late ones, how late</h3><figure>${lateNames.map((name, index) => {
    const readings = late[index]!;
    return markup`<div class="meter"><span>${name}</span><svg viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true"><rect class="f-accent" x="0" y="0" width="${units((1000 * readings) / most)}" height="10"/></svg><span>${count(readings)}</span></div>`;
  })}</figure>`;
}

export function messageWords({ sent, retried, acked, received }: MessageTotals): string {
  const again = retried > 0 ? `, ${counted(retried, "time")} one was sent again with the same bytes` : "";
  const verdicts = Object.entries(received).map(([verdict, number]) => `${count(number)} ${verdict}`);
  const judged = verdicts.length > 0 ? ` The listener found ${verdicts.join(", ")}.` : "";
  return `${counted(sent, "message")} sent${again}, ${count(acked)} acknowledged by the broker.${judged}`;
}
