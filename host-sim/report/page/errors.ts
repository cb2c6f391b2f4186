/** What went wrong, how often, and what an operator does about it (docs/errors.md). */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../paths.js";
import type { ErrorTotal, FaultTotal, WakeName } from "../history/history.js";
import { type Markup, markup } from "./markup.js";
import { count, counted } from "./words.js";

const longestDetail = 160;

export function errorList(errors: readonly ErrorTotal[], named: boolean): Markup {
  const actions = readActions();
  const rows = [...errors].sort((a, b) => b.count - a.count);
  return markup`<ul class="errors">${rows.map(({ kind, phase, count: times, detail, first, last }) => {
    const action = actions.get(kind);
    const where = phase === "" ? "the wake itself" : `in ${phase}`;
    return markup`<li><p><b>${kind}</b> <span class="chip bad">${counted(times, "time")}</span> <small>${where}, ${span(first, last, named)}</small></p>
${detail && markup`<p>${shortened(detail)}</p>`}${action && markup`<p class="do"><b>Do:</b> ${action}.</p>`}</li>`;
  })}</ul>`;
}

/** What the run did to its boards: nothing that went wrong by itself. */
export function faultList(faults: readonly FaultTotal[]): Markup {
  const rows = [...faults].sort((a, b) => b.count - a.count);
  return markup`<ul class="faults">${rows.map(
    ({ name, detail, count: times }) =>
      markup`<li><b>${name}</b> <span class="chip">${counted(times, "time")}</span>${detail && markup`<small>${shortened(detail)}</small>`}</li>`,
  )}</ul>`;
}

function span(first: WakeName, last: WakeName, named: boolean): string {
  const name = ({ device, number }: WakeName) => (named ? `${device} ${number}` : count(number));
  return first === last ? `wake ${name(first)}` : `wakes ${name(first)} to ${name(last)}`;
}

function shortened(detail: string): string {
  return detail.length <= longestDetail ? detail : `${detail.slice(0, longestDetail)}…`;
}

/** By kind; none when the page is not where it is in a checkout. */
function readActions(): ReadonlyMap<string, Markup> {
  const actions = new Map<string, Markup>();
  let page = "";
  try {
    page = readFileSync(join(root, "docs/errors.md"), "utf8");
  } catch {
    return actions;
  }
  for (const [, kind, action] of page.matchAll(/^\| `([a-z0-9-]+)` \|[^|]*\| ([^|]+) \|$/gm))
    actions.set(kind!, withCode(action!));
  return actions;
}

/** Markdown's `code` is all that there is in an action. */
function withCode(text: string): Markup {
  const parts = text
    .split("`")
    .map((part, index) => (index % 2 === 1 ? markup`<code>${part}</code>` : markup`${part}`));
  return markup`${parts}`;
}
