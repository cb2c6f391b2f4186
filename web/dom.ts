/** The few things that the page does to its document. Text is set as text, never as markup. */

/** @throws {Error} when index.html has no such element */
export function byId<E extends HTMLElement>(id: string): E {
  const found = document.getElementById(id);
  if (!found) throw new Error(`no element ${id}`);
  return found as E;
}

export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Partial<HTMLElementTagNameMap[K]> = {},
  ...content: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  Object.assign(made, properties);
  made.append(...content);
  return made;
}

/** A line that says how it stands; `wrong` when somebody has to do something. */
export function say(place: HTMLElement, text: string, wrong = false): void {
  place.textContent = text;
  place.classList.toggle("wrong", wrong);
}

/** Of an error, one line for the person at the bench. */
export function lineOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/\s+/g, " ").trim();
}
