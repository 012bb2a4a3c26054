/** A section of the configuration: a class whose instances are validated and frozen. */
export interface SectionClass<T extends object> {
  new (): T;
  /** Top-level key of the section in the configuration files. */
  readonly section: string;
}

/** One whole, validated version of the configuration. Never changes; a reload makes another. */
export interface ConfigSnapshot {
  /** Counts up from 1 with each version that took effect, rollbacks included. */
  readonly version: number;
  /** The section, or a throw when no such section was registered. */
  get<T extends object>(section: SectionClass<T>): Readonly<T>;
}
