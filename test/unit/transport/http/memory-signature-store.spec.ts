import { describe, expect, it } from '@jest/globals';
import { MemorySignatureStore } from '../../../../src/transport/http/memory-signature-store.js';
import { SignaturesConfig } from '../../../../src/transport/http/signatures.config.js';
import { ManualClock } from '../../../helpers/manual-clock.js';

function storeOf(settings: Partial<SignaturesConfig> = {}) {
  const clock = new ManualClock();
  const store = new MemorySignatureStore(Object.assign(new SignaturesConfig(), settings), clock);
  const find = async (...ids: string[]) =>
    (await store.find('t', ids)).map((part) => part?.signature ?? part?.upstreamId);
  return { clock, store, find };
}

describe('MemorySignatureStore', () => {
  it('sweeps what has expired when something is kept', async () => {
    const { clock, store } = storeOf({ ttlMs: 1_000 });
    for (const id of ['a', 'b', 'c']) await store.keep('t', id, { signature: id });
    clock.advance(1_000);
    await store.keep('t', 'd', { signature: 'd' });
    expect(store.size).toBe(1);
  });

  it('forgets what was unused for longest beyond its number', async () => {
    const { store, find } = storeOf({ maxEntries: 2 });
    await store.keep('t', 'a', { signature: 'A' });
    await store.keep('t', 'b', { signature: 'B' });
    await find('a');
    await store.keep('t', 'c', { signature: 'C' });
    expect(await find('a', 'b', 'c')).toEqual(['A', undefined, 'C']);
    expect(store.size).toBe(2);
  });

  it('forgets beyond its bytes, and counts what is replaced once', async () => {
    const { store, find } = storeOf({ maxBytes: 5_000 });
    const signature = 'x'.repeat(1_000);
    for (let round = 0; round < 20; round += 1) await store.keep('t', 'same', { signature });
    expect(await find('same')).toEqual([signature]);
    for (const id of ['a', 'b', 'c', 'd', 'e']) await store.keep('t', id, { signature });
    expect(store.size).toBe(4);
    expect(await find('same', 'e')).toEqual([undefined, signature]);
    await store.keep('t', 'huge', { signature: 'x'.repeat(6_000) });
    expect(store.size).toBe(0);
  });
});
