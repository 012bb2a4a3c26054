import { hash } from 'node:crypto';
import { isJsonObject } from '../../core/json.js';
import type { KeptPart, SignatureStore } from '../../transport/signature.port.js';
import type { RedisConnection } from './redis-connection.js';

/**
 * Signatures in the Redis that replicas share: what one of them kept, each of them finds. A key each, which goes away by
 * itself `ttlMs` after its last use. Whatever is wrong with Redis rejects, within the time of the connection.
 */
export class RedisSignatureStore implements SignatureStore {
  readonly #ttl: string;

  constructor(
    private readonly connection: RedisConnection,
    ttlMs: number,
  ) {
    this.#ttl = String(ttlMs);
  }

  async keep(tenant: string, id: string, part: KeptPart): Promise<void> {
    const key = this.#keyOf(tenant, id);
    await this.connection.send(key, ['SET', key, JSON.stringify(part), 'PX', this.#ttl]);
  }

  find(tenant: string, ids: readonly string[]): Promise<readonly (KeptPart | undefined)[]> {
    // One command each, as keys lie on different nodes of a cluster; all are on their way before the first is answered.
    return Promise.all(ids.map((id) => this.#find(this.#keyOf(tenant, id))));
  }

  async #find(key: string): Promise<KeptPart | undefined> {
    // A conversation that goes on keeps its signatures.
    const reply = await this.connection.send(key, ['GETEX', key, 'PX', this.#ttl]);
    return typeof reply === 'string' ? keptPart(reply) : undefined;
  }

  #keyOf(tenant: string, id: string): string {
    // Ids are the caller's text: of any length, with braces that would choose the node, made to reach another tenant's.
    const digest = hash('sha256', `${tenant.length} ${tenant} ${id}`, 'base64url');
    return `${this.connection.keyPrefix}signature:${digest}`;
  }
}

/** What a value holds; undefined where it is none of ours. */
function keptPart(text: string): KeptPart | undefined {
  try {
    const part: unknown = JSON.parse(text);
    if (!isJsonObject(part)) return undefined;
    const { signature, upstreamId } = part;
    return {
      ...(typeof signature === 'string' ? { signature } : {}),
      ...(typeof upstreamId === 'string' ? { upstreamId } : {}),
    };
  } catch {
    return undefined;
  }
}
