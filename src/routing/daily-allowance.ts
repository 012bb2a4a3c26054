const DAY_MS = 86_400_000;

/** An amount set aside. */
export interface Reservation {
  /** Puts what was spent, in nano-USD, in the place of what was set aside. Once; later calls do nothing. */
  settle(nanoUsd: number): void;
}

interface Day {
  readonly number: number;
  spentNanoUsd: number;
  reservedNanoUsd: number;
}

/**
 * What may be spent in a UTC day. Amounts count on the day on which they were set aside; as long as none turns out
 * larger than what was set aside for it, a day's sum never passes the cap. One that does is spent all the same.
 */
export class DailyAllowance {
  #today: Day = { number: -Infinity, spentNanoUsd: 0, reservedNanoUsd: 0 };

  /** Sets an amount aside, or gives undefined where it could pass the day's cap. */
  reserve(nanoUsd: number, capNanoUsd: number, wallMs: number): Reservation | undefined {
    const day = this.#on(wallMs);
    if (day.spentNanoUsd + day.reservedNanoUsd + nanoUsd > capNanoUsd) return undefined;
    day.reservedNanoUsd += nanoUsd;
    let open = true;
    return {
      settle: (spentNanoUsd) => {
        if (!open) return;
        open = false;
        day.reservedNanoUsd -= nanoUsd;
        day.spentNanoUsd += spentNanoUsd;
      },
    };
  }

  /** What was spent on the day, without what is set aside. */
  spentNanoUsd(wallMs: number): number {
    return this.#on(wallMs).spentNanoUsd;
  }

  // A wall clock that is set back does not begin a day anew.
  #on(wallMs: number): Day {
    const number = Math.floor(wallMs / DAY_MS);
    if (number > this.#today.number) this.#today = { number, spentNanoUsd: 0, reservedNanoUsd: 0 };
    return this.#today;
  }
}
