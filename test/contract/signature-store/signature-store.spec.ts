import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { LARGEST_PART, type KeptPart } from '../../../src/transport/signature.port.js';
import { ENGINES, TTL_MS, type StoreUnderTest } from './engines.js';

describe.each(ENGINES.map((engine) => [engine.name, engine] as const))('a store in %s', (_name, engine) => {
  let under: StoreUnderTest;
  beforeAll(() => engine.start());
  afterAll(() => engine.stop());
  beforeEach(async () => {
    under = await engine.open();
  });

  const find = (...ids: string[]) => under.store.find('t', ids);

  it('finds what was kept, in the order that is asked for', async () => {
    await under.store.keep('t', 'a', { signature: 'A', upstreamId: 'u' });
    await under.store.keep('t', 'b', { upstreamId: 'B' });
    const b = { upstreamId: 'B' };
    expect(await find('b', 'none', 'a', 'b')).toEqual([b, undefined, { signature: 'A', upstreamId: 'u' }, b]);
    expect(await find()).toEqual([]);
  });

  it('keeps the last of what is kept under one id', async () => {
    await under.store.keep('t', 'a', { signature: 'A', upstreamId: 'u' });
    await under.store.keep('t', 'a', { signature: 'B' });
    expect(await find('a')).toEqual([{ signature: 'B' }]);
  });

  it('forgets in time since the last use', async () => {
    await under.store.keep('t', 'used', { signature: 'A' });
    await under.store.keep('t', 'unused', { signature: 'B' });
    await under.advance(TTL_MS - 60_000);
    expect(await find('used')).toEqual([{ signature: 'A' }]);
    await under.advance(60_000);
    expect(await find('used', 'unused')).toEqual([{ signature: 'A' }, undefined]);
    await under.advance(TTL_MS);
    expect(await find('used')).toEqual([undefined]);
  });

  it('keeps each tenant’s apart, whatever tenants and ids look like', async () => {
    await under.store.keep('t', 'x a', { signature: 'A' });
    expect(await under.store.find('t x', ['a'])).toEqual([undefined]);
    expect(await under.store.find('other', ['x a'])).toEqual([undefined]);
    const name = fc.oneof(
      fc.string({ unit: fc.constantFrom('a', ' ', '1', ':', '{', '}', '\0'), maxLength: 4 }),
      fc.string({ unit: 'binary', maxLength: 200 }),
    );
    const pairs = fc.uniqueArray(fc.tuple(name, name), {
      minLength: 2,
      maxLength: 8,
      selector: (pair) => JSON.stringify(pair),
    });
    await fc.assert(
      fc.asyncProperty(pairs, async (given) => {
        const signatureOf = (index: number): KeptPart => ({ signature: `signature ${index}` });
        for (const [index, [tenant, id]] of given.entries())
          await under.store.keep(tenant, id, signatureOf(index));
        for (const [index, [tenant, id]] of given.entries())
          expect(await under.store.find(tenant, [id])).toEqual([signatureOf(index)]);
      }),
      { numRuns: 40 },
    );
  });

  it('keeps the largest of parts as it is, and many at once', async () => {
    const largest = { signature: 'ß"\\\n'.repeat(LARGEST_PART / 4) };
    await under.store.keep('t', 'large', largest);
    expect(await find('large')).toEqual([largest]);
    const ids = Array.from({ length: 500 }, (_none, index) => `call ${index}`);
    await Promise.all(ids.map((id) => under.store.keep('t', id, { signature: id })));
    expect(await find(...ids)).toEqual(ids.map((signature) => ({ signature })));
  });
});
