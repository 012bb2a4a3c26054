import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { LedgerEntry } from '../../../src/emulator/ledger.js';
import type { Scenario } from '../../../src/emulator/scenario.js';
import { eventually } from '../../helpers/eventually.js';
import { DEFAULT_CONFIG, gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import { jsonOf, restEvents } from '../../helpers/rest-answers.js';

interface Ending {
  readonly scenario: Scenario;
  readonly code: string;
  readonly status: number;
  /** Outcome in the log line, where it is not the code. */
  readonly outcome?: string;
  readonly upstreamReason?: string;
  /** True where a stream fails before its first event, and so with a status. */
  readonly beforeFirst?: boolean;
}

const ENDINGS: Readonly<Record<string, Ending>> = {
  'a blocked prompt': {
    scenario: { kind: 'prompt-block' },
    code: 'SAFETY_BLOCKED',
    status: 422,
    outcome: 'blocked',
    upstreamReason: 'PROHIBITED_CONTENT',
  },
  'an answer blocked for safety': {
    scenario: { kind: 'safety' },
    code: 'SAFETY_BLOCKED',
    status: 422,
    outcome: 'blocked',
    upstreamReason: 'SAFETY',
  },
  'a recitation': {
    scenario: { kind: 'recitation' },
    code: 'SAFETY_BLOCKED',
    status: 422,
    outcome: 'blocked',
    upstreamReason: 'RECITATION',
  },
  'empty content': {
    scenario: { kind: 'empty-content' },
    code: 'EMPTY_RESPONSE',
    status: 502,
    outcome: 'empty',
    upstreamReason: 'STOP',
  },
  'no candidates': { scenario: { kind: 'missing-candidates' }, code: 'EMPTY_RESPONSE', status: 502 },
  'a malformed function call': {
    scenario: { kind: 'malformed-function-call' },
    code: 'UPSTREAM_PROTOCOL',
    status: 502,
    outcome: 'malformed',
    upstreamReason: 'MALFORMED_FUNCTION_CALL',
  },
  'no finish': { scenario: { kind: 'no-finish' }, code: 'UPSTREAM_PROTOCOL', status: 502 },
  'an error event in mid-stream': {
    scenario: { kind: 'mid-stream-error-event' },
    code: 'UPSTREAM_OVERLOADED',
    status: 503,
  },
  'a bare error in mid-stream': {
    scenario: { kind: 'mid-stream-error-raw' },
    code: 'UPSTREAM_UNAVAILABLE',
    status: 502,
  },
  'invalid JSON': { scenario: { kind: 'invalid-json' }, code: 'UPSTREAM_PROTOCOL', status: 502 },
  'truncated JSON': { scenario: { kind: 'truncated-json' }, code: 'UPSTREAM_PROTOCOL', status: 502 },
  'a page of HTML with status 200': {
    scenario: { kind: 'html-200' },
    code: 'UPSTREAM_PROTOCOL',
    status: 502,
    beforeFirst: true,
  },
  'a connection that breaks': {
    scenario: { reset: true },
    code: 'UPSTREAM_UNAVAILABLE',
    status: 502,
  },
};

/** Leaves the gateway's own look at the upstream alone. */
const MATCH = { text: 'say' };
/** No case leaves its target alone for the next. */
const CONFIG = `${DEFAULT_CONFIG}
resilience:
  backoffMs: 1
  breaker: { consecutiveFailures: 100, failureShare: 0.99, windowCalls: 1000 }
`;

describe('answers that are none', () => {
  let under: GatewayUnderTest;
  let before = 0;
  beforeAll(async () => {
    under = await gatewayUnderTest({ config: CONFIG });
  });
  beforeEach(() => {
    before = under.upstreamCalls().length;
  });
  afterEach(() => under.emulator.scenarios.clear());
  afterAll(() => under.close());

  const ask = (id: string, stream: boolean) =>
    jsonOf(
      under.call(
        '/v1/generate',
        { task: 'chat', prompt: `say ${id}`, stream },
        { headers: { 'x-request-id': id } },
      ),
    );
  const lineOf = (id: string) =>
    eventually(
      () => under.logs.find(({ context, request_id }) => context === 'request' && request_id === id),
      'the log line',
    );

  /** The log line agrees with what the emulator has told about tokens. */
  async function expectAccounted(id: string, { code, outcome }: Ending): Promise<void> {
    const line = await lineOf(id);
    const calls = under.upstreamCalls().slice(before);
    const sum = (count: (call: LedgerEntry) => number): number =>
      calls.reduce((total, call) => total + count(call), 0);
    expect(line).toMatchObject({
      outcome: outcome ?? code,
      retry_count: calls.length - 1,
      input_tokens: sum(({ inputTokens }) => inputTokens),
      output_tokens: sum(({ outputTokens }) => outputTokens),
      thoughts_tokens: sum(({ thoughtsTokens }) => thoughtsTokens),
    });
  }

  it.each(Object.keys(ENDINGS))('a whole answer: %s has its own code', async (name) => {
    const ending = ENDINGS[name]!;
    under.emulator.scenarios.add({ ...ending.scenario, match: MATCH, times: 0 });
    const id = `unary-${name.replaceAll(' ', '-')}`;
    const { status, json, headers } = await ask(id, false);
    expect({ status, code: json['code'] }).toEqual({ status: ending.status, code: ending.code });
    expect(headers['content-type']).toMatch(/^application\/problem\+json/);
    if (ending.upstreamReason !== undefined) expect(json['upstreamReason']).toBe(ending.upstreamReason);
    await expectAccounted(id, ending);
  });

  it.each(Object.keys(ENDINGS))('a stream: %s ends in one error', async (name) => {
    const ending = ENDINGS[name]!;
    under.emulator.scenarios.add({ ...ending.scenario, match: MATCH, times: 0 });
    const id = `stream-${name.replaceAll(' ', '-')}`;
    const { status, json, text, headers } = await ask(id, true);
    if (headers['content-type'] === 'text/event-stream') {
      expect(ending.beforeFirst).not.toBe(true);
      const events = restEvents(text);
      const last = events.at(-1);
      expect(events.filter(({ event }) => event !== 'delta')).toHaveLength(1);
      expect(last).toMatchObject({
        event: 'error',
        data: { code: ending.code, status: ending.status, requestId: id },
      });
      if (ending.upstreamReason !== undefined)
        expect(last?.data['upstreamReason']).toBe(ending.upstreamReason);
    } else {
      expect({ status, code: json['code'] }).toEqual({ status: ending.status, code: ending.code });
    }
    await expectAccounted(id, ending);
  });

  it('says in a warning that thinking left nothing for the answer', async () => {
    for (const stream of [false, true]) {
      under.emulator.scenarios.add({ kind: 'max-tokens-thoughts', match: MATCH });
      const { status, json, text } = await ask(`thoughts-${stream}`, stream);
      const answer = stream ? restEvents(text).at(-1)?.data : json;
      expect(status).toBe(200);
      expect(answer).toMatchObject({
        finishReason: 'MAX_TOKENS',
        warnings: [expect.stringContaining('Thinking used up maxOutputTokens')],
      });
      expect((await lineOf(`thoughts-${stream}`))['outcome']).toBe('truncated');
    }
  });
});
