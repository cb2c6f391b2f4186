/** Whoever opens the simulated board's port, for tests: bytes out, bytes in, and whether it is still there. */
import { closeSync, constants, openSync, readSync, writeSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";

export class Terminal {
  readonly #fd: number;
  /** All that has come. */
  received = Buffer.alloc(0);
  gone = false;

  constructor(path: string) {
    this.#fd = openSync(path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
  }

  write(bytes: string | Uint8Array): number {
    const all = Buffer.from(bytes);
    return writeSync(this.#fd, all, 0, all.length);
  }

  /** Reads what is there. */
  read(): void {
    const bytes = Buffer.alloc(4096);
    for (;;) {
      try {
        const count = readSync(this.#fd, bytes, 0, bytes.length, null);
        if (count === 0) this.gone = true;
        if (count === 0) return;
        this.received = Buffer.concat([this.received, bytes.subarray(0, count)]);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === "EIO") this.gone = true;
        else if (code !== "EAGAIN") throw error;
        return;
      }
    }
  }

  /** Reads until `enough`, for 2 s at most. */
  async until(enough: () => boolean): Promise<void> {
    for (const endMs = Date.now() + 2000; Date.now() < endMs; await wait(1)) {
      this.read();
      if (enough() || this.gone) return;
    }
    throw new Error(`the board sent no more than ${JSON.stringify(this.received.toString("latin1"))}`);
  }

  /** Reads until nothing has come for 0.2 s. */
  async untilQuiet(): Promise<void> {
    for (let before = -1; before < this.received.length; ) {
      before = this.received.length;
      await wait(200);
      this.read();
    }
  }

  async hear(text: string): Promise<void> {
    await this.until(() => this.received.includes(text));
  }

  close(): void {
    closeSync(this.#fd);
  }
}
