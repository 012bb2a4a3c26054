import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../../helpers/eventually.js';
import { DEFAULT_CONFIG, gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import { jsonOf } from '../../helpers/rest-answers.js';

const SECRET_PROMPT = 'nobody-may-read-this';
const FRAME = new Set(['level', 'time', 'service', 'context']);
const ALWAYS = [
  'request_id',
  'route',
  'latency_ms',
  'status_code',
  'retry_count',
  'input_tokens',
  'output_tokens',
  'thoughts_tokens',
  'cached_tokens',
  'outcome',
];
const ANSWERED = [...ALWAYS, 'task_type', 'model_used', 'target', 'ttft_ms', 'team_id', 'finish_reason'];

describe('the log line of a request', () => {
  let under: GatewayUnderTest;
  beforeAll(async () => {
    under = await gatewayUnderTest({ config: `${DEFAULT_CONFIG}\nresilience: { backoffMs: 1 }\n` });
  });
  afterEach(() => under.emulator.scenarios.clear());
  afterAll(() => under.close());

  const send = (id: string, body: object, signal?: AbortSignal) =>
    jsonOf(
      under.call(
        '/v1/generate',
        { task: 'chat', prompt: SECRET_PROMPT, ...body },
        { headers: { 'x-request-id': id }, ...(signal === undefined ? {} : { signal }) },
      ),
    );

  /** The one line of a request; a second one fails the test. */
  async function lineOf(id: string): Promise<Record<string, unknown>> {
    const found = (): Record<string, unknown>[] =>
      under.logs.filter(({ context, request_id }) => context === 'request' && request_id === id);
    await eventually(() => found().length > 0, `the line of ${id}`);
    await jsonOf(under.call('/health/live'));
    expect(found()).toHaveLength(1);
    return found()[0] ?? {};
  }

  const fieldsOf = (line: Record<string, unknown>): string[] =>
    Object.keys(line)
      .filter((name) => !FRAME.has(name))
      .toSorted();

  it.each([false, true])(
    'of an answer has every field and the tokens of the upstream (stream: %s)',
    async (stream) => {
      const id = `answered-${stream}`;
      await send(id, { stream, feature: 'inbox', generation: { thinkingLevel: 'HIGH' } });
      const line = await lineOf(id);
      const call = under.upstreamCalls().at(-1);
      expect(fieldsOf(line)).toEqual([...ANSWERED, 'feature'].toSorted());
      expect(line).toMatchObject({
        route: '/v1/generate',
        task_type: 'chat',
        model_used: 'gemini-3.8-flash',
        target: 'main/gemini-3.8-flash',
        status_code: 200,
        retry_count: 0,
        input_tokens: call?.inputTokens,
        output_tokens: call?.outputTokens,
        thoughts_tokens: call?.thoughtsTokens,
        cached_tokens: 0,
        team_id: 'platform',
        feature: 'inbox',
        finish_reason: 'STOP',
        outcome: 'ok',
      });
      expect(call?.thoughtsTokens).toBeGreaterThan(0);
      expect(Number(line['ttft_ms'])).toBeLessThanOrEqual(Number(line['latency_ms']));
    },
  );

  it('of a refusal has its reason and no tokens', async () => {
    await send('refused', { temprature: 1 });
    const line = await lineOf('refused');
    expect(fieldsOf(line)).toEqual([...ALWAYS, 'team_id'].toSorted());
    expect(line).toMatchObject({ status_code: 400, outcome: 'INVALID_REQUEST', input_tokens: 0 });
  });

  it('of an unknown task does not repeat what the caller wrote', async () => {
    await send('unknown-task', { task: SECRET_PROMPT });
    expect(await lineOf('unknown-task')).toMatchObject({ outcome: 'INVALID_REQUEST', status_code: 400 });
    expect(await lineOf('unknown-task')).not.toHaveProperty('task_type');
  });

  it('of a failure has the reason and the retries', async () => {
    under.emulator.scenarios.add({ kind: 'unavailable-503', times: 0, match: { text: SECRET_PROMPT } });
    await send('failed', { task: 'summary' });
    expect(await lineOf('failed')).toMatchObject({
      status_code: 503,
      outcome: 'UPSTREAM_OVERLOADED',
      // Three tries on each of two models.
      retry_count: 5,
      task_type: 'summary',
    });
  });

  it.each([
    ['before the headers', { delayMs: 10_000 }, false, 499],
    ['in the middle of a stream', { chunkDelayMs: 10_000, chunks: 3 }, true, 200],
  ])(
    'of a caller who left %s says so, and the upstream was let go',
    async (_when, scenario, stream, status) => {
      const id = `left-${stream}`;
      under.emulator.scenarios.add({ ...scenario, match: { text: SECRET_PROMPT } });
      const calls = under.upstreamCalls().length;
      const caller = new AbortController();
      const answer = send(id, { stream }, caller.signal).catch((thrown: unknown) => thrown);
      await eventually(() => under.upstreamCalls().length > calls, 'the upstream call');
      if (stream) await eventually(() => under.upstreamCalls().at(-1)?.chunksSent === 1, 'the first chunk');
      caller.abort();
      await answer;
      const line = await lineOf(id);
      expect(line).toMatchObject({ outcome: 'abandoned', status_code: status });
      const call = await eventually(
        () => under.upstreamCalls().at(-1)?.aborted === true && under.upstreamCalls().at(-1),
      );
      expect(under.upstreamCalls().length).toBe(calls + 1);
      if (stream)
        expect([line['input_tokens'], line['output_tokens']]).toEqual([call.inputTokens, call.outputTokens]);
    },
  );

  it('of other routes has the same frame', async () => {
    await jsonOf(under.call('/v1/nothing', undefined, { headers: { 'x-request-id': 'nothing' } }));
    expect(await lineOf('nothing')).toMatchObject({
      status_code: 404,
      outcome: 'INVALID_REQUEST',
      route: 'unknown',
    });
  });

  it('never holds what was said or a key', () => {
    expect(under.logText()).not.toContain(SECRET_PROMPT);
    expect(under.logText()).not.toContain('upstream-key');
  });
});
