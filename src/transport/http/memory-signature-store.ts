import type { Clock } from '../../core/clock.js';
import type { KeptPart, SignatureStore } from '../signature.port.js';
import type { SignaturesConfig } from './signatures.config.js';

/** What an entry takes beside its texts, roughly. */
const ENTRY_BYTES = 200;

interface Entry {
  readonly part: KeptPart;
  readonly bytes: number;
  readonly expiresMs: number;
}

/**
 * Signatures in this process's memory, bounded in number, in bytes and in time since their last use. Another
 * process, and this one after a restart, does not know them.
 */
export class MemorySignatureStore implements SignatureStore {
  // Ordered by last use, the longest ago first; as all live equally long, that is also who expires first.
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  constructor(
    private readonly config: SignaturesConfig,
    private readonly clock: Clock,
  ) {}

  /** Signatures kept at the moment, expired ones that were not yet swept included. */
  get size(): number {
    return this.#entries.size;
  }

  keep(tenant: string, id: string, part: KeptPart): Promise<void> {
    const key = keyOf(tenant, id);
    const bytes = ENTRY_BYTES + key.length + (part.signature?.length ?? 0) + (part.upstreamId?.length ?? 0);
    this.#remove(key);
    this.#put(key, part, bytes);
    this.#sweep();
    return Promise.resolve();
  }

  find(tenant: string, ids: readonly string[]): Promise<readonly (KeptPart | undefined)[]> {
    return Promise.resolve(ids.map((id) => this.#find(keyOf(tenant, id))));
  }

  #find(key: string): KeptPart | undefined {
    const entry = this.#remove(key);
    if (entry === undefined || entry.expiresMs <= this.clock.monotonicMs()) return undefined;
    // A conversation that goes on keeps its signatures.
    this.#put(key, entry.part, entry.bytes);
    return entry.part;
  }

  #put(key: string, part: KeptPart, bytes: number): void {
    this.#entries.set(key, { part, bytes, expiresMs: this.clock.monotonicMs() + this.config.ttlMs });
    this.#bytes += bytes;
  }

  #remove(key: string): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    this.#bytes -= entry.bytes;
    return entry;
  }

  #sweep(): void {
    const { maxEntries, maxBytes } = this.config;
    const nowMs = this.clock.monotonicMs();
    for (const [key, { expiresMs }] of this.#entries) {
      if (expiresMs > nowMs && this.#entries.size <= maxEntries && this.#bytes <= maxBytes) return;
      this.#remove(key);
    }
  }
}

function keyOf(tenant: string, id: string): string {
  // Ids are the caller's text: none of them may reach into another tenant.
  return `${tenant.length} ${tenant} ${id}`;
}
