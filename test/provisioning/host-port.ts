/** A client's port without I/O: a clock and timers that the test moves, and what went out. */
import type { ClientPort } from "../../lib/provisioning/client.js";

interface Timer {
  readonly atMs: number;
  readonly wake: () => void;
}

export class HostPort implements ClientPort {
  /** Called with what goes out. */
  out: (bytes: Uint8Array) => void = () => {};
  private now = 0;
  private timers: Timer[] = [];

  send(bytes: Uint8Array): void {
    this.out(bytes);
  }

  nowMs(): number {
    return this.now;
  }

  after(ms: number, wake: () => void): () => void {
    const timer = { atMs: this.now + ms, wake };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((one) => one !== timer);
    };
  }

  get pending(): number {
    return this.timers.length;
  }

  /** To the next timer. @returns false when there is none */
  next(): boolean {
    const [first] = [...this.timers].sort((a, b) => a.atMs - b.atMs);
    if (!first) return false;
    this.timers = this.timers.filter((one) => one !== first);
    this.now = Math.max(this.now, first.atMs);
    first.wake();
    return true;
  }

  /** Moves the clock from timer to timer until `promise` has ended. @throws what it throws */
  async until<T>(promise: Promise<T>): Promise<T> {
    let ended = false;
    const settled = promise.finally(() => {
      ended = true;
    });
    settled.catch(() => {});
    for (let idle = 0; !ended && idle < 50; ) {
      await undefined;
      await undefined;
      if (!ended) idle = this.next() ? 0 : idle + 1;
    }
    if (!ended) throw new Error("it waits for nothing");
    return settled;
  }
}
