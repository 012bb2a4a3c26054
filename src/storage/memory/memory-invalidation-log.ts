import { randomUUID } from 'node:crypto';
import {
  type CacheFilter,
  type Invalidation,
  type InvalidationEntries,
  type InvalidationLog,
  type InvalidationState,
  MOST_INVALIDATIONS,
} from '../../cache/invalidation-log.port.js';
import { filterName, tenantPrefix } from '../filter-name.js';

/** A log of this process's own. */
export class MemoryInvalidationLog implements InvalidationLog {
  readonly #epoch = randomUUID();
  readonly #entries = new Map<string, Invalidation>();
  #number = 0;

  state(): Promise<InvalidationState> {
    return Promise.resolve({ epoch: this.#epoch, number: this.#number });
  }

  async read(): Promise<InvalidationEntries> {
    return { ...(await this.state()), entries: [...this.#entries.values()].toReversed() };
  }

  add(filter: CacheFilter): Promise<InvalidationState> {
    this.#number += 1;
    this.#put(filter);
    const { tenant } = filter;
    if (this.#entries.size > MOST_INVALIDATIONS && tenant !== undefined) {
      const prefix = tenantPrefix(tenant);
      for (const name of this.#entries.keys()) if (name.startsWith(prefix)) this.#entries.delete(name);
      this.#put({ tenant });
    }
    if (this.#entries.size > MOST_INVALIDATIONS) {
      this.#entries.clear();
      this.#put({});
    }
    return this.state();
  }

  #put(filter: CacheFilter): void {
    const name = filterName(filter);
    this.#entries.delete(name);
    this.#entries.set(name, { filter, number: this.#number });
  }
}
