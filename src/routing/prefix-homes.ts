import type { Prefix } from './request-prefix.js';

/** Beginnings remembered; those used longest ago are forgotten beyond it. */
const MAX_HOMES = 20_000;

/** Which project had a beginning of a prompt last, for each model. */
export class PrefixHomes {
  readonly #homes = new Map<string, string>();

  /** The project that had the longest of these beginnings, longest first; undefined where none is known. */
  of(model: string, prefixes: readonly Prefix[]): string | undefined {
    for (const { hash } of prefixes) {
      const home = this.#homes.get(`${model}/${hash}`);
      if (home !== undefined) return home;
    }
    return undefined;
  }

  /** Takes note that a project has these beginnings now. */
  learn(project: string, model: string, prefixes: readonly Prefix[]): void {
    for (const { hash } of prefixes) {
      const name = `${model}/${hash}`;
      this.#homes.delete(name);
      this.#homes.set(name, project);
      if (this.#homes.size <= MAX_HOMES) continue;
      const [oldest] = this.#homes.keys();
      if (oldest !== undefined) this.#homes.delete(oldest);
    }
  }
}
