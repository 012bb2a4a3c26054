import { createHash } from 'node:crypto';
import type { Clock } from '../../core/clock.js';
import { isRedisAnswer, type RedisReply } from './redis-client.js';
import type { RedisConnection } from './redis-connection.js';

/** A script that a server carries out as one step. It is sent by its digest, and as a whole where a server lost it. */
export class RedisScript {
  readonly #digest: string;

  constructor(
    private readonly source: string,
    private readonly connection: RedisConnection,
    private readonly clock: Clock,
  ) {
    this.#digest = createHash('sha1').update(source).digest('hex');
  }

  /** Runs it, within the time for one command. All keys must be on the node of the first. */
  async run(keys: readonly [string, ...string[]], values: readonly string[]): Promise<RedisReply> {
    const rest = [String(keys.length), ...keys, ...values];
    const startedMs = this.clock.monotonicMs();
    try {
      return await this.connection.send(keys[0], ['EVALSHA', this.#digest, ...rest]);
    } catch (thrown) {
      if (!isRedisAnswer(thrown) || !thrown.message.startsWith('NOSCRIPT')) throw thrown;
      const leftMs = this.connection.timeoutMs - (this.clock.monotonicMs() - startedMs);
      return this.connection.send(keys[0], ['EVAL', this.source, ...rest], leftMs);
    }
  }
}
