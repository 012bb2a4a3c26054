/** How a store of resources is bounded. */
export interface ResourceStoreOptions<T> {
  /** The oldest resource makes room for one more than this. */
  readonly maxItems: number;
  /** True for a resource whose time is over; nobody sees it any more. */
  readonly isGone?: (resource: T) => boolean;
  /** Called once for each resource that leaves, whatever the cause. */
  readonly onDrop?: (resource: T) => void;
}

/** One page of a listing. */
export interface Page<T> {
  readonly items: readonly T[];
  /** Where the next page starts; absent on the last one. */
  readonly nextPageToken?: string;
}

interface Entry<T> {
  readonly sequence: number;
  readonly resource: T;
}

/** Named resources in bounded memory, listed newest first in pages that stay stable under deletion. */
export class ResourceStore<T> {
  private readonly entries = new Map<string, Entry<T>>();
  private sequence = 0;

  constructor(private readonly options: ResourceStoreOptions<T>) {}

  /** Adds a resource, in the place of one with the same name. */
  add(name: string, resource: T): void {
    this.delete(name);
    this.entries.set(name, { sequence: ++this.sequence, resource });
    for (const oldest of this.entries.keys()) {
      if (this.entries.size <= this.options.maxItems) break;
      this.delete(oldest);
    }
  }

  get(name: string): T | undefined {
    const entry = this.entries.get(name);
    if (entry === undefined) return undefined;
    if (!this.isGone(entry.resource)) return entry.resource;
    this.delete(name);
    return undefined;
  }

  delete(name: string): void {
    const entry = this.entries.get(name);
    if (entry === undefined) return;
    this.entries.delete(name);
    this.options.onDrop?.(entry.resource);
  }

  /**
   * At most `size` resources that `includes` accepts, from `token` on; undefined for a token that no store gave
   * out.
   */
  page(size: number, token: string, includes: (resource: T) => boolean): Page<T> | undefined {
    const before = token === '' ? Infinity : sequenceOf(token);
    if (before === undefined) return undefined;
    const left = [...this.entries.values()]
      .filter(({ sequence, resource }) => sequence < before && !this.isGone(resource) && includes(resource))
      .toReversed();
    const entries = left.slice(0, size);
    const last = entries.at(-1);
    return {
      items: entries.map((entry) => entry.resource),
      ...(last !== undefined && left.length > size && { nextPageToken: tokenOf(last.sequence) }),
    };
  }

  private isGone(resource: T): boolean {
    return this.options.isGone?.(resource) === true;
  }
}

function tokenOf(sequence: number): string {
  return Buffer.from(`before:${sequence}`).toString('base64url');
}

function sequenceOf(token: string): number | undefined {
  const digits = /^before:(\d{1,15})$/.exec(Buffer.from(token, 'base64url').toString())?.[1];
  return digits === undefined ? undefined : Number(digits);
}
