import { randomUUID } from 'node:crypto';
import type { FlightLease, FlightLock } from '../../cache/flight-lock.port.js';
import type { Clock, Timer } from '../../core/clock.js';
import type { RedisConnection } from './redis-connection.js';
import { RedisScript } from './redis-script.js';

/** KEYS: the lock. ARGV: its holder's token, ms. Answers 1 where it is still the holder's. */
const RENEW = `#!lua
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`;

/** KEYS: the lock. ARGV: its holder's token. */
const RELEASE = `#!lua
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`;

/** How long a lock outlives a process that died. */
const TTL_MS = 3_000;
/** Renewals within that time: one may fail. */
const RENEWALS = 3;

/** Locks in the Redis that replicas share: a key with the token of its holder, which ends by itself. */
export class RedisFlightLock implements FlightLock {
  readonly #renew: RedisScript;
  readonly #release: RedisScript;

  constructor(
    private readonly connection: RedisConnection,
    private readonly clock: Clock,
    private readonly ttlMs = TTL_MS,
  ) {
    this.#renew = new RedisScript(RENEW, connection, clock);
    this.#release = new RedisScript(RELEASE, connection, clock);
  }

  async take(key: string): Promise<FlightLease | 'held' | 'unknown'> {
    const name = `${this.connection.keyPrefix}flight:${key}`;
    const token = randomUUID();
    try {
      const command = ['SET', name, token, 'NX', 'PX', String(this.ttlMs)];
      if ((await this.connection.send(name, command)) === null) return 'held';
    } catch {
      // It may have been set all the same, and then others would wait for nobody; it ends by itself.
      return 'unknown';
    }
    return this.#lease(name, token);
  }

  #lease(name: string, token: string): FlightLease {
    let timer: Timer | undefined;
    let isOver = false;
    const renewLater = (): void => {
      timer = this.clock.after(this.ttlMs / RENEWALS, () => void renew());
    };
    const renew = async (): Promise<void> => {
      // One that fails is tried again, as long as the key may still be there.
      const isHeld = await this.#renew.run([name], [token, String(this.ttlMs)]).catch(() => 1);
      if (isHeld === 1 && !isOver) renewLater();
    };
    renewLater();
    return {
      release: async () => {
        if (isOver) return;
        isOver = true;
        timer?.clear();
        // Without an answer it ends by itself.
        await this.#release.run([name], [token]).catch(() => 0);
      },
    };
  }
}
