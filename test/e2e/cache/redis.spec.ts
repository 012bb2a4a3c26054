import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { eventually } from '../../helpers/eventually.js';
import type { GatewayUnderTest } from '../../helpers/gateway.js';
import { type RedisServer, startRedisServer } from '../../helpers/redis-server.js';
import { jsonOf } from '../../helpers/rest-answers.js';
import { samplesOf } from '../../helpers/telemetry.js';
import { as, ask, cachingGateway, KEYS, stateOf } from './cache-gateway.js';

const SECRETS = {
  CACHE_KEY: randomBytes(32).toString('base64'),
  OLD_KEY: randomBytes(32).toString('base64'),
};
const ENCRYPTED = `
cache: { redisTimeoutMs: 500, encryptionKeys: [{ secret: "env:CACHE_KEY" }, { secret: "env:OLD_KEY" }] }
`;
const OLD_KEY_ONLY = `
cache: { redisTimeoutMs: 500, encryptionKeys: [{ secret: "env:OLD_KEY" }] }
`;
const READABLE = `
cache: { redisTimeoutMs: 500 }
`;
/** As it is unless configured otherwise. */
const IMPATIENT = '';

let redis: RedisServer;
const open: GatewayUnderTest[] = [];

async function replica(settings = READABLE): Promise<GatewayUnderTest> {
  const gateway = await cachingGateway({ REDIS_URL: redis.url, ...SECRETS }, settings);
  open.push(gateway);
  return gateway;
}

beforeEach(async () => {
  redis = await startRedisServer();
});
afterEach(async () => {
  redis.resume();
  await Promise.all(open.splice(0).map((gateway) => gateway.close()));
  await redis.close();
});

const stored = async (): Promise<readonly string[]> =>
  (await redis.command('KEYS', 'gemini-gateway:cache:*')) as string[];
const isStored = (count: number) =>
  eventually(async () => (await stored()).length === count, `${count} in Redis`);
const troubles = async (gateway: GatewayUnderTest, trouble: string): Promise<number> =>
  samplesOf(await (await gateway.call('/metrics')).body.text()).get(
    `gateway_cache_troubles_total{trouble="${trouble}"}`,
  ) ?? NaN;
const tierOf = async (gateway: GatewayUnderTest, id: unknown) =>
  (await jsonOf(gateway.call(`/v1/requests/${String(id)}/explain`))).json['cache'];

describe('replicas that share a Redis', () => {
  it('answer from what another one stored, in the same shape, and then from memory', async () => {
    const [one, other] = await Promise.all([replica(), replica()]);
    const body = { prompt: 'what one of us knows', stream: true };
    const first = await ask(one, body);
    await isStored(1);
    const found = await ask(other, body);
    expect(stateOf(found)).toBe('hit');
    const delivered = (text: string) => text.slice(0, text.indexOf('event: done'));
    expect(delivered(found.text)).toBe(delivered(first.text));
    expect(await tierOf(other, found.headers['x-request-id'])).toEqual({ state: 'hit', tier: 'redis' });
    const again = await ask(other, body);
    expect(await tierOf(other, again.headers['x-request-id'])).toEqual({ state: 'hit', tier: 'memory' });
    expect(other.upstreamCalls()).toHaveLength(0);
  });

  it('keep tenants apart there too', async () => {
    const [one, other] = await Promise.all([replica(), replica()]);
    await ask(one, { prompt: 'mine' }, as(KEYS.acme));
    await isStored(1);
    expect(stateOf(await ask(other, { prompt: 'mine' }, as(KEYS.umbrella)))).toBe('miss');
    expect(stateOf(await ask(other, { prompt: 'mine' }, as(KEYS.acmeToo)))).toBe('hit');
  });

  it('forget within a second what one of them is told to forget', async () => {
    const [one, other] = await Promise.all([replica(), replica()]);
    const prompts = ['first', 'second'];
    for (const prompt of prompts)
      for (const gateway of [one, other]) await ask(gateway, { prompt, tags: { release: prompt } });
    const startedMs = performance.now();
    const { status, json } = await jsonOf(
      one.call('/v1/cache?tag=release%3Dfirst', undefined, { method: 'DELETE' }),
    );
    expect([status, json]).toEqual([200, { forgotten: { tag: 'release=first' } }]);
    expect(stateOf(await ask(one, { prompt: 'first', cache: { noStore: true } }))).toBe('miss');
    await eventually(
      async () => stateOf(await ask(other, { prompt: 'first', cache: { noStore: true } })) === 'miss',
    );
    expect(performance.now() - startedMs).toBeLessThan(1_000);
    expect(stateOf(await ask(other, { prompt: 'second' }))).toBe('hit');
  });

  it('store nothing readable where a key is configured, and read on what an older key encrypted', async () => {
    const before = await replica(OLD_KEY_ONLY);
    const prompt = 'a secret question';
    const { json } = await ask(before, { prompt });
    await isStored(1);
    const [name = ''] = await stored();
    const value = String(await redis.command('GET', name));
    expect(value.includes(String(json['text']).slice(0, 10))).toBe(false);
    const after = await replica(ENCRYPTED);
    expect((await ask(after, { prompt })).json).toMatchObject({ cache: 'hit', text: json['text'] });
    const readable = await replica(READABLE);
    expect(stateOf(await ask(readable, { prompt }))).toBe('miss');
    expect(await troubles(readable, 'unreadable')).toBe(1);
  });
});

