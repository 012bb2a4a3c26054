import type { AnswerCodec } from './answer-codec.js';
import type { CacheStore } from './cache-store.port.js';
import type { StoredAnswer } from './stored-answer.js';

/** Answers in a store of bytes. What cannot be read rejects with an UnreadableAnswer. */
export class SealedAnswers implements CacheStore<StoredAnswer> {
  constructor(
    private readonly bytes: CacheStore<Buffer>,
    private readonly codec: AnswerCodec,
  ) {}

  async get(key: string): Promise<StoredAnswer | undefined> {
    const sealed = await this.bytes.get(key);
    return sealed && this.codec.decode(key, sealed);
  }

  async set(key: string, answer: StoredAnswer, ttlMs: number): Promise<void> {
    await this.bytes.set(key, await this.codec.encode(key, answer), ttlMs);
  }

  delete(key: string): Promise<void> {
    return this.bytes.delete(key);
  }
}
