import { childPath } from './config-path.js';

/** A mapping as the files have it, before any class is built from it. */
export type RawMap = Record<string, unknown>;

/** What one source says, and where it says it. */
export interface ConfigLayer {
  readonly value: RawMap;
  /** Path of a value to the place where it is written, for example `gateway.yaml:12`. */
  readonly origins: ReadonlyMap<string, string>;
}

/** The layers laid over each other, each value with the place that it comes from. */
export class ConfigTree {
  #root: RawMap = emptyMap();
  readonly #origins = new Map<string, string>();

  get root(): Readonly<RawMap> {
    return this.#root;
  }

  /** Lays a layer over what is there: maps merge deeply, anything else is replaced. `null` stays as a mark. */
  overlay(layer: ConfigLayer): void {
    this.#root = merged(this.#root, layer.value, '', (path) => this.#forgetWithin(path)) as RawMap;
    for (const [path, origin] of layer.origins) this.#origins.set(path, origin);
  }

  /** Sets one value; maps and lists on the way to it are made where they are missing. */
  set(steps: readonly (string | number)[], value: unknown, origin: string): void {
    let layer: unknown = value;
    for (let depth = steps.length - 1; depth >= 0; depth -= 1) {
      const step = steps[depth]!;
      if (typeof step === 'string') layer = Object.assign(emptyMap(), { [step]: layer });
      else layer = withEntry(this.at(steps.slice(0, depth)), step, layer);
    }
    const path = steps.reduce<string>((parent, step) => childPath(parent, step), '');
    this.overlay({ value: layer as RawMap, origins: new Map([[path, origin]]) });
  }

  /** The value behind the steps, or undefined. */
  at(steps: readonly (string | number)[]): unknown {
    let value: unknown = this.#root;
    for (const step of steps) {
      if (typeof value !== 'object' || value === null) return undefined;
      value = (value as Record<string | number, unknown>)[step];
    }
    return value;
  }

  /** Where the value, or the nearest value around it, is written. */
  originOf(path: string): string | undefined {
    for (let at = path; at !== ''; at = parentPath(at)) {
      const origin = this.#origins.get(at);
      if (origin !== undefined) return origin;
    }
    return undefined;
  }

  /** Whoever replaces a value owns what is missing in it, too. */
  #forgetWithin(path: string): void {
    for (const known of this.#origins.keys())
      if (known.startsWith(path) && /^[.[]/.test(known.slice(path.length))) this.#origins.delete(known);
  }
}

/** True for a mapping; lists, null and scalars are none. */
export function isRawMap(value: unknown): value is RawMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A mapping without prototype, so that no name in it is found that nobody wrote. */
export function emptyMap(): RawMap {
  return Object.create(null) as RawMap;
}

function merged(base: unknown, over: unknown, path: string, onReplace: (path: string) => void): unknown {
  if (!isRawMap(over)) {
    onReplace(path);
    return over;
  }
  const result = Object.assign(emptyMap(), isRawMap(base) ? base : {});
  for (const [key, value] of Object.entries(over))
    result[key] = merged(result[key], value, childPath(path, key), onReplace);
  return result;
}

function withEntry(list: unknown, index: number, value: unknown): unknown[] {
  const entries: unknown[] = Array.isArray(list) ? [...(list as unknown[])] : [];
  entries[index] = merged(entries[index], value, '', () => undefined);
  return entries;
}

/** The path without its last step; empty for a path of one step. */
function parentPath(path: string): string {
  const last = /(?:\.[^.[\]]+|\[\d+\]|\["(?:[^"\\]|\\.)*"\])$/.exec(path);
  return last === null ? '' : path.slice(0, last.index);
}
