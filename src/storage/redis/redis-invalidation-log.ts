import { randomUUID } from 'node:crypto';
import {
  type CacheFilter,
  type InvalidationEntries,
  type InvalidationLog,
  type InvalidationState,
  MOST_INVALIDATIONS,
} from '../../cache/invalidation-log.port.js';
import type { Clock } from '../../core/clock.js';
import { filterName, filterOf, tenantPrefix } from '../filter-name.js';
import type { RedisConnection } from './redis-connection.js';
import { RedisScript } from './redis-script.js';

/**
 * KEYS: the log. ARGV: name of the log if it has none, name of the filter, what the names of the tenant's begin with,
 * name of the one that stands for all of them, name of the one of everything, most of them. Answers `{ name, number }`.
 */
const ADD = `#!lua
redis.call('HSETNX', KEYS[1], 'epoch', ARGV[1])
local number = redis.call('HINCRBY', KEYS[1], 'number', 1)
local most = tonumber(ARGV[6]) + 2
redis.call('HSET', KEYS[1], ARGV[2], number)
if redis.call('HLEN', KEYS[1]) > most and ARGV[3] ~= '' then
  for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
    if string.sub(field, 1, #ARGV[3]) == ARGV[3] then redis.call('HDEL', KEYS[1], field) end
  end
  redis.call('HSET', KEYS[1], ARGV[4], number)
end
if redis.call('HLEN', KEYS[1]) > most then
  local epoch = redis.call('HGET', KEYS[1], 'epoch')
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'epoch', epoch, 'number', number, ARGV[5], number)
end
return { redis.call('HGET', KEYS[1], 'epoch'), number }`;

/** The log that replicas share: one hash, whose fields are filters and whose values are their numbers. */
export class RedisInvalidationLog implements InvalidationLog {
  readonly #name: string;
  readonly #add: RedisScript;

  constructor(
    private readonly connection: RedisConnection,
    clock: Clock,
  ) {
    this.#name = `${connection.keyPrefix}cache-invalidations`;
    this.#add = new RedisScript(ADD, connection, clock);
  }

  async state(): Promise<InvalidationState> {
    const ask = ['HMGET', this.#name, 'epoch', 'number'];
    const [epoch, number] = (await this.connection.send(this.#name, ask)) as readonly (string | null)[];
    return typeof epoch === 'string' ? { epoch, number: Number(number ?? 0) } : this.#begin();
  }

  async read(): Promise<InvalidationEntries> {
    const flat = (await this.connection.send(this.#name, ['HGETALL', this.#name])) as readonly string[];
    const fields = new Map<string, string>();
    for (let at = 0; at < flat.length; at += 2) fields.set(flat[at] ?? '', flat[at + 1] ?? '');
    const epoch = fields.get('epoch');
    if (epoch === undefined) return { ...(await this.#begin()), entries: [] };
    const entries = [...fields]
      .filter(([name]) => name.startsWith('['))
      .map(([name, number]) => ({ filter: filterOf(name), number: Number(number) }))
      .toSorted((one, other) => other.number - one.number);
    return { epoch, number: Number(fields.get('number') ?? 0), entries };
  }

  async add(filter: CacheFilter): Promise<InvalidationState> {
    const { tenant } = filter;
    const [epoch, number] = (await this.#add.run(
      [this.#name],
      [
        randomUUID(),
        filterName(filter),
        tenant === undefined ? '' : tenantPrefix(tenant),
        tenant === undefined ? '' : filterName({ tenant }),
        filterName({}),
        String(MOST_INVALIDATIONS),
      ],
    )) as readonly [string, number];
    return { epoch, number };
  }

  /** A server that knows nothing of the log has lost all answers with it, or never had any. */
  async #begin(): Promise<InvalidationState> {
    await this.connection.send(this.#name, ['HSETNX', this.#name, 'epoch', randomUUID()]);
    return this.state();
  }
}