describe('a Redis with bad values', () => {
  it.each<[string, (value: Buffer) => string]>([
    ['truncated', (value) => value.subarray(0, value.length / 2).toString('latin1')],
    ['empty', () => ''],
    ['of somebody else', () => '{"value":"you are well"}'],
    ['of another type', () => 'list'],
  ])('is a miss, and counted: %s', async (kind, spoil) => {
    const [one, other] = await Promise.all([replica(), replica()]);
    const first = await ask(one, { prompt: 'poison' });
    await isStored(1);
    const [name = ''] = await stored();
    const value = Buffer.from(String(await redis.command('GET', name)), 'latin1');
    await redis.command('DEL', name);
    if (kind === 'of another type') await redis.command('RPUSH', name, 'list');
    else await redis.command('SET', name, spoil(value));
    const answer = await ask(other, { prompt: 'poison' });
    expect(answer.json).toMatchObject({ cache: 'miss', text: first.json['text'] });
    const counted = kind === 'of another type' ? 'get_failed' : 'unreadable';
    expect(await troubles(other, counted)).toBe(1);
    await eventually(async () => (await redis.command('TYPE', name)) === 'string');
    expect(stateOf(await ask(other, { prompt: 'poison' }))).toBe('hit');
  });

  it('gives nobody what was moved to the place of another question', async () => {
    const [one, other] = await Promise.all([replica(ENCRYPTED), replica(ENCRYPTED)]);
    await ask(one, { prompt: 'first' }, as(KEYS.acme));
    await isStored(1);
    const [first = ''] = await stored();
    await ask(one, { prompt: 'second' }, as(KEYS.umbrella));
    await isStored(2);
    const second = (await stored()).find((name) => name !== first) ?? '';
    await redis.command('COPY', first, second, 'REPLACE');
    expect(stateOf(await ask(other, { prompt: 'second' }, as(KEYS.umbrella)))).toBe('miss');
    expect(await troubles(other, 'unreadable')).toBe(1);
  });
});

describe('a Redis that is away', () => {
  /** Asks new and known questions; none may fail. */
  async function askMany(gateway: GatewayUnderTest, mark: string): Promise<number> {
    const startedMs = performance.now();
    for (let index = 0; index < 20; index += 1) {
      const fresh = await ask(gateway, { prompt: `${mark} ${index}` });
      expect([fresh.status, stateOf(fresh)]).toEqual([200, 'miss']);
      expect(stateOf(await ask(gateway, { prompt: `${mark} ${index}` }))).toBe('hit');
    }
    return performance.now() - startedMs;
  }

  it.each<[string, () => Promise<void> | void]>([
    ['killed', () => redis.kill()],
    ['stopped', () => redis.suspend()],
  ])('is a miss and never an error: %s', async (_kind, hurt) => {
    const gateway = await replica(IMPATIENT);
    await ask(gateway, { prompt: 'before' });
    await isStored(1);
    await hurt();
    // 50 ms each is what the first call and those after pauses may wait.
    expect(await askMany(gateway, 'meanwhile')).toBeLessThan(20 * 2 * 100);
    expect(stateOf(await ask(gateway, { prompt: 'before' }))).toBe('hit');
    expect((await troubles(gateway, 'get_failed')) + (await troubles(gateway, 'set_failed'))).toBeGreaterThan(
      0,
    );
  });

  it('is used again when it is back, without what was stored before it lost its memory', async () => {
    const gateway = await replica();
    await ask(gateway, { prompt: 'before' });
    await isStored(1);
    await redis.kill();
    await askMany(gateway, 'meanwhile');
    await redis.restart();
    await eventually(async () => {
      await ask(gateway, { prompt: `after ${performance.now()}` });
      return (await stored()).length > 0;
    });
    // What was invalidated elsewhere meanwhile is not known any more.
    await eventually(
      async () => stateOf(await ask(gateway, { prompt: 'before', cache: { noStore: true } })) === 'miss',
    );
  });

  it('says so to those who want something forgotten', async () => {
    const gateway = await replica();
    await ask(gateway, { prompt: 'before' });
    await redis.kill();
    const { status, json } = await jsonOf(
      gateway.call('/v1/cache?task=cached', undefined, { method: 'DELETE' }),
    );
    expect([status, json['code']]).toEqual([503, 'STORAGE_UNAVAILABLE']);
  });
});
