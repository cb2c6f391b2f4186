/** HTML and SVG as text. What is put in is escaped, unless it is markup itself: devices and brokers say what they like. */

export class Markup {
  constructor(readonly text: string) {}
}

type Part = string | number | Markup | readonly Part[] | null | undefined | false;

/** A template: `markup\`<p>${text}</p>\``. */
export function markup(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  let text = strings[0]!;
  for (const [index, part] of parts.entries()) text += rendered(part) + strings[index + 1]!;
  return new Markup(text);
}

function rendered(part: Part): string {
  if (part === null || part === undefined || part === false) return "";
  if (part instanceof Markup) return part.text;
  if (typeof part === "object") return part.map(rendered).join("");
  return escaped(String(part));
}

function escaped(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}

/** A number in an attribute of SVG: a tenth of a unit is finer than any eye. */
export function units(value: number): string {
  return String(Math.round(value * 10) / 10);
}
