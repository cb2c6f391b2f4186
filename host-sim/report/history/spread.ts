/** How a quantity is spread, in constant memory: counts in logarithmic classes, so that quantiles are right within 4 %. */
const classesPerDecade = 30;
const smallest = 0.5;
const decades = 8;

export class Spread {
  readonly #counts = new Uint32Array(classesPerDecade * decades + 1);
  #count = 0;
  #sum = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = 0;

  add(value: number): void {
    this.#counts[classOf(value)]!++;
    this.#count++;
    this.#sum += value;
    this.#min = Math.min(this.#min, value);
    this.#max = Math.max(this.#max, value);
  }

  get count(): number {
    return this.#count;
  }

  get sum(): number {
    return this.#sum;
  }

  get max(): number {
    return this.#max;
  }

  /** @param share from 0 to 1; 0.5 is the median */
  quantile(share: number): number {
    if (share >= 1) return this.#max;
    const wanted = share * this.#count;
    let seen = 0;
    for (let index = 0; index < this.#counts.length; index++) {
      seen += this.#counts[index]!;
      if (seen >= wanted && seen > 0) return Math.max(this.#min, Math.min(middleOf(index), this.#max));
    }
    return 0;
  }
}

/** 0 is all that rounds to nothing. */
function classOf(value: number): number {
  if (value < smallest) return 0;
  const index = 1 + Math.round(Math.log10(value / smallest) * classesPerDecade);
  return Math.min(index, classesPerDecade * decades);
}

function middleOf(index: number): number {
  return index === 0 ? 0 : smallest * 10 ** ((index - 1) / classesPerDecade);
}
