import { afterEach, describe, expect, it } from '@jest/globals';
import type { LedgerEntry } from '../../../src/emulator/ledger.js';
import { eventually } from '../../helpers/eventually.js';
import {
  gatewayUnderTest,
  type GatewayUnderTest,
  type GatewayUnderTestOptions,
} from '../../helpers/gateway.js';
import { lineOf } from '../../helpers/google-clients.js';
import { jsonOf, type JsonAnswer } from '../../helpers/rest-answers.js';

const MODEL = 'gemini-3.8-flash';
/** Leaves the gateway's own look at the upstream alone. */
const ASKED = { text: 'ask on' };
/** Nobody waits so long for an answer that is given at once. */
const AT_ONCE_MS = 2_000;

interface Settings extends Omit<GatewayUnderTestOptions, 'config'> {
  /** Projects with keys named after them, equally preferred; a weight of nothing comes last. */
  readonly projects: readonly { id: string; weight?: number }[];
  /** YAML of the section. */
  readonly resilience?: string;
}

let under: GatewayUnderTest;
afterEach(() => under.close());

async function start({ projects, resilience = '{}', ...options }: Settings): Promise<void> {
  const lines = projects.map(
    ({ id, weight = 1 }) =>
      `  - { id: ${id}, provider: gemini, baseUrl: "\${emulator}", weight: ${weight}, credentials: { apiKeys: [{ secret: "env:KEY_${id}" }] } }`,
  );
  under = await gatewayUnderTest({
    ...options,
    config: `models: { ${MODEL}: {} }\nresilience: ${resilience}\nprojects:\n${lines.join('\n')}\n`,
    environment: Object.fromEntries(projects.map(({ id }) => [`KEY_${id}`, `key-${id}`])),
  });
}

const ask = (body: object = {}): Promise<JsonAnswer> =>
  jsonOf(under.call('/v1/generate', { model: MODEL, prompt: 'ask on', ...body }));
const callsOf = (key: string): readonly LedgerEntry[] =>
  under.upstreamCalls().filter((call) => call.key === key);
const keysAsked = (): string[] => under.upstreamCalls().map(({ key }) => key);

/** Makes calls, so many of them at a time. */
async function askOften(count: number, atATime: number): Promise<JsonAnswer[]> {
  const answers: JsonAnswer[] = [];
  let left = count;
  const worker = async (): Promise<void> => {
    while (left-- > 0) answers.push(await ask());
  };
  await Promise.all(Array.from({ length: atATime }, worker));
  return answers;
}

describe('a target that fails', () => {
  const poison = (key: string, times: number) =>
    under.emulator.scenarios.add({ kind: 'unavailable-503', match: { ...ASKED, key }, times });

  it('is left alone after five failures in a row, and the caller is told until when', async () => {
    await start({ projects: [{ id: 'only' }], resilience: '{ backoffMs: 1 }' });
    poison('key-only', 0);
    const codes = [await ask(), await ask()].map(({ json }) => json['code']);
    expect(codes).toEqual(['UPSTREAM_OVERLOADED', 'UPSTREAM_OVERLOADED']);
    const { status, json, headers } = await ask();
    expect({ status, code: json['code'] }).toEqual({ status: 503, code: 'NO_TARGET' });
    expect(json['retryAfterMs']).toBeGreaterThan(0);
    expect(json['retryAfterMs']).toBeLessThanOrEqual(5_000);
    expect(Number(headers['retry-after'])).toBe(Math.ceil(Number(json['retryAfterMs']) / 1000));
    expect(under.upstreamCalls()).toHaveLength(5);
  });

  it('gets less than 1 % of the traffic after its fifth failure where two others answer', async () => {
    await start({ projects: [{ id: 'poisoned' }, { id: 'b' }, { id: 'c' }] });
    poison('key-poisoned', 0);
    const answers = await askOften(300, 1);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    const fifth = callsOf('key-poisoned')[4];
    const after = under.upstreamCalls().filter(({ id }) => id > (fifth?.id ?? Infinity));
    expect(after.length).toBeGreaterThan(200);
    expect(after.filter(({ key }) => key === 'key-poisoned').length).toBeLessThan(after.length / 100);
  });

  it('is back within one probe when it is well', async () => {
    const openMs = 200;
    await start({
      projects: [{ id: 'poisoned' }, { id: 'b' }, { id: 'c' }],
      resilience: `{ breaker: { openMs: ${openMs} } }`,
    });
    poison('key-poisoned', 5);
    await eventually(async () => {
      expect((await ask()).status).toBe(200);
      return callsOf('key-poisoned').length >= 10;
    }, 'the traffic of the target that was poisoned');
    const calls = callsOf('key-poisoned');
    expect(calls.map(({ status }) => status)).toEqual([
      ...Array.from({ length: 5 }, () => 503),
      ...calls.slice(5).map(() => 200),
    ]);
    // The ledger counts whole milliseconds.
    expect((calls[5]?.at ?? 0) - (calls[4]?.at ?? 0)).toBeGreaterThanOrEqual(openMs - 1);
  });

  it.each([
    ['and the breaker', '{}', 0],
    [
      'alone',
      // The floor is for few calls.
      '{ retryBudget: { floor: 0 }, breaker: { consecutiveFailures: 10000, failureShare: 0.99, windowCalls: 10000 } }',
      100,
    ],
  ])(
    'is asked at most 1.2 times for each call at load, by the budget of retries %s',
    async (_, resilience, delayMs) => {
      await start({ projects: [{ id: 'only' }], resilience });
      under.emulator.scenarios.add({ kind: 'unavailable-503', times: 0, delayMs, match: ASKED });
      const answers = await askOften(200, 50);
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([503]));
      expect(under.upstreamCalls().length).toBeLessThanOrEqual(1.2 * answers.length);
    },
  );
});

