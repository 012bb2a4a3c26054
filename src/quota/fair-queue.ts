/** Whose turn it is by. */
export interface Share {
  readonly team: string;
  /** How much of the turns the team gets, beside others'. More than 0. */
  readonly weight: number;
}

interface Team<T> {
  readonly waiting: Set<T>;
  /** Virtual time of its next turn. */
  turn: number;
}

/** What a turn costs at least, so that turns that cost nothing are shared too. */
const LEAST_COST = 1e-6;
/** Teams without anybody waiting are remembered as long as they are ahead of their share, and up to so many. */
const IDLE_TEAMS = 64;

/**
 * Who waits, teams in turn by their weights and costs (start-time fair queuing), first come first served within each.
 * Adding and leaving take constant time, a turn as many steps as there are teams.
 */
export class FairQueue<T extends { readonly share: Share }> {
  readonly #teams = new Map<string, Team<T>>();
  #size = 0;
  /** Virtual time: that of the last turn. */
  #now = 0;

  get size(): number {
    return this.#size;
  }

  add(item: T): void {
    const team = this.#teams.get(item.share.team) ?? { waiting: new Set<T>(), turn: 0 };
    this.#teams.set(item.share.team, team);
    // Who had nothing to ask for saves nothing up, and owes what it had beyond its share.
    if (team.waiting.size === 0) team.turn = Math.max(team.turn, this.#now);
    if (!team.waiting.has(item)) this.#size += 1;
    team.waiting.add(item);
  }

  /** Takes out who left without a turn. */
  delete(item: T): void {
    if (this.#teams.get(item.share.team)?.waiting.delete(item) === true) this.#size -= 1;
  }

  /** Whose turn it is, among those that can take it. */
  next(can: (item: T) => boolean): T | undefined {
    let found: T | undefined;
    let turn = Infinity;
    for (const team of this.#teams.values()) {
      if (team.turn >= turn) continue;
      for (const item of team.waiting) {
        if (!can(item)) continue;
        found = item;
        turn = team.turn;
        break;
      }
    }
    return found;
  }

  /** Takes out who had its turn. `cost` is what the turn takes of what is shared; any unit, 0 or more. */
  took(item: T, cost: number): void {
    const { team: name, weight } = item.share;
    const team = this.#teams.get(name);
    if (team === undefined || !team.waiting.delete(item)) return;
    this.#size -= 1;
    this.#now = Math.max(this.#now, team.turn);
    team.turn += Math.max(LEAST_COST, cost) / weight;
    if (this.#teams.size > IDLE_TEAMS) this.#forget();
  }

  /** All that wait, in no particular order. */
  *[Symbol.iterator](): Iterator<T> {
    for (const { waiting } of this.#teams.values()) yield* waiting;
  }

  #forget(): void {
    for (const [name, { waiting, turn }] of this.#teams)
      if (waiting.size === 0 && turn <= this.#now) this.#teams.delete(name);
  }
}
