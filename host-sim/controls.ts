/** What is typed while a simulated board runs, one word a line. */
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import type { Hands } from "./hands.js";

export const controlWords = "reset, button (reset, then held for 5 s), unplug, plug, quit";

export interface Controls {
  close(): void;
}

/** @param note is told of a word that is none, and of a button that is not there */
export function readControls(
  input: Readable,
  hands: Hands,
  { quit, note }: { readonly quit: () => void; readonly note: (text: string) => void },
): Controls {
  const act: { readonly [word: string]: () => void } = {
    reset: () => hands.reset(),
    button: () => (hands.hasButton ? hands.hold() : note("this board has no button")),
    unplug: () => hands.unplug(),
    plug: () => hands.plug(),
    quit,
    "": () => {},
  };
  const lines = createInterface({ input }).on("line", (line) => {
    const word = line.trim();
    if (Object.hasOwn(act, word)) act[word]!();
    else note(`"${word}"? Type one of: ${controlWords}`);
  });
  return {
    close: () => {
      lines.close();
      input.destroy();
    },
  };
}
