import type OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { JsonObject } from '../../../src/core/json.js';
import { BYPASS_SIGNATURE } from '../../../src/routing/thought-signatures.js';
import { DEFAULT_CONFIG, gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import { lineOf } from '../../helpers/google-clients.js';
import { named, openAiClient, seenError } from '../../helpers/openai-clients.js';
import { calledIn, recordedUpstream, type RecordedUpstream } from './recorded-upstream.js';

const model = 'gemini-3.8-flash';
type Item = OpenAI.Responses.ResponseInputItem;
type Event = OpenAI.Responses.ResponseStreamEvent;

const tool = (name: string): OpenAI.Responses.FunctionTool => ({
  type: 'function',
  name,
  parameters: { type: 'object', properties: { place: { type: 'string' } }, required: ['place'] },
  strict: false,
});
const tools = [tool('find_city'), tool('read_weather')];

/** A result for every call of an answer. */
function outputsOf({ output }: OpenAI.Responses.Response): Item[] {
  return output.flatMap((item) =>
    item.type === 'function_call'
      ? [{ type: 'function_call_output' as const, call_id: item.call_id, output: '{"ok":true}' }]
      : [],
  );
}

describe('responses by the official client', () => {
  let upstream: RecordedUpstream;
  let under: GatewayUnderTest;
  let ai: OpenAI;
  beforeAll(async () => {
    under = await gatewayUnderTest({
      config: async (emulator) => {
        upstream = await recordedUpstream(emulator.url);
        return DEFAULT_CONFIG.replaceAll('${emulator}', upstream.url);
      },
    });
    ai = openAiClient(under);
  });
  afterAll(async () => {
    await under.close();
    await upstream.close();
  });

  it('answer a text, and store nothing', async () => {
    const answer = await ai.responses.create(
      {
        model,
        instructions: 'Be kind.',
        input: 'the word is bittern',
        metadata: { feature: 'search', run: '7' },
      },
      named('response'),
    );
    expect(answer.output_text).toContain('bittern');
    expect(answer).toMatchObject({
      id: 'resp_response',
      object: 'response',
      status: 'completed',
      model,
      store: false,
      instructions: 'Be kind.',
      metadata: { feature: 'search', run: '7' },
      error: null,
      incomplete_details: null,
    });
    const call = under.upstreamCalls().at(-1);
    const { inputTokens = 0, outputTokens = 0, thoughtsTokens = 0 } = call ?? {};
    expect(answer.usage).toEqual({
      input_tokens: inputTokens,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: outputTokens + thoughtsTokens,
      output_tokens_details: { reasoning_tokens: thoughtsTokens },
      total_tokens: inputTokens + outputTokens + thoughtsTokens,
    });
    expect(await lineOf(under, 'response')).toMatchObject({
      route: '/openai/v1/responses',
      feature: 'search',
      outcome: 'ok',
    });
  });

  it('stream as numbered events, the last of which is the whole response', async () => {
    const events: Event[] = [];
    const stream = await ai.responses.create({ model, input: 'the word is dotterel', stream: true });
    for await (const event of stream) events.push(event);
    expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, index) => index));
    const types = events.map(({ type }) => type.replace('response.', ''));
    expect(types.filter((type) => type !== 'output_text.delta')).toEqual([
      'created',
      'in_progress',
      'output_item.added',
      'content_part.added',
      'output_text.done',
      'content_part.done',
      'output_item.done',
      'completed',
    ]);
    const text = events
      .map((event) => (event.type === 'response.output_text.delta' ? event.delta : ''))
      .join('');
    expect(text).toContain('dotterel');
    const last = events.at(-1);
    if (last?.type !== 'response.completed') throw new Error('it did not complete');
    expect(last.response.usage?.total_tokens).toBeGreaterThan(0);
  });

  it('stream through the client’s own helper, which checks every event', async () => {
    const final = await ai.responses
      .stream({ model, input: 'find_city and read_weather', tools })
      .finalResponse();
    expect(final.output.map(({ type }) => type)).toEqual(['function_call', 'function_call']);
    const spoken = await ai.responses.stream({ model, input: 'say whimbrel' }).finalResponse();
    expect(spoken.output_text).toContain('whimbrel');
    const thought = await ai.responses
      .stream({ model, input: 'think', reasoning: { effort: 'low', summary: 'auto' } })
      .finalResponse();
    expect(thought.output.map(({ type }) => type)).toEqual(['reasoning', 'message']);
  });

  it('follow a JSON schema', async () => {
    const schema = { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] };
    const answer = await ai.responses.create({
      model,
      input: 'a person',
      text: { format: { type: 'json_schema', name: 'person', schema, strict: true } },
    });
    expect(JSON.parse(answer.output_text)).toEqual({ name: expect.any(String) });
  });

  it('call tools over three turns with all of their output sent back, signatures in their places', async () => {
    const input: Item[] = [{ role: 'user', content: 'find_city and read_weather' }];
    const first = await ai.responses.create({ model, input, tools });
    expect(first.output.map(({ type }) => type)).toEqual(['function_call', 'function_call']);
    input.push(...(first.output as Item[]), ...outputsOf(first));
    const second = await ai.responses.create({
      model,
      input,
      tools,
      tool_choice: { type: 'function', name: 'read_weather' },
    });
    expect(second.output).toMatchObject([{ type: 'function_call', name: 'read_weather' }]);
    input.push(...(second.output as Item[]), ...outputsOf(second));
    const third = await ai.responses.create({ model, input, tools });
    expect(third.output_text).toContain('The function answered.');
    const signed = calledIn(upstream.asked().at(-1)).map(({ thoughtSignature }) =>
      thoughtSignature?.slice(0, 8),
    );
    expect(signed).toEqual(['RW11U2ln', undefined, 'RW11U2ln']);
    // Texts have theirs by the id of their message.
    input.push(...(third.output as Item[]), { role: 'user', content: 'thanks' });
    await ai.responses.create({ model, input, tools });
    const said = upstream.asked().at(-1)?.contents?.at(-2);
    expect(said).toMatchObject({
      role: 'model',
      parts: [{ thoughtSignature: expect.stringMatching(/^RW11U2ln/) }],
    });
  });

  it('carry signatures themselves where reasoning is wanted sealed', async () => {
    const include = ['reasoning.encrypted_content' as const];
    const input: Item[] = [{ role: 'user', content: 'find_city sealed' }];
    const first = await ai.responses.create({ model, input, tools, include });
    expect(first.output).toMatchObject([
      { type: 'reasoning', encrypted_content: expect.stringMatching(/^RW11U2ln/) },
      { type: 'function_call' },
    ]);
    // Under an id that the gateway has not made, the reasoning alone can tell.
    const renamed = JSON.parse(
      JSON.stringify(first).replaceAll(/call_[0-9a-f]{32}/g, 'mine'),
    ) as typeof first;
    input.push(...(renamed.output as Item[]), ...outputsOf(renamed));
    expect((await ai.responses.create({ model, input, tools, include })).output_text).toContain(
      'The function',
    );
    expect(calledIn(upstream.asked().at(-1))[0]?.thoughtSignature).toMatch(/^RW11U2ln/);
    const without = input.filter((item) => (item as { type?: string }).type !== 'reasoning');
    await ai.responses.create({ model, input: without, tools });
    expect(calledIn(upstream.asked().at(-1))[0]?.thoughtSignature).toBe(BYPASS_SIGNATURE);
  });

  it('are incomplete where they are cut or blocked, whole and streamed', async () => {
    const cut = await ai.responses.create({ model, input: 'a long story of a bird', max_output_tokens: 6 });
    expect(cut).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } });
    under.emulator.scenarios.add({ kind: 'safety', match: { text: 'rude' }, times: 0 });
    const blocked = await ai.responses.create({ model, input: 'rude' });
    expect(blocked).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'content_filter' } });
    expect(JSON.stringify(blocked.output)).toContain('Google blocked the answer: SAFETY.');
    const types: string[] = [];
    for await (const { type } of await ai.responses.create({ model, input: 'rude', stream: true }))
      types.push(type);
    expect(types).toContain('response.refusal.done');
    expect(types.at(-1)).toBe('response.incomplete');
  });

  it('fail before a stream with a status, and within it with one event that the client throws', async () => {
    under.emulator.scenarios.add([
      { kind: 'prompt-block', match: { text: 'forbidden' }, times: 0 },
      { kind: 'mid-stream-error-event', match: { text: 'fragile' }, times: 0 },
    ]);
    const blocked = await seenError(ai.responses.create({ model, input: 'forbidden', stream: true }));
    expect(blocked).toMatchObject({ status: 400, code: 'content_filter', reason: 'SAFETY_BLOCKED' });
    const types: string[] = [];
    const reading = (async () => {
      for await (const { type } of await ai.responses.create({ model, input: 'fragile', stream: true }))
        types.push(type);
    })();
    await expect(reading).rejects.toMatchObject({ code: 'overloaded' });
    expect(types).toContain('response.output_text.delta');
    expect(types).not.toContain('response.completed');
    const body: JsonObject = { model, input: 'fragile', stream: true };
    const text = await (await under.call('/openai/v1/responses', body)).body.text();
    expect(text.split('\n\n').at(-2)).toMatch(/^event: error\ndata: \{"type":"error",/);
    expect(text).not.toMatch(/response\.(?:completed|failed|incomplete)|\[DONE\]/);
  });
});