describe('a project that fails while the others do not', () => {
  it('is left out of plans for a while, and is back afterwards', async () => {
    const ejectMs = 500;
    await start({
      projects: [{ id: 'suspended' }, { id: 'b' }, { id: 'c' }],
      // The breaker would be quicker to leave its one model alone.
      resilience: `{ breaker: { consecutiveFailures: 1000, failureShare: 0.99 }, ejection: { windowCalls: 10, ejectMs: ${ejectMs} } }`,
    });
    under.emulator.scenarios.add({
      kind: 'internal-500',
      match: { ...ASKED, key: 'key-suspended' },
      times: 10,
    });
    const answers = await askOften(80, 1);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    const refused = callsOf('key-suspended').length;
    const outPlan = await jsonOf(
      under.call(`/v1/requests/${String(answers.at(-1)?.headers['x-request-id'])}/explain`),
    );
    expect(outPlan.json['skipped']).toEqual([
      {
        target: `suspended/${MODEL}`,
        why: 'its project fails much more often than the others and is left out for a while',
      },
    ]);
    expect(refused).toBe(10);
    await eventually(async () => {
      expect((await ask()).status).toBe(200);
      return callsOf('key-suspended').some(({ status }) => status === 200);
    }, 'its return');
  });
});

describe('a target over its quota', () => {
  it('of the day is kept out while others answer', async () => {
    await start({
      projects: [{ id: 'first' }, { id: 'second', weight: 0 }],
      emulator: { quotas: [{ project: 'key-first', rpd: 1 }] },
    });
    const answers = await askOften(5, 1);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(answers.map(({ headers }) => headers['x-gateway-attempts'])).toEqual(['1', '2', '1', '1', '1']);
    expect(keysAsked()).toEqual([
      'key-first',
      'key-first',
      'key-second',
      'key-second',
      'key-second',
      'key-second',
    ]);
  });

  it.each([
    ['the longest wait', '{ maxWaitMs: 1000 }', {}],
    ['the deadline of the call', '{}', { timeoutMs: 20_000 }],
  ])('refuses at once, with the time to wait, where that is beyond %s', async (_, resilience, body) => {
    await start({ projects: [{ id: 'only' }], resilience });
    under.emulator.scenarios.add({ kind: 'rate-minute', match: ASKED, times: 1 });
    const startedMs = performance.now();
    const told = await ask(body);
    expect(told).toMatchObject({
      status: 429,
      json: { code: 'UPSTREAM_RATE_LIMITED', retryAfterMs: 46_000, quotaKind: 'minute' },
      headers: { 'retry-after': '46' },
    });
    const later = await ask(body);
    expect(performance.now() - startedMs).toBeLessThan(AT_ONCE_MS);
    expect(later).toMatchObject({ status: 429, json: { code: 'UPSTREAM_RATE_LIMITED' } });
    expect(later.json['retryAfterMs']).toBeGreaterThan(46_000 - AT_ONCE_MS);
    expect(later.json['retryAfterMs']).toBeLessThanOrEqual(46_000);
    expect(Number(later.headers['retry-after'])).toBeGreaterThan(43);
    expect(under.upstreamCalls()).toHaveLength(1);
  });

  it('is waited for where that is short, by the call that was told and by those that come after it', async () => {
    const retryDelayMs = 400;
    await start({ projects: [{ id: 'only' }] });
    under.emulator.scenarios.add({ kind: 'rate-minute', retryDelayMs, match: ASKED });
    const told = ask();
    await eventually(() => under.upstreamCalls()[0]?.status === 429, 'the refusal');
    const late = await ask();
    expect(await told).toMatchObject({ status: 200, headers: { 'x-gateway-attempts': '2' } });
    expect(late).toMatchObject({ status: 200, headers: { 'x-gateway-attempts': '1' } });
    const [refused, ...answered] = under.upstreamCalls();
    expect(answered).toHaveLength(2);
    for (const { at } of answered) expect(at - (refused?.at ?? 0)).toBeGreaterThanOrEqual(retryDelayMs - 1);
  });
});

describe('a caller who leaves during a pause', () => {
  it('causes no further upstream call, and the pause is over at once', async () => {
    await start({ projects: [{ id: 'only' }] });
    under.emulator.scenarios.add({
      kind: 'rate-minute',
      retryDelayMs: 30_000,
      match: ASKED,
    });
    const caller = new AbortController();
    const answer = under
      .call(
        '/v1/generate',
        { model: MODEL, prompt: 'ask on' },
        { headers: { 'x-request-id': 'left' }, signal: caller.signal },
      )
      .catch(String);
    await eventually(() => under.upstreamCalls()[0]?.status === 429, 'the refusal');
    caller.abort();
    expect(await answer).toMatch(/abort/i);
    expect(await lineOf(under, 'left')).toMatchObject({
      outcome: 'abandoned',
      status_code: 499,
      retry_count: 0,
    });
    expect(under.upstreamCalls()).toHaveLength(1);
  });
});
