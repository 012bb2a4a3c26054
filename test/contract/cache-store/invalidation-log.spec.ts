import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type InvalidationLog, MOST_INVALIDATIONS } from '../../../src/cache/invalidation-log.port.js';
import { systemClock } from '../../../src/core/clock.js';
import { MemoryInvalidationLog } from '../../../src/storage/memory/memory-invalidation-log.js';
import type { RedisConnection } from '../../../src/storage/redis/redis-connection.js';
import { RedisInvalidationLog } from '../../../src/storage/redis/redis-invalidation-log.js';
import { type RedisServer, startRedisServer } from '../../helpers/redis-server.js';
import { connectionTo } from './connection.js';

let server: RedisServer;
let connection: RedisConnection;
beforeAll(async () => {
  server = await startRedisServer();
  connection = connectionTo(server.url);
});
afterAll(async () => {
  connection.close();
  await server.close();
});

const ENGINES: readonly (readonly [string, () => InvalidationLog])[] = [
  ['memory', () => new MemoryInvalidationLog()],
  ['Redis', () => new RedisInvalidationLog(connection, systemClock)],
];

describe.each(ENGINES)('a log of invalidations in %s', (_name, open) => {
  let log: InvalidationLog;
  beforeEach(async () => {
    await server.command('FLUSHALL');
    log = open();
  });

  const filters = async () => (await log.read()).entries.map(({ filter }) => filter);

  it('begins with a name, and without entries', async () => {
    const state = await log.state();
    expect(state).toEqual({ epoch: expect.stringMatching(/^[\w-]{36}$/), number: 0 });
    expect(await log.read()).toEqual({ ...state, entries: [] });
    expect(await log.state()).toEqual(state);
  });

  it('numbers what is added, and lists it newest first, with all that was named', async () => {
    const { epoch } = await log.state();
    const all = { tenant: 'a"b', task: 't,[', prompt: 'p@1', tag: 'x=ü', key: 'k' };
    expect(await log.add({ tenant: 'a' })).toEqual({ epoch, number: 1 });
    await log.add(all);
    await log.add({});
    expect(await log.read()).toEqual({
      epoch,
      number: 3,
      entries: [
        { filter: {}, number: 3 },
        { filter: all, number: 2 },
        { filter: { tenant: 'a' }, number: 1 },
      ],
    });
    expect(await log.state()).toEqual({ epoch, number: 3 });
  });

  it('keeps the last of equal filters', async () => {
    await log.add({ tenant: 'a', task: 't' });
    await log.add({ task: 't' });
    await log.add({ task: 't', tenant: 'a' });
    expect((await log.read()).entries).toEqual([
      { filter: { tenant: 'a', task: 't' }, number: 3 },
      { filter: { task: 't' }, number: 2 },
    ]);
  });

  it('makes one of a tenant’s where there are too many, and leaves the others as they are', async () => {
    await log.add({ task: 'kept' });
    await log.add({ tenant: 'ab', task: 'kept' });
    for (let index = 0; index < MOST_INVALIDATIONS - 2; index += 1)
      await log.add({ tenant: 'a', tag: `${index}` });
    expect(await filters()).toHaveLength(MOST_INVALIDATIONS);
    const { number } = await log.add({ tenant: 'a', tag: 'one more' });
    expect((await log.read()).entries).toEqual([
      { filter: { tenant: 'a' }, number },
      { filter: { tenant: 'ab', task: 'kept' }, number: 2 },
      { filter: { task: 'kept' }, number: 1 },
    ]);
  });

  it('makes one of all where there are too many of no tenant', async () => {
    const { epoch } = await log.add({ tenant: 'a' });
    for (let index = 0; index < MOST_INVALIDATIONS; index += 1) await log.add({ tag: `${index}` });
    const number = MOST_INVALIDATIONS + 1;
    expect(await log.read()).toEqual({ epoch, number, entries: [{ filter: {}, number }] });
  });
});

describe('a log of invalidations in Redis', () => {
  it('is the same for all who share it, and has another name once it was lost', async () => {
    await server.command('FLUSHALL');
    const [one, other] = [1, 2].map(() => new RedisInvalidationLog(connection, systemClock));
    const { epoch } = await one!.add({ task: 't' });
    expect(await other!.read()).toEqual({
      epoch,
      number: 1,
      entries: [{ filter: { task: 't' }, number: 1 }],
    });
    await server.command('FLUSHALL');
    expect((await other!.state()).epoch).not.toBe(epoch);
    await server.command('FLUSHALL');
    const read = await one!.read();
    expect([read.epoch === epoch, read.number, read.entries]).toEqual([false, 0, []]);
  });
});
