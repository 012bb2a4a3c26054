/**
 * What counts against a limit over the last so many steps of time, and the debt that is to be paid out of its room.
 * A step's use leaves as a whole, when the last moment of the step is a whole window old: nothing leaves early. Steps
 * are numbered by the caller, who gives the limit with each question; the last one given is that by which debt is paid
 * while nobody asks.
 *
 * Wherever there is debt, the limit is used up: what leaves makes room, and debt takes it at once.
 */
export class SlidingWindow {
  /** What counts now. */
  used = 0;
  debt = 0;
  readonly #cells: Float64Array;
  #head: number;
  #limit = 0;

  constructor(
    /** How many steps count, the one that has just begun included. */
    steps: number,
    step: number,
  ) {
    this.#cells = new Float64Array(steps);
    this.#head = step;
  }

  /** The step that it is. */
  get step(): number {
    return this.#head;
  }

  /** Comes to a step; an earlier one than the present is taken for it. */
  advance(step: number): void {
    const steps = this.#cells.length;
    while (this.#head < step) {
      const gap = step - this.#head;
      if (gap >= steps) {
        if (this.debt === 0) {
          this.#cells.fill(0);
          this.used = 0;
        }
        // A full window whose debt takes all that leaves looks the same after each turn.
        const turns =
          this.debt > 0 && this.used === this.#limit && this.#limit > 0
            ? Math.min(Math.floor(gap / steps), Math.floor(this.debt / this.#limit))
            : 0;
        this.debt -= turns * this.#limit;
        this.#head += turns * steps;
        if (this.used === 0 && (this.debt === 0 || this.#limit === 0)) this.#head = step;
        if (turns > 0 || this.#head === step) continue;
      }
      this.#next();
    }
  }

  /** Says by which limit debt is paid from now on. */
  limit(limit: number): void {
    this.#limit = limit;
    this.#pay();
  }

  /** Counts use that comes now, or came in an earlier step. Returns whether it still counts. */
  add(amount: number, step = this.#head): boolean {
    if (!this.holds(step)) return false;
    this.#cells[this.#at(Math.min(step, this.#head))]! += amount;
    this.used += amount;
    return true;
  }

  /** Takes back use of a step that still counts. */
  takeBack(amount: number, step: number): void {
    this.add(-amount, step);
    this.#pay();
  }

  /** Makes a debt, and pays of it what there is room for. */
  owe(amount: number): void {
    this.debt += amount;
    this.#pay();
  }

  /** Whether use of a step still counts. */
  holds(step: number): boolean {
    return step > this.#head - this.#cells.length;
  }

  /** Whether so much fits under a limit. */
  fits(amount: number, limit: number): boolean {
    return this.used + this.debt + amount <= limit;
  }

  /** The step in which so much fits under a limit, if nothing else comes; Infinity where it never does. */
  stepToFit(amount: number, limit: number): number {
    if (amount > limit) return Infinity;
    const later = new SlidingWindow(this.#cells.length, this.#head);
    later.#cells.set(this.#cells);
    later.used = this.used;
    later.debt = this.debt;
    later.#limit = limit;
    // Each turn pays one limit at most.
    if (later.debt > 0) later.advance(this.#head + Math.floor(this.debt / limit) * this.#cells.length);
    while (!later.fits(amount, limit)) later.#next();
    return later.#head;
  }

  /** The step from which on nothing counts, if nothing comes and debt is left aside. */
  stepToClear(): number {
    if (this.used === 0) return this.#head;
    let newest = this.#head;
    while (this.#cells[this.#at(newest)] === 0) newest -= 1;
    return newest + this.#cells.length;
  }

  #next(): void {
    this.#head += 1;
    const at = this.#at(this.#head);
    this.used -= this.#cells[at]!;
    this.#cells[at] = 0;
    this.#pay();
  }

  #pay(): void {
    if (this.debt === 0) return;
    const paid = Math.min(this.debt, Math.max(0, this.#limit - this.used));
    this.debt -= paid;
    this.add(paid);
  }

  #at(step: number): number {
    const steps = this.#cells.length;
    return ((step % steps) + steps) % steps;
  }
}
