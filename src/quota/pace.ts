/** Over which time a pace is measured; what was before counts less and less. */
const MEASURED_MS = 30_000;
/** Before it nothing is said. */
const LEAST_MS = 10_000;

/** How fast something goes on: an exponentially weighted rate. */
export class Pace {
  #amount = 0;
  #atMs: number;

  constructor(private readonly sinceMs: number) {
    this.#atMs = sinceMs;
  }

  add(amount: number, nowMs: number): void {
    this.#amount = this.#left(nowMs) + amount;
    this.#atMs = nowMs;
  }

  /** Amount per millisecond; undefined where too little was seen to tell. */
  perMs(nowMs: number): number | undefined {
    const ageMs = nowMs - this.sinceMs;
    const left = this.#left(nowMs);
    if (ageMs < LEAST_MS || left === 0) return undefined;
    return left / (MEASURED_MS * (1 - Math.exp(-ageMs / MEASURED_MS)));
  }

  #left(nowMs: number): number {
    return this.#amount * Math.exp(-(nowMs - this.#atMs) / MEASURED_MS);
  }
}
