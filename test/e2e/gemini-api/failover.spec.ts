import type { GoogleGenAI } from '@google/genai';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ScenarioKind } from '../../../src/emulator/scenario-kinds.js';
import { gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import { googleClient, lineOf, spoken } from '../../helpers/google-clients.js';
import { callsSince, expectSeen, expectTrueLine, receive } from './failing-calls.js';
import { BROKEN_STREAMS, EVERY_KIND, triesOf, type FailureRow, type Seen } from './upstream-failures.js';

const MODEL = 'gemini-3.8-flash';
const OTHER_MODEL = 'gemini-3.5-flash-lite';
const project = (id: string, key: string, weight: number, model: string): string => `
  - id: ${id}
    provider: gemini
    baseUrl: \${emulator}
    models: [${model}]
    weight: ${weight}
    timeouts: { firstEventMs: 2000, idleGapMs: 250 }
    credentials: { apiKeys: [{ secret: "env:${key}" }] }`;
/** The first is asked first: a weight of nothing comes last. */
const TWO_PROJECTS = `
resilience: { backoffMs: 1, maxWaitMs: 100 }
models: { ${MODEL}: {} }
projects:
${project('first', 'UPSTREAM_KEY', 1, MODEL)}
${project('second', 'SECOND_KEY', 0, MODEL)}
tasks:
  careful: { models: [${MODEL}] }
`;
const TWO_MODELS = `
resilience: { backoffMs: 1, maxWaitMs: 100 }
models: { ${MODEL}: {}, ${OTHER_MODEL}: {} }
projects:
${project('first', 'UPSTREAM_KEY', 1, MODEL)}
${project('second', 'SECOND_KEY', 1, OTHER_MODEL)}
tasks:
  careful: { models: [${MODEL}], fallback: [{ model: ${OTHER_MODEL} }] }
`;
const STOPPED: Seen = { kind: 'answered', finishReason: 'STOP', outcome: 'ok' };
// Silence costs the time that it is waited for, and is played with one target already.
const ROWS = [
  ...Object.entries<FailureRow>(EVERY_KIND)
    .filter(([name]) => name !== 'silence')
    .map(([name, row]) => ({ ...row, name, scenario: { ...row.scenario, kind: name as ScenarioKind } })),
  ...Object.entries(BROKEN_STREAMS)
    .filter(([, row]) => row.aborts !== true)
    .map(([name, row]) => ({ ...row, name })),
];
const CASES = ROWS.flatMap((row) => [
  { ...row, streamed: false, form: 'unary', seen: row.unary },
  { ...row, streamed: true, form: 'streamed', seen: row.stream },
]);

/** Answers of no use to the caller that are no failures. */
const UNUSABLE = new Set(['empty-content', 'malformed-function-call']);

describe.each([
  ['two projects', TWO_PROJECTS, MODEL],
  ['two models', TWO_MODELS, OTHER_MODEL],
])('with %s', (_name, config, secondModel) => {
  let under: GatewayUnderTest;
  let ai: GoogleGenAI;
  // What one case does to its targets must not be there in the next.
  beforeEach(async () => {
    under = await gatewayUnderTest({ config, environment: { SECOND_KEY: 'second-key' } });
    ai = googleClient(under);
  });
  afterEach(() => under.close());

  const play = async ({ name, form, streamed, scenario }: (typeof CASES)[number]) => {
    const id = `${form}-${name.replaceAll(' ', '-')}`;
    const before = under.upstreamCalls().length;
    under.emulator.scenarios.add({ ...scenario, match: { key: 'upstream-key' }, times: 0 });
    const headers = { 'x-gateway-task': 'careful' };
    const received = await receive(ai, streamed, { model: MODEL, id, headers });
    const line = await lineOf(under, id);
    return { id, received, line, calls: callsSince(under, before) };
  };

  it.each(CASES.filter(({ seen }) => seen.kind === 'refused' && seen.elsewhere))(
    '$form: $name goes unnoticed by the caller, and its tokens are counted',
    async (row) => {
      const { id, received, line, calls } = await play(row);
      expectSeen(received, STOPPED);
      expect(spoken(...received.chunks)).toContain(id);
      // Another project is asked at once; another model only after what retries can do for the preferred one.
      const tries = secondModel === MODEL ? 1 : triesOf(row.name, row.seen);
      expect(calls.map(({ key, model }) => [key, model])).toEqual([
        ...Array.from({ length: tries }, () => ['upstream-key', MODEL]),
        ['second-key', secondModel],
      ]);
      expectTrueLine(line, calls, STOPPED);
      expect(line).toMatchObject({
        retry_count: tries,
        target: `second/${secondModel}`,
        task_type: 'careful',
      });
      expect(received.chunks[0]?.sdkHttpResponse?.headers).toMatchObject({
        'x-gateway-attempts': String(tries + 1),
        'x-gateway-target': `second/${secondModel}`,
      });
    },
  );

  it.each(CASES.filter(({ name }) => UNUSABLE.has(name)))(
    '$form: $name is asked for once more, on another project where there is one',
    async (row) => {
      const { received, line, calls } = await play(row);
      const elsewhere = secondModel === MODEL;
      expectSeen(received, elsewhere ? STOPPED : row.seen);
      expect(calls.map(({ key }) => key)).toEqual([
        'upstream-key',
        elsewhere ? 'second-key' : 'upstream-key',
      ]);
      expectTrueLine(line, calls, elsewhere ? STOPPED : row.seen);
    },
  );

  it.each(
    CASES.filter(({ name, seen }) => (seen.kind !== 'refused' || !seen.elsewhere) && !UNUSABLE.has(name)),
  )('$form: $name is not tried elsewhere', async (row) => {
    const { received, line, calls } = await play(row);
    expectSeen(received, row.seen);
    expect(calls.map(({ key }) => key)).toEqual(['upstream-key']);
    expectTrueLine(line, calls, row.seen);
  });

  it('tells of the last failure where the second target fails as well', async () => {
    under.emulator.scenarios.add([
      { kind: 'rate-day', match: { key: 'upstream-key' }, times: 0 },
      { kind: 'rate-minute', match: { key: 'second-key' }, times: 0 },
    ]);
    const headers = { 'x-gateway-task': 'careful' };
    const received = await receive(ai, false, { model: MODEL, id: 'both-fail', headers });
    expectSeen(received, EVERY_KIND['rate-minute'].unary);
    expect(await lineOf(under, 'both-fail')).toMatchObject({
      retry_count: 1,
      outcome: 'UPSTREAM_RATE_LIMITED',
    });
  });
});
