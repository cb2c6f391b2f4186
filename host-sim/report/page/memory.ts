/** The highest marks of the machine's memory against the board's limits, and how they went over the run. */
import type { Meters } from "../../device.js";
import type { Creation } from "../../manifest.js";
import type { Column } from "../history/column.js";
import { type Markup, markup, units } from "./markup.js";
import { bytes, count, percent } from "./words.js";

const slotBytes = 16;

interface Mark {
  readonly title: string;
  readonly value: (heap: Meters) => number;
  /** undefined: it has none of its own. */
  readonly limit: number | undefined;
}

function marks({ static: area, chunk, heap, stack }: Creation): Mark[] {
  const stackBytes = stack * slotBytes;
  const own: Mark[] =
    area > 0
      ? [
          {
            title: "slots and chunks",
            value: ({ slotBytesPeak, chunkBytesPeak }) => slotBytesPeak + chunkBytesPeak,
            limit: area - stackBytes,
          },
        ]
      : [
          { title: "slots", value: ({ slotBytesPeak }) => slotBytesPeak, limit: heap.initial * slotBytes },
          { title: "chunks", value: ({ chunkBytesPeak }) => chunkBytesPeak, limit: chunk.initial },
        ];
  return [
    ...own,
    { title: "stack", value: ({ stackBytesPeak }) => stackBytesPeak, limit: stackBytes },
    { title: "TLS heap", value: ({ tlsBytesPeak }) => tlsBytesPeak, limit: undefined },
  ];
}

export function memoryFigure(creation: Creation, heap: Meters): Markup {
  return markup`<figure>${marks(creation).map(({ title, value, limit }) => {
    const used = value(heap);
    const share = limit === undefined ? 1 : Math.min(1, used / limit);
    const words =
      limit === undefined ? bytes(used) : `${bytes(used)} of ${count(limit)}, ${percent(used / limit)}`;
    const colour = limit === undefined ? "p-start" : "f-accent";
    return markup`<div class="meter"><span>${title}</span><svg viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true"><rect class="${colour}" x="0" y="0" width="${units(1000 * share)}" height="10"/></svg><span>${words}</span></div>`;
  })}</figure>`;
}

/** Lines over the run, each up to its limit; nothing for a run of a few wakes. */
export function memoryTrend(creation: Creation, columns: readonly Column[]): Markup | undefined {
  // The meters are read at the end of a boot, and a device that stays awake has one.
  if (columns.length < 8 || columns[0]!.heap.slotBytesPeak === 0) return undefined;
  return markup`<h3>Over the run</h3><figure class="small">${marks(creation).map(
    ({ title, value, limit }) => {
      const values = columns.map(({ heap }) => value(heap));
      const full = 1.08 * (limit ?? Math.max(...values));
      const points = values.map(
        (used, index) => `${units((1000 * index) / (values.length - 1))},${units(100 - (100 * used) / full)}`,
      );
      const at = limit === undefined ? undefined : units(100 - (100 * limit) / full);
      const line =
        at === undefined ? undefined : markup`<line class="limit" x1="0" x2="1000" y1="${at}" y2="${at}"/>`;
      const words = limit === undefined ? title : `${title}, limit dashed`;
      return markup`<div><p>${words}</p><svg viewBox="0 0 1000 100" preserveAspectRatio="none" role="img" aria-label="${title} over the run"><title>${title} over the run</title>${line}<polyline class="line" points="${points.join(" ")}"/></svg></div>`;
    },
  )}</figure>`;
}
