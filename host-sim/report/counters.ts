/** A set of message counters, by device: what comes in a row takes no more room than one, a year of it either. */
export class Counters {
  readonly #ofDevice = new Map<string, Run[]>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(device: string, counter: number): void {
    const runs = this.#ofDevice.get(device);
    if (!runs) this.#ofDevice.set(device, [{ first: counter, last: counter }]);
    else if (!insert(runs, counter)) return;
    this.#size++;
  }
}

/** Counters from `first` to `last`, both included. */
interface Run {
  first: number;
  last: number;
}

/** @param runs rising, with gaps between them @returns false: it was there */
function insert(runs: Run[], counter: number): boolean {
  // Counters rise: nearly always it is the last one.
  let at = runs.length;
  while (at > 0 && runs[at - 1]!.first > counter) at--;
  const [before, after] = [runs[at - 1], runs[at]];
  if (before && counter <= before.last) return false;
  const follows = before?.last === counter - 1;
  const precedes = after?.first === counter + 1;
  if (follows && precedes) {
    before.last = after.last;
    runs.splice(at, 1);
  } else if (follows) before.last = counter;
  else if (precedes) after.first = counter;
  else runs.splice(at, 0, { first: counter, last: counter });
  return true;
}
