/** How many retries may be under way at once. */
export interface RetryBudgetOptions {
  /** Share of the calls under way, 0 to 1. */
  readonly share: number;
  /** Always allowed, however few calls are under way. */
  readonly floor: number;
}

/**
 * Bounds retries by what is under way, for the process and for each target: an upstream that fails every call must
 * not be asked several times as much as one that works.
 */
export class RetryBudget {
  readonly #all = new Count();
  readonly #targets = new Map<string, Count>();

  constructor(private readonly options: RetryBudgetOptions) {}

  /** Says that a call begins. Returns what says that it is over. */
  call(): () => void {
    this.#all.calls += 1;
    return once(() => {
      this.#all.calls -= 1;
    });
  }

  /** Says that the first attempt of a call begins, on a target. Returns what says that it is over. */
  attempt(target: string): () => void {
    const count = this.#of(target);
    count.calls += 1;
    return once(() => {
      count.calls -= 1;
      this.#forget(target, count);
    });
  }

  /** Whether there is a retry on a target left in the budget now. */
  allows(target: string): boolean {
    return this.#hasLeft(this.#all) && this.#hasLeft(this.#targets.get(target) ?? new Count());
  }

  /** Takes a retry on a target out of the budget: what gives it back, or undefined where there is none left. */
  retry(target: string): (() => void) | undefined {
    if (!this.allows(target)) return undefined;
    const own = this.#of(target);
    this.#all.retries += 1;
    own.retries += 1;
    return once(() => {
      this.#all.retries -= 1;
      own.retries -= 1;
      this.#forget(target, own);
    });
  }

  #hasLeft({ calls, retries }: Count): boolean {
    return retries < Math.max(this.options.floor, Math.floor(calls * this.options.share));
  }

  #of(target: string): Count {
    const present = this.#targets.get(target);
    if (present !== undefined) return present;
    const made = new Count();
    this.#targets.set(target, made);
    return made;
  }

  #forget(target: string, { calls, retries }: Count): void {
    if (calls === 0 && retries === 0) this.#targets.delete(target);
  }
}

class Count {
  calls = 0;
  retries = 0;
}

function once(act: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    act();
  };
}
