/** Wakes as bars, one below the other: a part of the bar for each phase, as long as it would take on a board. */
import type { WakeRecord } from "../history/wake-record.js";
import { below, ticks } from "./axis.js";
import { type Markup, markup, units } from "./markup.js";
import { legend, partOf, partsIn } from "./parts.js";
import { charge, clockTime, count, counted, dayAndTime, duration } from "./words.js";

const width = 1000;
/** A phase of no time is still to be seen. */
const narrowest = 1.5;
/** Bars so many times longer than the middle one have a scale of their own, or nothing of the others would be seen. */
const tooLong = 3;

export interface RowOptions {
  /** The device's name beside the number. */
  readonly named: boolean;
  /** The colours are explained elsewhere. */
  readonly explained?: boolean;
}

const dayMs = 86_400_000;

/** @param wakes at least one */
export function wakeRows(wakes: readonly WakeRecord[], { named, explained = false }: RowOptions): Markup {
  const scale = commonScale(wakes);
  const marks = ticks(scale);
  const end = marks.at(-1)!;
  const failing = wakes.some(({ phases }) => phases.some(({ failed }) => failed));
  const dated = wakes.at(-1)!.at - wakes[0]!.at > dayMs;
  const used = explained ? [] : partsIn(wakes.flatMap(({ phases }) => phases.map(({ name }) => name)));
  const failure = markup`<li><i class="swatch mark f-bad" aria-hidden="true"></i>failed</li>`;
  return markup`<figure>${legend(used, failing ? failure : undefined)}
${wakes.map((wake) => row(wake, wake.estimatedMs > scale ? undefined : end, { named, dated }))}
<div class="row axis"><span></span>${below(marks.map((ms) => [ms / end, duration(ms)]))}<span></span></div></figure>`;
}

function commonScale(wakes: readonly WakeRecord[]): number {
  const sorted = wakes.map(({ estimatedMs }) => estimatedMs).sort((a, b) => a - b);
  const middle = sorted[sorted.length >> 1]!;
  return sorted.filter((ms) => ms <= tooLong * middle).at(-1) ?? middle;
}

interface Naming {
  readonly named: boolean;
  /** With the day, as the wakes are not all of one. */
  readonly dated: boolean;
}

/** @param scale what the width stands for; undefined: this wake alone */
function row(wake: WakeRecord, scale: number | undefined, { named, dated }: Naming): Markup {
  const full = scale ?? wake.estimatedMs;
  const own = scale === undefined ? markup`<i class="chip">own scale</i>` : undefined;
  const title = wakeTitle(wake);
  return markup`<div class="row${wake.failed ? " failed" : ""}"><span><b>${named ? `${wake.device}, ` : ""}${count(wake.number)}</b> ${own}<small>${ending(wake, dated)}</small></span>
<svg viewBox="0 0 ${width} 20" preserveAspectRatio="none" role="img" aria-label="${title}"><title>${title}</title>${bar(wake, full)}</svg>
<span>${duration(wake.estimatedMs)}</span></div>`;
}

function ending({ at, cause, ending }: WakeRecord, dated: boolean): string {
  const time = dated ? dayAndTime(at) : clockTime(at);
  if (ending === "sleep" || ending === "idle")
    return cause === "deep-sleep" || cause === "" ? time : `${time} ${cause}`;
  return `${time} ${ending}`;
}

function wakeTitle({ number, device, errors, estimatedMs, microcoulombs, acked }: WakeRecord): string {
  const told = errors.map(({ kind, detail, phase }) => `${phase || "wake"}: ${kind}, ${detail}`);
  const usual = `${device}, wake ${number}: about ${duration(estimatedMs)} and ${charge(microcoulombs)} on a board`;
  return [usual, `${counted(acked, "message")} acknowledged`, ...told].join("; ");
}

function bar({ phases }: WakeRecord, full: number): Markup[] {
  let at = 0;
  return phases.map(({ name, ms, estimatedMs, microcoulombs, detail, failed }) => {
    const x = (width * at) / full;
    const wide = Math.max(narrowest, (width * estimatedMs) / full);
    at += estimatedMs;
    const words = [
      `${name}: about ${duration(estimatedMs)} and ${charge(microcoulombs)} on a board, ${duration(ms)} simulated`,
      detail,
    ];
    const title = words.filter(Boolean).join("; ");
    const mark = failed
      ? markup`<rect class="f-bad" x="${units(x)}" y="16" width="${units(wide)}" height="4"/>`
      : undefined;
    return markup`<rect class="p-${partOf(name).id}" x="${units(x)}" y="0" width="${units(wide)}" height="20"><title>${title}</title></rect>${mark}`;
  });
}
