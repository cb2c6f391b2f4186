/**
 * What is wrong with how a page looks, found in the browser itself: text that is cut off or lies over other text, text
 * too pale for its ground, content beside the page. It runs in the page, so it is written as one function without imports.
 */
export interface Faults {
  readonly cut: string[];
  readonly overlapping: string[];
  readonly pale: string[];
  readonly beside: string[];
}

/** WCAG 2.2 §1.4.3, AA. */
export const leastContrast = 4.5;

/** For Chromium.evaluate(). */
export const findFaults = `(${inPage})(${leastContrast})`;

function inPage(least: number): Faults {
  // biome-ignore lint/suspicious/noExplicitAny: the page's globals are not this program's
  const { document, getComputedStyle, innerWidth, NodeFilter } = globalThis as any;
  type Box = { left: number; right: number; top: number; bottom: number };
  interface Piece {
    readonly text: string;
    // biome-ignore lint/suspicious/noExplicitAny: an element
    readonly element: any;
    readonly box: Box;
  }
  const faults: Faults = { cut: [], overlapping: [], pale: [], beside: [] };
  const pieces: Piece[] = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    const text = node.textContent.trim();
    const element = node.parentElement;
    if (text === "" || element.closest("svg, style, script") || !element.checkVisibility()) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const box of range.getClientRects()) if (box.width > 0.5) pieces.push({ text, element, box });
  }

  const slack = 1.5;
  for (const { text, element, box } of pieces) {
    if (box.left < -slack || box.right > innerWidth + slack) faults.beside.push(text);
    for (let up = element; up && up !== document.body; up = up.parentElement) {
      const { overflowX, overflowY } = getComputedStyle(up);
      if (overflowX === "visible" && overflowY === "visible") continue;
      const frame = up.getBoundingClientRect();
      if (
        box.left < frame.left - slack ||
        box.right > frame.right + slack ||
        box.bottom > frame.bottom + slack
      )
        faults.cut.push(text);
    }
  }
  if (document.documentElement.scrollWidth > innerWidth + 1)
    faults.beside.push(`the page is ${document.documentElement.scrollWidth} px wide in ${innerWidth}`);

  // Lines of a paragraph may touch: what lies more than a third of a line's height over another does not touch only.
  const sorted = [...pieces].sort((a, b) => a.box.top - b.box.top);
  for (const [index, a] of sorted.entries())
    for (const b of sorted.slice(index + 1)) {
      if (b.box.top >= a.box.bottom) break;
      const down = Math.min(a.box.bottom, b.box.bottom) - Math.max(a.box.top, b.box.top);
      const across = Math.min(a.box.right, b.box.right) - Math.max(a.box.left, b.box.left);
      const line = Math.min(a.box.bottom - a.box.top, b.box.bottom - b.box.top);
      if (across > slack && down > line / 3) faults.overlapping.push(`${a.text} / ${b.text}`);
    }

  const seen = new Set<string>();
  for (const { text, element } of pieces) {
    const ink = channels(getComputedStyle(element).color);
    const ground = groundOf(element);
    const ratio = contrast(ink, ground);
    const key = `${ink} on ${ground}`;
    if (ratio >= least || seen.has(key)) continue;
    seen.add(key);
    faults.pale.push(`${text}: ${ratio.toFixed(2)}, ${key}`);
  }
  return faults;

  // biome-ignore lint/suspicious/noExplicitAny: an element
  function groundOf(element: any): number[] {
    for (let up = element; up; up = up.parentElement) {
      const ground = channels(getComputedStyle(up).backgroundColor);
      if (ground[3] !== 0) return ground;
    }
    return [255, 255, 255, 1];
  }

  function channels(colour: string): number[] {
    const numbers = (colour.match(/[\d.]+/g) ?? []).map(Number);
    return [numbers[0] ?? 0, numbers[1] ?? 0, numbers[2] ?? 0, numbers[3] ?? 1];
  }

  function contrast(a: number[], b: number[]): number {
    const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
    return (light + 0.05) / (dark + 0.05);
  }

  function luminance(rgb: number[]): number {
    const [r, g, b] = rgb.slice(0, 3).map((channel) => {
      const share = channel / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    }) as [number, number, number];
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  }
}
