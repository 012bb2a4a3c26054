import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../core/clock.js';
import type { ConfigProblem, ConfigSnapshot, SectionClass } from '../core/config-snapshot.js';
import { ConfigError } from './config-error.js';
import { configFiles, environmentName, loadConfig, type ConfigSources } from './load-config.js';
import { snapshotOf } from './snapshot.js';
import { watchFiles, type FileWatch } from './watch-files.js';

/** Versions that can be rolled back to. */
const HISTORY_LIMIT = 20;

/** One version that took effect. */
export interface ConfigVersion {
  readonly snapshot: ConfigSnapshot;
  /** Wall time, milliseconds since the epoch. */
  readonly appliedAtMs: number;
  readonly by: 'start' | 'reload' | 'rollback';
}

/** What came of a reload. Only `applied` made a new version. */
export type ReloadResult =
  | { readonly kind: 'applied'; readonly version: number; readonly needRestart: readonly string[] }
  | { readonly kind: 'unchanged'; readonly needRestart: readonly string[] }
  | { readonly kind: 'refused'; readonly problems: readonly ConfigProblem[] };

/** What operators should hear of; no values. */
export type ConfigNotice =
  | ReloadResult
  | { readonly kind: 'rolled-back'; readonly version: number; readonly to: number }
  | { readonly kind: 'failed'; readonly what: 'reload' | 'listener' | 'watch'; readonly error: Error };

/** What a store is made of. */
export interface ConfigStoreOptions extends ConfigSources {
  readonly sections: readonly SectionClass<object>[];
  readonly clock: Clock;
  /** Looks at a valid configuration before it takes effect, at the start too; problems refuse it. */
  readonly prepare?: (snapshot: ConfigSnapshot) => Promise<readonly ConfigProblem[]>;
  /** Hears of every reload, rollback and failure. Must not throw. */
  readonly onNotice?: (notice: ConfigNotice) => void;
}

/**
 * The configuration in effect. A new version is validated whole and takes effect at once or not at all; what a
 * call started under stays as it is to the call's end.
 */
export class ConfigStore {
  readonly #history: ConfigVersion[] = [];
  readonly #listeners = new Set<(snapshot: ConfigSnapshot) => void>();
  #reloading: Promise<unknown> = Promise.resolve();
  #watch: FileWatch | undefined;

  private constructor(private readonly options: ConfigStoreOptions) {}

  /** Reads the configuration for the start. Throws a ConfigError with every problem at once. */
  static async open(options: ConfigStoreOptions): Promise<ConfigStore> {
    const store = new ConfigStore(options);
    const { sections } = await loadConfig(options.sections, options);
    const snapshot = snapshotOf(1, sections);
    await store.#prepare(snapshot);
    store.#apply(snapshot, 'start');
    return store;
  }

  /** Name of the environment, as `GATEWAY_ENV` gives it. */
  get environmentName(): string {
    return environmentName(this.options);
  }

  /** The version in effect. */
  current(): ConfigSnapshot {
    return this.#history.at(-1)!.snapshot;
  }

  /** Versions that took effect, the newest last; the oldest are forgotten. */
  history(): readonly ConfigVersion[] {
    return [...this.#history];
  }

  /**
   * Reads everything again. An invalid configuration changes nothing; a section that does not reload keeps its
   * values and is named in `needRestart`. Reloads run one after another.
   */
  reload(): Promise<ReloadResult> {
    const result = this.#reloading.then(() => this.#reload());
    this.#reloading = result.catch(() => undefined);
    return result;
  }

  /**
   * Puts an earlier version into effect again, as a new version: the one before the current one unless a
   * number is given. Throws a RangeError for a version that is not in the history.
   */
  rollback(toVersion: number = this.#previousVersion()): ConfigSnapshot {
    const target = this.#history.find(({ snapshot }) => snapshot.version === toVersion);
    if (target === undefined)
      throw new RangeError(`There is no configuration version ${toVersion} to go back to.`);
    const version = this.current().version + 1;
    this.#notify({ kind: 'rolled-back', version, to: toVersion });
    return this.#apply(this.#copy(target.snapshot, version), 'rollback');
  }

  /** Calls the listener after each new version. Returns what ends that. */
  onChange(listener: (snapshot: ConfigSnapshot) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Begins to reload when a configuration file changes. */
  watch(): void {
    this.#watch ??= watchFiles(
      configFiles(this.options).map(({ path }) => path),
      this.options.clock,
      () => {
        this.reload().catch((thrown: unknown) => this.#failed('reload', thrown));
      },
      (error) => this.#failed('watch', error),
    );
  }

  /** Ends watching. */
  close(): void {
    this.#watch?.close();
    this.#watch = undefined;
  }

  async #reload(): Promise<ReloadResult> {
    const result = await this.#load();
    this.#notify(result);
    return result;
  }

  async #load(): Promise<ReloadResult> {
    const current = this.current();
    try {
      const { sections, needRestart } = await loadConfig(this.options.sections, this.options, current);
      const same = [...sections].every(([section, instance]) =>
        isDeepStrictEqual(instance, current.get(section)),
      );
      if (same) return { kind: 'unchanged', needRestart };
      await this.#prepare(snapshotOf(0, sections));
      // A rollback may have taken a number meanwhile.
      const version = this.current().version + 1;
      this.#apply(snapshotOf(version, sections), 'reload');
      return { kind: 'applied', version, needRestart };
    } catch (thrown) {
      if (!(thrown instanceof ConfigError)) throw thrown;
      return { kind: 'refused', problems: thrown.problems };
    }
  }

  async #prepare(snapshot: ConfigSnapshot): Promise<void> {
    const problems = (await this.options.prepare?.(snapshot)) ?? [];
    if (problems.length > 0) throw new ConfigError(problems);
  }

  #apply(snapshot: ConfigSnapshot, by: ConfigVersion['by']): ConfigSnapshot {
    this.#history.push({ snapshot, appliedAtMs: this.options.clock.wallMs(), by });
    if (this.#history.length > HISTORY_LIMIT) this.#history.shift();
    for (const listener of this.#listeners)
      try {
        listener(snapshot);
      } catch (thrown) {
        this.#failed('listener', thrown);
      }
    return snapshot;
  }

  #copy(source: ConfigSnapshot, version: number): ConfigSnapshot {
    return snapshotOf(
      version,
      new Map(this.options.sections.map((section) => [section, source.get(section)])),
    );
  }

  #previousVersion(): number {
    return this.#history.at(-2)?.snapshot.version ?? 0;
  }

  #failed(what: 'reload' | 'listener' | 'watch', thrown: unknown): void {
    this.#notify({
      kind: 'failed',
      what,
      error: thrown instanceof Error ? thrown : new Error(String(thrown)),
    });
  }

  #notify(notice: ConfigNotice): void {
    this.options.onNotice?.(notice);
  }
}
