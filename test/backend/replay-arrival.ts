import type { Arrival } from "../../backend/replay/replay-store.js";

export function arrival(counter: number, mark = 1, more: Partial<Arrival> = {}): Arrival {
  const identity = new Uint8Array(32).fill(mark);
  return { sender: "dormouse-1", epoch: 0, direction: "up", topic: "t", counter, identity, ...more };
}
