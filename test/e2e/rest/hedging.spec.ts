import { afterEach, describe, expect, it } from '@jest/globals';
import type { LedgerEntry } from '../../../src/emulator/ledger.js';
import { eventually } from '../../helpers/eventually.js';
import { gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import { jsonOf } from '../../helpers/rest-answers.js';

const MODEL = 'gemini-3.8-flash';
/** A slow answer: nobody in these tests waits for it. */
const SLOW_MS = 20_000;
const CUT_WITHIN_MS = 50;
const LEARNT = 27;

let under: GatewayUnderTest;
afterEach(() => under.close());

async function start(hedge: string): Promise<void> {
  const project = (id: string) =>
    `  - { id: ${id}, provider: gemini, baseUrl: "\${emulator}", credentials: { apiKeys: [{ secret: "env:KEY_${id}" }] } }`;
  under = await gatewayUnderTest({
    config: `
models: { ${MODEL}: {} }
projects:
${project('first')}
${project('second')}
tasks:
  chat: { models: [${MODEL}], strategy: ordered, hedge: ${hedge} }
  plain: { models: [${MODEL}], strategy: ordered }
`,
    environment: { KEY_first: 'key-first', KEY_second: 'key-second' },
  });
}

const ask = (body: object = {}) =>
  jsonOf(under.call('/v1/generate', { task: 'chat', prompt: 'ask on', ...body }));
/** So many quick calls that it is known what is usual on the first project; none of them can be hedged. */
async function learn(body: object = {}): Promise<void> {
  // The task earns a second attempt while nothing is known yet.
  for (let call = 0; call < 3; call += 1) expect((await ask(body)).status).toBe(200);
  for (let call = 0; call < LEARNT; call += 1)
    expect((await ask({ ...body, task: 'plain' })).status).toBe(200);
  expect(callsOf('key-second')).toHaveLength(0);
}
const slow = (times: number) =>
  under.emulator.scenarios.add({ delayMs: SLOW_MS, times, match: { text: 'ask on', key: 'key-first' } });
const callsOf = (key: string): readonly LedgerEntry[] =>
  under.upstreamCalls().filter((call) => call.key === key);

describe('a task with second attempts', () => {
  it.each([
    ['a whole answer', {}],
    ['a stream', { stream: true }],
  ])('gets %s from another project when the first is slow, and cuts the slow call', async (_, body) => {
    await start('{ maxShare: 0.5 }');
    await learn(body);
    slow(1);
    const { status, headers } = await ask(body);
    expect(status).toBe(200);
    expect(headers).toMatchObject({ 'x-gateway-target': `second/${MODEL}`, 'x-gateway-attempts': '2' });
    const cut = await eventually(() => callsOf('key-first').find(({ aborted }) => aborted), 'the cut call');
    const winner = callsOf('key-second')[0];
    expect(cut.at + Number(cut.abortedAfterMs) - Number(winner?.at)).toBeLessThan(CUT_WITHIN_MS);
    const { json } = await jsonOf(under.call(`/v1/requests/${String(headers['x-request-id'])}/explain`));
    expect(json['attempts']).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ target: `first/${MODEL}`, error: 'CANCELLED', trouble: 'outrun' }),
        expect.not.objectContaining({ error: expect.anything() }),
      ]),
    );
  });

  it('makes at most its share of them, however many calls are slow', async () => {
    await start('{ quantile: 0.5, maxShare: 0.05, minDelayMs: 1 }');
    await learn();
    under.emulator.scenarios.add({ delayMs: 15, times: 0, match: { text: 'ask on', key: 'key-first' } });
    const calls = 170;
    await Promise.all(Array.from({ length: calls }, () => ask()));
    const extra = under.upstreamCalls().length - calls - 3 - LEARNT;
    expect(extra).toBeGreaterThan(0);
    expect(extra).toBeLessThanOrEqual(0.05 * (calls + 3));
  });

  it('makes none for tasks that do not ask for them', async () => {
    await start('{ maxShare: 0.5, minDelayMs: 1 }');
    await learn();
    under.emulator.scenarios.add({ delayMs: 300, times: 1, match: { text: 'ask on', key: 'key-first' } });
    const { headers } = await ask({ task: 'plain' });
    expect(headers).toMatchObject({ 'x-gateway-target': `first/${MODEL}`, 'x-gateway-attempts': '1' });
    expect(callsOf('key-second')).toHaveLength(0);
  });

  it('cuts both when the caller leaves', async () => {
    await start('{ maxShare: 0.5 }');
    await learn();
    under.emulator.scenarios.add({ delayMs: SLOW_MS, times: 0, match: { text: 'ask on' } });
    const caller = new AbortController();
    const left = under.call('/v1/generate', { task: 'chat', prompt: 'ask on' }, { signal: caller.signal });
    left.catch(() => undefined);
    await eventually(() => callsOf('key-second').length === 1, 'the second attempt');
    caller.abort();
    await expect(left).rejects.toThrow();
    await eventually(
      () => under.upstreamCalls().filter(({ aborted }) => aborted).length === 2,
      'the end of both upstream calls',
    );
  });
});
