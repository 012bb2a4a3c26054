import type OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { BYPASS_SIGNATURE } from '../../../src/routing/thought-signatures.js';
import { DEFAULT_CONFIG, gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import { openAiClient, placeTool, readChat } from '../../helpers/openai-clients.js';
import { calledIn, recordedUpstream, type RecordedUpstream } from './recorded-upstream.js';

const model = 'gemini-3.8-flash';
const tools = [placeTool('find_city'), placeTool('read_weather')];
type Message = OpenAI.ChatCompletionMessageParam;

/** What a client keeps of an answer that knows OpenAI's documented fields alone. */
function documented(message: OpenAI.ChatCompletionMessage): Message {
  const calls = message.tool_calls?.flatMap((call) =>
    call.type === 'function' ? [{ id: call.id, type: call.type, function: call.function }] : [],
  );
  return { role: 'assistant', content: message.content, ...(calls && { tool_calls: calls }) };
}

/** A result for every call of a message. */
function resultsOf(message: Message): Message[] {
  const calls = message.role === 'assistant' ? (message.tool_calls ?? []) : [];
  return calls.map(({ id }) => ({ role: 'tool', tool_call_id: id, content: '{"ok":true}' }));
}

describe('tools, with signatures that the upstream insists on', () => {
  let upstream: RecordedUpstream;
  let under: GatewayUnderTest;
  let replica: GatewayUnderTest;
  let ai: OpenAI;
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
    ai = openAiClient(under);
  });
  afterAll(async () => {
    await under.close();
    await replica.close();
    await upstream.close();
  });

  /** One turn; the answer joins the conversation as a client of OpenAI's would keep it. */
  async function turn(messages: Message[], more: object = {}, client = ai): Promise<Message> {
    const answer = await client.chat.completions.create({ model, messages, tools, ...more });
    const message = documented(answer.choices[0]!.message);
    messages.push(message);
    return message;
  }

  async function streamedTurn(messages: Message[]): Promise<Message> {
    const stream = await ai.chat.completions.create({ model, messages, tools, stream: true });
    const { content, toolCalls, finishReason } = await readChat(stream);
    expect(finishReason).toBe(toolCalls.length > 0 ? 'tool_calls' : 'stop');
    const message: Message = {
      role: 'assistant',
      content: content === '' ? null : content,
      ...(toolCalls.length > 0 ? { tool_calls: toolCalls } : {}),
    };
    messages.push(message);
    return message;
  }

  const lastAsked = () => upstream.asked().at(-1);

  it('are called over three turns; each signature goes back into its own call', async () => {
    const messages: Message[] = [{ role: 'user', content: 'find_city for me' }];
    const first = await turn(messages);
    expect(first).toMatchObject({ content: null, tool_calls: [{ function: { name: 'find_city' } }] });
    messages.push(...resultsOf(first));
    const second = await turn(messages, { tool_choice: 'required' });
    expect(second).toMatchObject({ tool_calls: [{ id: expect.stringMatching(/^call_[0-9a-f]{32}$/) }] });
    messages.push(...resultsOf(second));
    const third = await turn(messages);
    expect(third.content).toContain('The function answered.');
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
    expect(asked).toMatchObject({
      tool_calls: [{ function: { name: 'find_city' } }, { function: { name: 'read_weather' } }],
    });
    messages.push(...resultsOf(asked).toReversed());
    expect((await turn(messages)).content).toContain('The function answered.');
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
    expect(asked).toMatchObject({ tool_calls: [{}, {}] });
    messages.push(...resultsOf(asked));
    const answered = await streamedTurn(messages);
    expect(answered.content).toContain('The function answered.');
    expect(calledIn(lastAsked())[0]?.thoughtSignature).toMatch(/^RW11U2ln/);
    messages.push({ role: 'user', content: 'and read_weather again' });
    expect(await streamedTurn(messages)).toMatchObject({
      tool_calls: [{ function: { name: 'read_weather' } }],
    });
  });

  it('go on with Google’s bypass value where another process has kept the signature', async () => {
    const messages: Message[] = [{ role: 'user', content: 'find_city elsewhere' }];
    messages.push(...resultsOf(await turn(messages)));
    const answered = await turn(messages, {}, openAiClient(replica));
    expect(answered.content).toContain('The function answered.');
    expect(calledIn(lastAsked())[0]?.thoughtSignature).toBe(BYPASS_SIGNATURE);
  });

  it('need no keeping where the client sends back all that it got', async () => {
    const messages: Message[] = [{ role: 'user', content: 'find_city, whole' }];
    const { choices } = await ai.chat.completions.create({ model, messages, tools });
    const { message } = choices[0]!;
    messages.push(message, ...resultsOf(message));
    await openAiClient(replica).chat.completions.create({ model, messages, tools });
    expect(calledIn(lastAsked())[0]?.thoughtSignature).toMatch(/^RW11U2ln/);
  });

  it('go on with history from elsewhere', async () => {
    const call = {
      id: 'toolu_1',
      type: 'function' as const,
      function: { name: 'find_city', arguments: '{}' },
    };
    const messages: Message[] = [
      { role: 'user', content: 'where?' },
      { role: 'assistant', tool_calls: [call] },
      { role: 'tool', tool_call_id: 'toolu_1', content: 'Rye' },
    ];
    expect((await turn(messages)).content).toContain('The function answered.');
    expect(calledIn(lastAsked())[0]?.thoughtSignature).toBe(BYPASS_SIGNATURE);
  });

  it('get nothing made up for models that check no signatures', async () => {
    const messages: Message[] = [{ role: 'user', content: 'find_city the old way' }];
    const asked = await turn(messages, { model: 'gemini-2.5-flash' });
    messages.push(...resultsOf(asked));
    await turn(messages, { model: 'gemini-2.5-flash' });
    expect(calledIn(lastAsked())[0]).not.toHaveProperty('thoughtSignature');
  });

  it('are chosen by name, from some, or not at all', async () => {
    const named = { type: 'function', function: { name: 'read_weather' } };
    const one = await turn([{ role: 'user', content: 'anything' }], { tool_choice: named });
    expect(one).toMatchObject({ tool_calls: [{ function: { name: 'read_weather' } }] });
    const some = { type: 'allowed_tools', allowed_tools: { mode: 'required', tools: [named] } };
    const among = await turn([{ role: 'user', content: 'find_city' }], { tool_choice: some });
    expect(among).toMatchObject({ tool_calls: [{ function: { name: 'read_weather' } }] });
    const none = await turn([{ role: 'user', content: 'find_city' }], { tool_choice: 'none' });
    expect(none).not.toHaveProperty('tool_calls');
  });

  it('may be a thousand', async () => {
    const many = Array.from({ length: 1_000 }, (_, index) => placeTool(`tool_number_${index}_end`));
    const asked = await turn([{ role: 'user', content: 'use tool_number_777_end' }], { tools: many });
    expect(asked).toMatchObject({ tool_calls: [{ function: { name: 'tool_number_777_end' } }] });
  });

  it('run by the client’s own helper, end to end', async () => {
    const seen: string[] = [];
    const runner = ai.chat.completions.runTools({
      model,
      messages: [{ role: 'user', content: 'find_city by yourself' }],
      tools: [
        {
          type: 'function',
          function: {
            name: 'find_city',
            description: 'Finds a city.',
            parameters: { type: 'object', properties: { place: { type: 'string' } } },
            function: (args: string) => {
              seen.push(args);
              return 'It is Rye.';
            },
          },
        },
      ],
    });
    expect(await runner.finalContent()).toContain('The function answered.');
    expect(seen).toEqual([expect.stringMatching(/^\{/)]);
  });
});
