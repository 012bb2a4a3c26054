interface Entry<T> {
  readonly atMs: number;
  readonly item: T;
}

/** Below so many entries a sweep is not worth its while. */
const FEW = 64;

/** Things that end at a time of their own, the first to end at hand. What ends sooner is skipped when its turn comes. */
export class ExpiryQueue<T> {
  /** A binary heap. */
  #entries: Entry<T>[] = [];

  constructor(private readonly isAlive: (item: T) => boolean) {}

  /** Entries, those that ended sooner included: at most twice as many as `alive` was last, and some. */
  get size(): number {
    return this.#entries.length;
  }

  /** Adds one. `alive` is how many there are that have not ended. */
  push(atMs: number, item: T, alive: number): void {
    if (this.#entries.length > 2 * alive + FEW) this.#sweep();
    this.#entries.push({ atMs, item });
    this.#rise(this.#entries.length - 1);
  }

  /** When the first that has not ended does; undefined where there is none. */
  firstMs(): number | undefined {
    return this.#first()?.atMs;
  }

  /** Takes out the first if it ends at that time or before. */
  takeDue(nowMs: number): T | undefined {
    const first = this.#first();
    if (first === undefined || first.atMs > nowMs) return undefined;
    this.#removeFirst();
    return first.item;
  }

  #first(): Entry<T> | undefined {
    let [first] = this.#entries;
    while (first !== undefined && !this.isAlive(first.item)) {
      this.#removeFirst();
      [first] = this.#entries;
    }
    return first;
  }

  #sweep(): void {
    // A sorted list is a heap.
    this.#entries = this.#entries
      .filter(({ item }) => this.isAlive(item))
      .toSorted((one, other) => one.atMs - other.atMs);
  }

  #removeFirst(): void {
    const last = this.#entries.pop();
    if (last === undefined || this.#entries.length === 0) return;
    this.#entries[0] = last;
    this.#sink(0);
  }

  #rise(from: number): void {
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#atMs(parent) <= this.#atMs(at)) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  #sink(from: number): void {
    let at = from;
    for (;;) {
      const left = 2 * at + 1;
      const smaller = this.#atMs(left + 1) < this.#atMs(left) ? left + 1 : left;
      if (this.#atMs(smaller) >= this.#atMs(at)) return;
      this.#swap(at, smaller);
      at = smaller;
    }
  }

  #atMs(index: number): number {
    return this.#entries[index]?.atMs ?? Infinity;
  }

  #swap(one: number, other: number): void {
    const entries = this.#entries;
    [entries[one], entries[other]] = [entries[other]!, entries[one]!];
  }
}
