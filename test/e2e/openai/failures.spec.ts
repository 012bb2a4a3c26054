import type OpenAI from 'openai';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { SCENARIO_KINDS, type ScenarioKind } from '../../../src/emulator/scenario-kinds.js';
import type { Scenario } from '../../../src/emulator/scenario.js';
import { OPENAI_ERRORS } from '../../../src/transport/openai-api/openai-api.surface.js';
import { gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import { lineOf } from '../../helpers/google-clients.js';
import { named, openAiClient, readChat, seenError } from '../../helpers/openai-clients.js';
import { EVERY_KIND, type FailureRow, type Seen } from './failures.js';

const model = 'gemini-3.8-flash';
/** No case may leave anything behind for the next: no target is left alone, no failure remembered. */
const CONFIG = `
resilience: { backoffMs: 1, maxWaitMs: 50 }
models:
  ${model}: {}
projects:
  - id: main
    provider: gemini
    baseUrl: \${emulator}
    timeouts: { firstEventMs: 250, idleGapMs: 250 }
    credentials: { apiKeys: [{ secret: "env:UPSTREAM_KEY" }] }
`;

const ROWS = Object.entries<FailureRow>(EVERY_KIND).map(([name, row]) => ({
  name: name as ScenarioKind,
  ...row,
}));

it('the table names every kind that the emulator can play', () => {
  expect(Object.keys(EVERY_KIND).toSorted()).toEqual(Object.keys(SCENARIO_KINDS).toSorted());
});

describe('what happens upstream, as OpenAI’s client sees it', () => {
  let under: GatewayUnderTest;
  let ai: OpenAI;
  // What one case does to its target must not be there in the next.
  beforeEach(async () => {
    await under?.close();
    under = await gatewayUnderTest({ config: CONFIG });
    ai = openAiClient(under);
  });
  afterAll(() => under.close());

  const body = (id: string) => ({
    model,
    messages: [{ role: 'user' as const, content: `tell me of ${id}` }],
  });

  function play(kind: ScenarioKind, scenario: Scenario = {}): void {
    under.emulator.scenarios.add({ kind, match: { model }, times: 0, ...scenario });
  }

  async function expectLine(id: string, seen: Seen): Promise<void> {
    const outcome = seen.outcome ?? (seen.kind === 'answered' ? 'ok' : seen.reason);
    expect(await lineOf(under, id)).toMatchObject({
      outcome,
      status_code: seen.kind === 'refused' ? seen.status : 200,
    });
  }

  async function expectRefused(made: Promise<unknown>, seen: Seen & { kind: 'refused' }): Promise<void> {
    const { type, code } = OPENAI_ERRORS[seen.reason];
    expect(await seenError(made)).toMatchObject({ status: seen.status, reason: seen.reason, type, code });
  }

  it.each(ROWS)('whole: $name', async ({ name, scenario, whole: seen }) => {
    play(name, scenario);
    const made = ai.chat.completions.create(body(name), named(name));
    if (seen.kind === 'answered') {
      const [choice] = (await made).choices;
      expect(choice?.finish_reason).toBe(seen.finish);
      expect(choice?.message.refusal ?? '').toContain(seen.refusal ?? '');
      expect(choice).toMatchObject(
        seen.refusal === undefined ? {} : { gateway: { finish_reason: seen.refusal } },
      );
    } else {
      expect(seen.kind).toBe('refused');
      await expectRefused(made, seen as Seen & { kind: 'refused' });
    }
    await expectLine(name, seen);
  });

  it.each(ROWS)('streamed: $name', async ({ name, scenario, stream: seen }) => {
    play(name, scenario);
    const opened = ai.chat.completions.create({ ...body(name), stream: true }, named(name));
    if (seen.kind === 'refused') {
      await expectRefused(opened, seen);
    } else if (seen.kind === 'broken') {
      const error = await seenError(readChat(await opened));
      const { type, code } = OPENAI_ERRORS[seen.reason];
      expect(error).toMatchObject({ status: undefined, reason: seen.reason, type, code });
    } else {
      const { chunks, finishReason } = await readChat(await opened);
      expect(finishReason).toBe(seen.finish);
      const refusals = chunks.map(({ choices }) => choices[0]?.delta.refusal ?? '').join('');
      expect(refusals).toContain(seen.refusal ?? '');
    }
    await expectLine(name, seen);
  });

  it.each(ROWS.filter(({ stream }) => stream.kind === 'broken'))(
    'on the wire, $name ends in one error and neither finish nor [DONE]',
    async ({ name, scenario }) => {
      play(name, scenario);
      const response = await under.call('/openai/v1/chat/completions', { ...body(name), stream: true });
      expect(response.statusCode).toBe(200);
      const events = (await response.body.text()).split('\n\n');
      expect(events.pop()).toBe('');
      expect(events.filter((event) => event.startsWith('data: {"error":'))).toEqual([events.at(-1)]);
      expect(events.join()).not.toMatch(/\[DONE\]|"finish_reason":"/);
    },
  );

  it.each(['rate-minute', 'rate-day', 'gate'] as const)('%s says when to come back', async (kind) => {
    play(kind);
    const { headers } = await seenError(ai.chat.completions.create(body(kind)));
    expect(Number(headers?.get('retry-after'))).toBeGreaterThan(30);
  });
});

describe('failures of the gateway’s own', () => {
  let under: GatewayUnderTest;
  let ai: OpenAI;
  beforeAll(async () => {
    under = await gatewayUnderTest({
      config: `
models: { ${model}: {} }
projects:
  - id: main
    provider: gemini
    baseUrl: \${emulator}
    credentials: { apiKeys: [{ secret: "env:UPSTREAM_KEY" }] }
tasks:
  quick: { models: [${model}], timeoutMs: 50 }
  german: { models: [${model}], residency: de }
auth:
  keys:
    - { id: narrow, team: t, secret: "env:NARROW_KEY", scopes: [resources] }
`,
      environment: { NARROW_KEY: 'narrow-key' },
    });
    ai = openAiClient(under);
  });
  afterAll(() => under.close());

  const ask = (client: OpenAI, more: object = {}) =>
    client.chat.completions.create({
      model,
      messages: [{ role: 'user', content: 'slow question' }],
      ...more,
    });

  it('a key that is not valid, or may not do this', async () => {
    expect(await seenError(ask(openAiClient(under, { apiKey: 'wrong' })))).toMatchObject({
      status: 401,
      type: 'authentication_error',
      code: 'invalid_api_key',
    });
    expect(await seenError(ask(openAiClient(under, { apiKey: 'narrow-key' })))).toMatchObject({
      status: 403,
      type: 'permission_error',
    });
  });

  it('a model that nobody serves, a task that there is not', async () => {
    expect(await seenError(ask(ai, { model: 'gpt-4o' }))).toMatchObject({
      status: 404,
      code: 'model_not_found',
      param: 'model',
    });
    expect(await seenError(ask(ai, { model: 'task:nothing' }))).toMatchObject({
      status: 400,
      param: 'model',
    });
    const embedding = ai.embeddings.create({ model: 'task:nothing', input: 'x' });
    expect(await seenError(embedding)).toMatchObject({ status: 400, param: 'model' });
  });

  it('a deadline that passes, and no target', async () => {
    under.emulator.scenarios.add({ kind: 'silence', match: { text: 'slow question' }, times: 0 });
    expect(await seenError(ask(ai, { model: 'task:quick' }))).toMatchObject({ status: 504, code: 'timeout' });
    under.emulator.scenarios.clear();
    expect(await seenError(ask(ai, { model: 'task:german' }))).toMatchObject({
      status: 503,
      code: 'no_target',
    });
  });

  it('a path or a method that there is not', async () => {
    for (const [method, path] of [
      ['POST', '/openai/v1/completions'],
      ['GET', '/openai/v1/responses/resp_1'],
      ['POST', '/openai/v1/images/generations'],
    ] as const) {
      const response = await under.call(path, method === 'POST' ? {} : undefined, { method });
      expect(response.statusCode).toBe(404);
      expect(await response.body.json()).toMatchObject({
        error: { type: 'invalid_request_error', param: null },
      });
    }
  });

  it('no key at all, in the same shape', async () => {
    const response = await under.call('/openai/v1/models', undefined, { headers: { authorization: '' } });
    expect(response.statusCode).toBe(401);
    expect(await response.body.json()).toMatchObject({ error: { code: 'invalid_api_key' } });
  });
});
