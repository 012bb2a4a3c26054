import type { ConfigSnapshot, SectionClass } from '../core/config-snapshot.js';

/** Instances by their section class. */
export type SectionInstances = ReadonlyMap<SectionClass<object>, object>;

class Snapshot implements ConfigSnapshot {
  constructor(
    readonly version: number,
    readonly sections: SectionInstances,
  ) {}

  get<T extends object>(section: SectionClass<T>): Readonly<T> {
    const instance = this.sections.get(section);
    if (instance === undefined)
      throw new Error(`The configuration section "${section.section}" is not registered.`);
    return instance as Readonly<T>;
  }
}

/** A version of the configuration from instances that were validated. Freezes them deeply. */
export function snapshotOf(version: number, sections: SectionInstances): ConfigSnapshot {
  for (const instance of sections.values()) deepFreeze(instance);
  return new Snapshot(version, sections);
}

function deepFreeze(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  for (const inner of Object.values(value)) deepFreeze(inner);
}
