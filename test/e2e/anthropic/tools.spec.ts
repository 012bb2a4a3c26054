import type Anthropic from '@anthropic-ai/sdk';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { BYPASS_SIGNATURE } from '../../../src/routing/thought-signatures.js';
import { DEFAULT_CONFIG, gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import { calledIn, recordedUpstream, type RecordedUpstream } from '../openai/recorded-upstream.js';
import { anthropicClient, placeTool, textOf } from './clients.js';

const model = 'gemini-3.8-flash';
const tools = [placeTool('find_city'), placeTool('read_weather')];
const PNG = Buffer.from('\x89PNG\r\n\x1A\n and no more', 'latin1').toString('base64');
type Message = Anthropic.MessageParam;

/** The calls of a message. */
function callsIn({ content }: Anthropic.Message): Anthropic.ToolUseBlock[] {
  return content.flatMap((block) => (block.type === 'tool_use' ? [block] : []));
}

/** A result for every call of a message. */
function resultsOf(message: Anthropic.Message): Anthropic.ToolResultBlockParam[] {
  return callsIn(message).map(({ id }) => ({ type: 'tool_result', tool_use_id: id, content: '{"ok":true}' }));
}

describe('tools, with signatures that the upstream insists on', () => {
  let upstream: RecordedUpstream;
  let under: GatewayUnderTest;
  let replica: GatewayUnderTest;
  let ai: Anthropic;
  beforeAll(async () => {
    under = await gatewayUnderTest({
      config: async (emulator) => {
        upstream = await recordedUpstream(emulator.url);
        return DEFAULT_CONFIG.replaceAll('${emulator}', upstream.url);
      },
    });
    // Another process before the same upstream, which has kept nothing.
    replica = await gatewayUnderTest({
      config: () => Promise.resolve(DEFAULT_CONFIG.replaceAll('${emulator}', upstream.url)),
    });
    ai = anthropicClient(under);
  });
  afterAll(async () => {
    await under.close();
    await replica.close();
    await upstream.close();
  });

  const params = (messages: Message[]) => ({ model, max_tokens: 4_000, tools, messages });

  /** One turn; the answer joins the conversation as it is. */
  async function turn(messages: Message[], more: object = {}, client = ai): Promise<Anthropic.Message> {
    const message = await client.messages.create({ ...params(messages), ...more });
    messages.push({ role: 'assistant', content: message.content });
    return message;
  }

  async function streamedTurn(messages: Message[]): Promise<Anthropic.Message> {
    const message = await ai.messages.stream(params(messages)).finalMessage();
    messages.push({ role: 'assistant', content: message.content });
    return message;
  }

  const lastAsked = () => upstream.asked().at(-1);

  it('are called over three turns; each signature goes back into its own call', async () => {
    const messages: Message[] = [{ role: 'user', content: 'find_city for me' }];
    const first = await turn(messages);
    expect(first).toMatchObject({
      stop_reason: 'tool_use',
      content: [
        { type: 'tool_use', name: 'find_city', input: expect.any(Object), caller: { type: 'direct' } },
      ],
    });
    messages.push({ role: 'user', content: resultsOf(first) });
    const second = await turn(messages, { tool_choice: { type: 'any' } });
    expect(callsIn(second)).toMatchObject([{ id: expect.stringMatching(/^call_[0-9a-f]{32}$/) }]);
    messages.push({ role: 'user', content: resultsOf(second) });
    const third = await turn(messages);
    expect(third.stop_reason).toBe('end_turn');
    expect(textOf(third)).toContain('The function answered.');
    const calls = calledIn(lastAsked());
    expect(calls).toHaveLength(2);
    for (const { thoughtSignature, functionCall } of calls) {
      expect(thoughtSignature).toMatch(/^RW11U2ln/);
      // The upstream's own ids are back, too: the caller never saw them.
      expect(functionCall?.id).toMatch(/^call-/);
    }
    const results = (lastAsked()?.contents ?? []).flatMap(({ parts }) => parts ?? []);
    expect(results.flatMap(({ functionResponse }) => functionResponse?.['id'] ?? [])).toEqual(
      calls.map(({ functionCall }) => functionCall?.id),
    );
  });

  it('are called in parallel: one signature for all of them, whatever the order of the results', async () => {
    const messages: Message[] = [{ role: 'user', content: 'find_city and read_weather' }];
    const asked = await turn(messages);
    expect(callsIn(asked).map(({ name }) => name)).toEqual(['find_city', 'read_weather']);
    messages.push({ role: 'user', content: resultsOf(asked).toReversed() });
    expect(textOf(await turn(messages))).toContain('The function answered.');
    expect(calledIn(lastAsked()).map(({ thoughtSignature }) => typeof thoughtSignature)).toEqual([
      'string',
      'undefined',
    ]);
    const names = lastAsked()
      ?.contents?.at(-1)
      ?.parts?.map(({ functionResponse }) => functionResponse?.['name']);
    expect(names).toEqual(['find_city', 'read_weather']);
  });

  it('are called in streams, with signatures that stay', async () => {
    const messages: Message[] = [{ role: 'user', content: 'find_city and read_weather, please' }];
    const asked = await streamedTurn(messages);
    expect(asked.stop_reason).toBe('tool_use');
    expect(callsIn(asked)).toMatchObject([{ input: expect.any(Object) }, {}]);
    messages.push({ role: 'user', content: [...resultsOf(asked), { type: 'text', text: 'Go on.' }] });
    const answered = await streamedTurn(messages);
    expect(answered.stop_reason).toBe('end_turn');
    expect(calledIn(lastAsked())[0]?.thoughtSignature).toMatch(/^RW11U2ln/);
    messages.push({ role: 'user', content: 'and read_weather again' });
    expect(callsIn(await streamedTurn(messages))).toMatchObject([{ name: 'read_weather' }]);
  });

  it('go on with Google’s bypass value where another process has kept the signature', async () => {
    const messages: Message[] = [{ role: 'user', content: 'find_city elsewhere' }];
    messages.push({ role: 'user', content: resultsOf(await turn(messages)) });
    const answered = await turn(messages, {}, anthropicClient(replica));
    expect(textOf(answered)).toContain('The function answered.');
    expect(calledIn(lastAsked())[0]?.thoughtSignature).toBe(BYPASS_SIGNATURE);
  });

  it.each(['whole', 'streamed'])('need no keeping where thoughts carry the signature, %s', async (way) => {
    const messages: Message[] = [{ role: 'user', content: `find_city after thinking, ${way}` }];
    const thinking = { type: 'adaptive' as const };
    const asked =
      way === 'whole'
        ? await ai.messages.create({ ...params(messages), thinking })
        : await ai.messages.stream({ ...params(messages), thinking }).finalMessage();
    expect(asked.content).toMatchObject([
      { type: 'thinking', signature: expect.stringMatching(/^gemini\.RW11U2ln/) },
      { type: 'tool_use' },
    ]);
    messages.push({ role: 'assistant', content: asked.content }, { role: 'user', content: resultsOf(asked) });
    await turn(messages, { thinking }, anthropicClient(replica));
    expect(calledIn(lastAsked())[0]?.thoughtSignature).toMatch(/^RW11U2ln/);
  });

  it('go on with history from elsewhere, whose thoughts another model signed', async () => {
    const messages: Message[] = [
      { role: 'user', content: 'where?' },
      {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: 'Hm.', signature: 'ErUBCkYIARgC' },
          { type: 'tool_use', id: 'toolu_1', name: 'find_city', input: {} },
        ],
      },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: 'Rye' }] },
    ];
    const before = under.upstreamCalls().length;
    expect(textOf(await turn(messages))).toContain('The function answered.');
    expect(under.upstreamCalls()).toHaveLength(before + 1);
    expect(calledIn(lastAsked())[0]?.thoughtSignature).toBe(BYPASS_SIGNATURE);
  });

  it('fail, and answer with images', async () => {
    const messages: Message[] = [{ role: 'user', content: 'find_city and read_weather, with pictures' }];
    const [first, second] = callsIn(await turn(messages));
    messages.push({
      role: 'user',
      content: [
        { type: 'tool_result', tool_use_id: first?.id ?? '', content: 'no such place', is_error: true },
        {
          type: 'tool_result',
          tool_use_id: second?.id ?? '',
          content: [
            { type: 'text', text: 'clear' },
            { type: 'image', source: { type: 'base64', media_type: 'image/png', data: PNG } },
          ],
        },
      ],
    });
    await turn(messages);
    expect(lastAsked()?.contents?.at(-1)?.parts).toMatchObject([
      { functionResponse: { name: 'find_city', response: { error: 'no such place' } } },
      {
        functionResponse: {
          name: 'read_weather',
          response: { output: 'clear' },
          parts: [{ inlineData: { mimeType: 'image/png', data: PNG } }],
        },
      },
    ]);
  });

  it('are chosen by name, or not at all', async () => {
    const one = await turn([{ role: 'user', content: 'anything' }], {
      tool_choice: { type: 'tool', name: 'read_weather' },
    });
    expect(callsIn(one)).toMatchObject([{ name: 'read_weather' }]);
    const none = await turn([{ role: 'user', content: 'find_city' }], { tool_choice: { type: 'none' } });
    expect(callsIn(none)).toEqual([]);
  });

  it('run by the client’s own helper, end to end', async () => {
    const seen: unknown[] = [];
    const final = await ai.beta.messages.toolRunner({
      model,
      max_tokens: 4_000,
      messages: [{ role: 'user', content: 'find_city by yourself' }],
      tools: [
        {
          ...placeTool('find_city'),
          type: 'custom',
          parse: (input: unknown) => input,
          run: (input: unknown) => {
            seen.push(input);
            return 'It is Rye.';
          },
        },
      ],
    });
    expect(final.content).toMatchObject([
      { type: 'text', text: expect.stringContaining('The function answered.') },
    ]);
    expect(seen).toEqual([expect.any(Object)]);
  });
});
