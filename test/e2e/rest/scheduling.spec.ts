import { afterEach, describe, expect, it } from '@jest/globals';
import { eventually } from '../../helpers/eventually.js';
import { gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import { jsonOf } from '../../helpers/rest-answers.js';

const MODEL = 'gemini-3.8-flash';

let under: GatewayUnderTest;
afterEach(() => under.close());

async function start(limits: string, quota = '{}'): Promise<void> {
  under = await gatewayUnderTest({
    config: `
models: { ${MODEL}: {} }
projects:
  - { id: only, provider: gemini, baseUrl: "\${emulator}", credentials: { apiKeys: [{ secret: "env:UPSTREAM_KEY" }] }, limits: { "*": ${limits} } }
quota: ${quota}
tasks: { chat: { models: [${MODEL}], timeoutMs: 20000 } }
`,
  });
}

const ask = (prompt: string, priority = 'standard', signal?: AbortSignal) =>
  under.call('/v1/generate', { task: 'chat', prompt, priority }, signal && { signal });
/** A call that keeps the only place until it is told to go. */
async function occupy(): Promise<AbortController> {
  under.emulator.scenarios.add({ delayMs: 15_000, times: 1, match: { text: 'stay' } });
  const caller = new AbortController();
  ask('stay', 'standard', caller.signal).catch(() => undefined);
  await eventually(() => under.upstreamCalls().length === 1, 'the call that stays');
  return caller;
}
const metric = async (line: string) => (await jsonOf(under.call('/metrics'))).text.includes(line);
const waiting = (priority: string, count: number) =>
  eventually(() => metric(`gateway_waiting_calls{priority="${priority}"} ${count}\n`), 'those who wait');

describe('calls for which there is no room', () => {
  it('wait for it, and are told how long and for which quotas', async () => {
    await start('{ concurrentCalls: 1, rpm: 100, tpm: 100000 }');
    const first = await occupy();
    const second = jsonOf(ask('ask on'));
    await waiting('standard', 1);
    first.abort();
    const { status, headers } = await second;
    expect(status).toBe(200);
    const { json } = await jsonOf(under.call(`/v1/requests/${String(headers['x-request-id'])}/explain`));
    const limits = { concurrentCalls: 1, requestsPerMinute: 100, inputTokensPerMinute: 100_000 };
    const check = {
      target: `only/${MODEL}`,
      limits,
      estimate: { requests: 1, inputTokens: expect.any(Number) },
    };
    const checks = json['quotaChecks'] as object[];
    expect(checks[0]).toMatchObject({ ...check, refusedBy: 'concurrentCalls' });
    expect(checks.at(-1)).toMatchObject(check);
    expect(checks.at(-1)).not.toHaveProperty('refusedBy');
    expect(json['waitedMs']).toBeGreaterThan(0);
    await eventually(
      () => under.logs.some((line) => Number((line as { waited_ms?: number }).waited_ms) > 0),
      'the line of the call',
    );
    expect(await metric('gateway_waits_total{priority="standard",end="served"} 1')).toBe(true);
    expect(
      await metric(`gateway_quota_headroom{target="only/${MODEL}",bucket="requestsPerMinute"} 0.98`),
    ).toBe(true);
    expect(await metric(`gateway_target_concurrency{target="only/${MODEL}",what="under_way"} 0`)).toBe(true);
  });

  it('go in the order of their classes', async () => {
    await start('{ concurrentCalls: 1 }');
    const first = await occupy();
    const done: string[] = [];
    const calls: Promise<unknown>[] = [];
    for (const priority of ['batch', 'standard', 'interactive']) {
      calls.push(ask('ask on', priority).then(() => done.push(priority)));
      await waiting(priority, 1);
    }
    first.abort();
    await Promise.all(calls);
    expect(done).toEqual(['interactive', 'standard', 'batch']);
  });

  it('are refused as QUEUE_FULL where too many of their class wait', async () => {
    await start('{ concurrentCalls: 1 }', '{ maxWaitingPerClass: 1 }');
    const first = await occupy();
    const second = ask('ask on');
    await waiting('standard', 1);
    const { status, json, headers } = await jsonOf(ask('ask on'));
    expect({ status, code: json['code'] }).toEqual({ status: 429, code: 'QUEUE_FULL' });
    expect(json['detail']).toMatch(/^Too many calls of the class standard wait for room already\./);
    expect(Number(headers['retry-after'])).toBeGreaterThanOrEqual(1);
    first.abort();
    expect((await second).statusCode).toBe(200);
  });

  it('leave their place when their caller leaves', async () => {
    await start('{ concurrentCalls: 1 }', '{ maxWaitingPerClass: 1 }');
    const first = await occupy();
    const caller = new AbortController();
    const left = ask('ask on', 'standard', caller.signal);
    left.catch(() => undefined);
    await waiting('standard', 1);
    caller.abort();
    await waiting('standard', 0);
    const next = ask('ask on');
    await waiting('standard', 1);
    first.abort();
    expect((await next).statusCode).toBe(200);
    expect(under.upstreamCalls()).toHaveLength(2);
  });

  it('are refused at once where their deadline comes first, with the time until there is room', async () => {
    await start('{ rpm: 1 }');
    expect((await ask('ask on')).statusCode).toBe(200);
    const { status, json, headers } = await jsonOf(ask('ask on'));
    expect({ status, code: json['code'] }).toEqual({ status: 429, code: 'UPSTREAM_RATE_LIMITED' });
    expect(Number(headers['retry-after'])).toBeGreaterThan(50);
    expect(await metric('gateway_waits_total{priority="standard",end="refused"} 1')).toBe(true);
  });
});

describe('calls of the class batch', () => {
  it('leave the others a share of each quota', async () => {
    await start('{ rpm: 10 }');
    const statuses: number[] = [];
    for (let call = 0; call < 8; call += 1) statuses.push((await ask('ask on', 'batch')).statusCode);
    expect(statuses).toEqual([200, 200, 200, 200, 200, 200, 200, 429]);
    const { json } = await jsonOf(ask('ask on', 'batch'));
    expect(json['detail']).toContain('(limit 10, of which calls of the class batch get 7 now)');
    for (let call = 0; call < 3; call += 1) expect((await ask('ask on')).statusCode).toBe(200);
    expect((await ask('ask on', 'interactive')).statusCode).toBe(429);
  });
});

describe('shares that cannot be meant', () => {
  it.each([
    ['{ keptFromBatch: 1 }', 'quota.keptFromBatch'],
    ['{ maxWaitingPerClass: -1 }', 'quota.maxWaitingPerClass'],
    ['{ teams: { search: { weight: 0 } } }', 'quota.teams.search.weight'],
  ])('%s are told at start', async (quota, path) => {
    await start('{ rpm: 1 }');
    const started = gatewayUnderTest({
      config: `
models: { ${MODEL}: {} }
projects:
  - { id: only, provider: gemini, baseUrl: "\${emulator}", credentials: { apiKeys: [{ secret: "env:UPSTREAM_KEY" }] } }
quota: ${quota}
`,
    });
    await expect(started).rejects.toThrow(path);
  });
});
