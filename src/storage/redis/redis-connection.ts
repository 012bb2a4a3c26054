import type { Clock } from '../../core/clock.js';
import type { Credential } from '../../core/credential.js';
import type { Random } from '../../core/random.js';
import type { RedisConfig } from '../storage.config.js';
import {
  clusterClient,
  isRedisAnswer,
  parseRedisUrl,
  type RedisClient,
  type RedisCommand,
  type RedisReply,
  singleClient,
} from './redis-client.js';

/** First and longest bound of the pause before another connection is tried; doubled by each failure. */
const PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 1_000;
const LONGEST_DOUBLING = 6;
const CONNECT_TIMEOUT_MS = 1_000;

interface Link {
  readonly client: RedisClient;
  readonly ready: Promise<void>;
  isReady: boolean;
}

/**
 * The process's connection to the shared Redis, made when it is first needed. Nothing waits longer than
 * `storage.redis.timeoutMs`, and nothing is kept for later: what cannot be sent now rejects. A connection that broke,
 * or on which an answer is late, is replaced when it is needed next, after a pause of random length that grows while
 * connections fail. The URL is read anew for each.
 */
export class RedisConnection {
  readonly keyPrefix: string;
  #link: Link | undefined;
  #failures = 0;
  #notBeforeMs = 0;
  #closed = false;

  constructor(
    private readonly url: Credential,
    private readonly settings: RedisConfig,
    private readonly clock: Clock,
    private readonly random: Random,
  ) {
    this.keyPrefix = settings.keyPrefix;
  }

  /** Longest wait for an answer. */
  get timeoutMs(): number {
    return this.settings.timeoutMs;
  }

  /**
   * Sends a command about a key, which tells the node of a cluster. Rejects with the server's own error, or with an
   * Error where there is no answer in time; the command may have been carried out all the same.
   */
  send(key: string, command: RedisCommand, timeoutMs = this.timeoutMs): Promise<RedisReply> {
    return this.#ask((client) => client.send(key, command), timeoutMs);
  }

  /** The same, for a command that is answered with bytes or with nothing. */
  sendForBytes(key: string, command: RedisCommand): Promise<Buffer | null> {
    return this.#ask((client) => client.sendForBytes(key, command), this.timeoutMs);
  }

  async #ask<T>(ask: (client: RedisClient) => Promise<T>, timeoutMs: number): Promise<T> {
    const link = this.#link ?? this.#open();
    try {
      const reply = await this.#within(timeoutMs, 'answer', this.#sent(link, ask));
      this.#failures = 0;
      return reply;
    } catch (thrown) {
      // A connection that is being made has its own bound. A replica that was the primary may stand behind a name that
      // already leads elsewhere.
      if (link.isReady && (!isRedisAnswer(thrown) || thrown.message.startsWith('READONLY'))) this.#drop(link);
      throw thrown;
    }
  }

  /** Resolves once there is a connection, which may take longer than an answer may; rejects where none can be made. */
  async ready(): Promise<void> {
    await (this.#link ?? this.#open()).ready;
  }

  /** Ends the connection. What is under way rejects, and so does everything from now on. */
  close(): void {
    this.#closed = true;
    this.#link?.client.destroy();
    this.#link = undefined;
  }

  async #sent<T>(link: Link, ask: (client: RedisClient) => Promise<T>): Promise<T> {
    if (!link.isReady) await link.ready;
    return ask(link.client);
  }

  #open(): Link {
    const pauseMs = this.#notBeforeMs - this.clock.monotonicMs();
    if (this.#closed || pauseMs > PAUSE_MS) throw new Error('There is no connection to Redis.');
    const address = parseRedisUrl(this.url.current());
    const lost = (): void => this.#drop(link);
    const client = this.settings.cluster ? clusterClient(address) : singleClient(address, lost);
    const link: Link = { client, isReady: false, ready: this.#connected(client, pauseMs, () => link) };
    link.ready.catch(lost);
    this.#link = link;
    return link;
  }

  async #connected(client: RedisClient, pauseMs: number, link: () => Link): Promise<void> {
    if (pauseMs > 0) {
      await new Promise<void>((resolve) => void this.clock.after(pauseMs, resolve));
      if (this.#link !== link()) throw new Error('The connection to Redis was closed.');
    }
    await this.#within(CONNECT_TIMEOUT_MS, 'accept a connection', client.connect());
    link().isReady = true;
  }

  #drop(link: Link): void {
    if (this.#link !== link) return;
    this.#link = undefined;
    const boundMs = Math.min(LONGEST_PAUSE_MS, PAUSE_MS * 2 ** Math.min(this.#failures, LONGEST_DOUBLING));
    this.#failures += 1;
    this.#notBeforeMs = this.clock.monotonicMs() + boundMs * this.random();
    link.client.destroy();
  }

  #within<T>(timeoutMs: number, what: string, result: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const late = (): void => reject(new Error(`Redis did not ${what} within ${timeoutMs} ms.`));
      // What came while this process was busy lies there to be read: that is no fault of Redis.
      const timer = this.clock.after(timeoutMs, () => void setImmediate(late));
      result.then(resolve, reject).finally(() => timer.clear());
    });
  }
}
