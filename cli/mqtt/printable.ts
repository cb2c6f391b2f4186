/** Anybody's text on a terminal: what would steer it, or turn the reading direction, is shown and not done. */
const steering = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

/** One line: `\x1b` for an escape, `\u202e` for a right-to-left override. */
export function printableLine(text: string): string {
  return text.replace(steering, escaped);
}

/** The same, with its line feeds and tabs. */
export function printableText(text: string): string {
  return text.replace(steering, (character) =>
    character === "\n" || character === "\t" ? character : escaped(character),
  );
}

/** JSON on one line, as any reader of JSON takes it. */
export function printableJson(value: object): string {
  return JSON.stringify(value).replace(steering, hex);
}

function escaped(character: string): string {
  const code = character.codePointAt(0)!;
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : hex(character);
}

function hex(character: string): string {
  return `\\u${character.codePointAt(0)!.toString(16).padStart(4, "0")}`;
}
