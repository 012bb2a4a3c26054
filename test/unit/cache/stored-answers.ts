import type { StoredAnswer } from '../../../src/cache/stored-answer.js';
import { chunkFixture, finishFixture } from '../../helpers/calls.js';

/** A stored answer. */
export function storedAnswer(overrides: Partial<StoredAnswer> = {}): StoredAnswer {
  return {
    tag: 'tag-1',
    storedAtMs: 0,
    ttlMs: 60_000,
    staleWhileRevalidateMs: 0,
    staleIfErrorMs: 0,
    epoch: 'epoch-1',
    number: 0,
    labels: { tenant: 'tenant-1' },
    target: { project: 'project-1', model: 'gemini-3.8-flash', fallback: false },
    chunks: [chunkFixture('Hello')],
    finish: finishFixture(),
    ...overrides,
  };
}
