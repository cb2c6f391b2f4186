/**
 * What `listen` and `bridge` say on standard error of messages that go no further. Whoever may publish could fill a
 * disk with it: of many in a short time that are alike only the first have a line each, the others are counted.
 */
import type { Writable } from "node:stream";

const mostLines = 20;
const periodMs = 60_000;

interface Told {
  lines: number;
  /** Since the last count. */
  more: number;
}

export class Notices {
  readonly #write: (text: string) => Promise<void>;
  /** By what they have in common: as many as there are verdicts and reasons. */
  readonly #told = new Map<string, Told>();
  #timer: NodeJS.Timeout | undefined;

  constructor(write: (text: string) => Promise<void> = (text) => written(process.stderr, text)) {
    this.#write = write;
  }

  /** @param kind not the sender's to choose */
  async tell(kind: string, line: string): Promise<void> {
    this.#timer ??= setInterval(() => void this.#count(), periodMs).unref();
    const told = this.#told.get(kind) ?? { lines: 0, more: 0 };
    this.#told.set(kind, told);
    if (told.lines < mostLines) {
      told.lines++;
      await this.always(line);
    } else told.more++;
  }

  /** However many there were. */
  always(line: string): Promise<void> {
    return this.#write(`dormouse: ${line}\n`);
  }

  /** Says what has not been said. */
  async end(): Promise<void> {
    clearInterval(this.#timer);
    await this.#count();
  }

  async #count(): Promise<void> {
    const counted: string[] = [];
    for (const [kind, told] of this.#told) {
      // A quiet minute: the next ones have lines again.
      if (told.more === 0) this.#told.delete(kind);
      else counted.push(`… and ${told.more} more: ${kind}`);
      told.more = 0;
    }
    for (const line of counted) await this.always(line);
  }
}

/** A slow reader is waited for. */
export function written(stream: Writable, text: string): Promise<void> {
  return new Promise((resolve) => stream.write(text, () => resolve()));
}
