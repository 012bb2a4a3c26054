import { describe, expect, it } from '@jest/globals';
import { eventsOf } from '../../../src/core/events-of.js';
import { chunkFixture, finishFixture } from '../../helpers/calls.js';

describe('eventsOf', () => {
  it('delivers the events in order and is done, for good', async () => {
    const [chunk, finish] = [chunkFixture('a'), finishFixture()];
    const iterator = eventsOf([chunk, finish])[Symbol.asyncIterator]();
    expect(await iterator.next()).toEqual({ done: false, value: chunk });
    expect(await iterator.next()).toEqual({ done: false, value: finish });
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });

  it('is done once it was left', async () => {
    const iterator = eventsOf([chunkFixture('a'), finishFixture()])[Symbol.asyncIterator]();
    expect(await iterator.return?.()).toEqual({ done: true, value: undefined });
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });
});
