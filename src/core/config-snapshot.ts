/** One mistake in the configuration. */
export interface ConfigProblem {
  /** Where in the configuration, for example `tasks.summary.timeoutMs`. */
  readonly path: string;
  /** What is wrong, following the path in a sentence. Never shows the value of a secret. */
  readonly message: string;
  /** Where the value was written, for example `config/gateway.yaml:12`; the loader knows it. */
  readonly source?: string;
}

/** A section of the configuration: a class whose instances are validated and frozen. */
export interface SectionClass<T extends object> {
  new (): T;
  /** Name of the section, and its key in the configuration files unless `topLevel` is set. */
  readonly section: string;
  /** True where the fields of the class are themselves top-level keys of the configuration files. */
  readonly topLevel?: boolean;
  /** False where a change takes effect at the next start only. */
  readonly reloadable?: boolean;
  /** Names that match nothing in other sections. Runs on the whole configuration before it takes effect. */
  check?(snapshot: ConfigSnapshot): readonly ConfigProblem[];
}

/** One whole, validated version of the configuration. Never changes; a reload makes another. */
export interface ConfigSnapshot {
  /** Counts up from 1 with each version that took effect, rollbacks included. */
  readonly version: number;
  /** The section, or a throw when no such section was registered. */
  get<T extends object>(section: SectionClass<T>): Readonly<T>;
}
