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

/** In rem: what a label needs, and what the picture has beside that. */
const labelRem = 3;
const spareRem = 6;
/** Of 1000: an end is to be seen however few it has, and apart from the next. */
const smallest = 6;
const apart = 12;

function ends({ atOnce, later, fromFlash, waiting, dropped, lost }: Fates & { waiting: number }): End[] {
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
    { title: "lost", about: "with RTC memory; the device tells of a gap", colour: "f-bad", readings: lost },
  ].filter(({ readings }) => readings > 0);
}

export function fatesFigure(fates: Fates & { readonly waiting: number }): Markup {
  const list = ends(fates);
  const all = list.reduce((sum, { readings }) => sum + readings, 0);
  const title = `${counted(all, "reading")}: ${list.map(({ title: name, readings }) => `${name} ${count(readings)}`).join(", ")}`;
  const slots = slotsOf(list, all);
  const height = spareRem + labelRem * list.length;
  return markup`<figure class="flow" style="height:${height}rem"><svg viewBox="0 0 1000 1000" preserveAspectRatio="none" role="img" aria-label="${title}"><title>${title}</title>${ribbons(list, slots, all)}</svg>
<ul class="ends">${list.map(
    ({ title: name, about, readings }, index) =>
      markup`<li style="height:${units(slots[index]! / 10)}%"><span><b>${count(readings)}</b> ${name}, ${percent(readings / all)}</span><small>${about}</small></li>`,
  )}</ul></figure>${lateFigure(fates)}`;
}

/** The heights of the ends' places at the right, of 1000: room for a label, and the more the more readings. */
function slotsOf(list: readonly End[], all: number): number[] {
  const label = (1000 * labelRem) / (spareRem + labelRem * list.length);
  const spare = 1000 - label * list.length;
  return list.map(({ readings }) => label + (spare * readings) / all);
}

/** From one block at the left, in which all are, to as many at the right, all to the same scale. */
function ribbons(list: readonly End[], slots: readonly number[], all: number): Markup[] {
  const scale = Math.min(...list.map(({ readings }, index) => (slots[index]! - apart) / readings));
  const blocks = list.map(({ readings }) => Math.max(smallest, readings * scale));
  let from = (1000 - blocks.reduce((sum, block) => sum + block, 0)) / 2;
  let slot = 0;
  return list.map(({ title, colour, readings }, index) => {
    const block = blocks[index]!;
    const to = slot + (slots[index]! - block) / 2;
    const path = `M0 ${units(from)} C 480 ${units(from)} 480 ${units(to)} 960 ${units(to)} V ${units(to + block)} C 480 ${units(to + block)} 480 ${units(from + block)} 0 ${units(from + block)} Z`;
    from += block;
    slot += slots[index]!;
    return markup`<g><title>${title}: ${count(readings)}, ${percent(readings / all)}</title><path class="${colour}" opacity="0.4" d="${path}"/><rect class="${colour}" x="960" y="${units(to)}" width="40" height="${units(block)}"/></g>`;
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

export function readingWords({ taken, gaps }: Fates): string {
  const gap = gaps > 0 ? `, and the device tells that ${count(gaps)} may be lost` : "";
  return `${counted(taken, "reading")} taken${gap}.`;
}

export function messageWords({ sent, retried, acked, received }: MessageTotals): string {
  const again = retried > 0 ? `, ${counted(retried, "time")} one was sent again with the same bytes` : "";
  const verdicts = Object.entries(received).map(([verdict, number]) => `${count(number)} ${verdict}`);
  const judged = verdicts.length > 0 ? ` The listener found ${verdicts.join(", ")}.` : "";
  return `${counted(sent, "message")} sent${again}, ${count(acked)} acknowledged by the broker.${judged}`;
}
