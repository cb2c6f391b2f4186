/** The form for what a profile needs, and what was put into it. */
import { element } from "../dom.js";
import type { Given } from "./given.js";
import type { Need, NeedName } from "./needs.js";

/** Certificates and keys have a few kilobytes. */
const maxFileBytes = 65_536;

export class Fields {
  readonly #inputs = new Map<NeedName, HTMLInputElement>();
  readonly elements: readonly HTMLElement[];

  constructor(needs: readonly Need[]) {
    this.elements = needs.flatMap((need) => this.#field(need));
  }

  #field({ name, label, hint, kind }: Need): HTMLElement[] {
    const id = `need-${name}`;
    const input = element("input", { id, required: true, autocomplete: "off" });
    input.type = kind === "text" ? "password" : "file";
    this.#inputs.set(name, input);
    const described = hint === "" ? [] : [element("span", { id: `${id}-hint`, className: "hint" }, hint)];
    if (hint !== "") input.setAttribute("aria-describedby", `${id}-hint`);
    return [element("label", { htmlFor: id }, label), ...described, input];
  }

  /** @returns the caller's to zero @throws {RangeError} when a file is far too large */
  async read(): Promise<Given> {
    const given = new Map<NeedName, Uint8Array<ArrayBuffer>>();
    for (const [name, input] of this.#inputs) {
      const file = input.files?.[0];
      if (file && file.size > maxFileBytes)
        throw new RangeError(`${file.name} is too large for a key or certificate`);
      if (file) given.set(name, new Uint8Array(await file.arrayBuffer()));
      else if (input.type !== "file") given.set(name, new TextEncoder().encode(input.value));
    }
    return given;
  }

  /** What was typed is forgotten; picked files are kept for the next board. */
  forget(): void {
    for (const input of this.#inputs.values()) if (input.type !== "file") input.value = "";
  }
}
