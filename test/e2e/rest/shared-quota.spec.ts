import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startEmulator, type Emulator } from '../../../src/emulator/emulator.js';
import { eventually } from '../../helpers/eventually.js';
import { gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import { startRedisServer, type RedisServer } from '../../helpers/redis-server.js';
import { jsonOf } from '../../helpers/rest-answers.js';

const MODEL = 'gemini-3.8-flash';
const RPM = 10;
const REPLICAS = 3;

describe('replicas that share a Redis', () => {
  let redis: RedisServer;
  let upstream: Emulator;
  let replicas: GatewayUnderTest[];
  beforeAll(async () => {
    redis = await startRedisServer();
  });
  afterAll(() => redis.close());
  beforeEach(async () => {
    await redis.command('FLUSHALL');
    upstream = await startEmulator({ quotas: [{ project: 'upstream-key', rpm: RPM }] });
    const config = `
models: { ${MODEL}: {} }
resilience: { backoffMs: 1, maxWaitMs: 20 }
storage: { redis: { timeoutMs: 500 } }
projects:
  - id: main
    provider: gemini
    baseUrl: "${upstream.url}"
    credentials: { apiKeys: [{ secret: "env:UPSTREAM_KEY" }] }
    limits: { "*": { rpm: ${RPM} } }
`;
    replicas = [];
    for (let replica = 0; replica < REPLICAS; replica += 1)
      replicas.push(await gatewayUnderTest({ config, environment: { REDIS_URL: redis.url } }));
  });
  afterEach(async () => {
    await Promise.all(replicas.map((replica) => replica.close()));
    await upstream.close();
  });

  const ask = (index: number) =>
    jsonOf(
      (replicas[index % REPLICAS] as GatewayUnderTest).call('/v1/generate', {
        model: MODEL,
        prompt: 'ask on',
      }),
    );
  const askedUpstream = () => upstream.ledger.calls.filter(({ model }) => model !== '');

  it('let through together what the limit allows, and the upstream refuses nothing', async () => {
    const answers = await Promise.all(Array.from({ length: 4 * RPM }, (_, index) => ask(index)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(RPM);
    expect(askedUpstream().map(({ status }) => status)).toEqual(Array.from({ length: RPM }, () => 200));
    const { json } = await jsonOf((replicas[1] as GatewayUnderTest).call('/v1/quota'));
    expect(json['targets']).toMatchObject([{ buckets: [{ bucket: 'requestsPerMinute', used: RPM }] }]);
  });

  it('go on by the rule while Redis is away, say so everywhere, and share again afterwards', async () => {
    const [first] = replicas as [GatewayUnderTest];
    const health = async () => (await jsonOf(first.call('/health'))).json;
    await eventually(
      async () => ((await health())['quotaLedger'] as { replicas: number }).replicas === REPLICAS,
      'all replicas counted',
    );
    await redis.kill();
    // Each of three has a third of ten, rounded down.
    const alone = await Promise.all(Array.from({ length: 6 }, () => ask(0)));
    expect(alone.filter(({ status }) => status === 200)).toHaveLength(3);
    expect(new Set(alone.map(({ status }) => status))).toEqual(new Set([200, 429]));
    expect(await health()).toMatchObject({
      status: 'degraded',
      quotaLedger: { mode: 'away', rule: 'local' },
    });
    expect((await jsonOf(first.call('/metrics'))).text).toContain(
      'gateway_quota_ledger_away{rule="local"} 1',
    );
    expect(first.logs.filter(({ level, context }) => level === 'error' && context === 'quota')).not.toEqual(
      [],
    );
    await redis.restart();
    await eventually(async () => (await health())['status'] === 'ok', 'the ledger being shared again');
    expect(await health()).toMatchObject({ quotaLedger: { mode: 'shared', outages: 1 } });
  });

  it('start without Redis', async () => {
    const under = await gatewayUnderTest({ environment: { REDIS_URL: 'redis://127.0.0.1:1' } });
    const { status } = await jsonOf(under.call('/v1/generate', { model: MODEL, prompt: 'ask on' }));
    expect(status).toBe(200);
    await under.close();
  });
});
