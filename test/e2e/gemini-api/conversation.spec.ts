import { FunctionCallingConfigMode, type Content, type GoogleGenAI, type Part } from '@google/genai';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import { drained, googleClient, spoken } from '../../helpers/google-clients.js';

const model = 'gemini-3.8-flash';
const tools = [
  {
    functionDeclarations: ['find_city', 'read_weather'].map((name) => ({
      name,
      parametersJsonSchema: {
        type: 'object',
        properties: { place: { type: 'string' } },
        required: ['place'],
      },
    })),
  },
];
const callAgain = { toolConfig: { functionCallingConfig: { mode: FunctionCallingConfigMode.ANY } } };

/** Answers every function call of a content. */
function answersTo(content: Content | undefined): Part[] {
  return (content?.parts ?? []).flatMap(({ functionCall }) =>
    functionCall === undefined
      ? []
      : [
          {
            functionResponse: { id: functionCall.id, name: functionCall.name, response: { ok: true } },
          } as Part,
        ],
  );
}

describe('conversations of the official client', () => {
  let under: GatewayUnderTest;
  let ai: GoogleGenAI;
  beforeAll(async () => {
    under = await gatewayUnderTest();
    ai = googleClient(under);
  });
  afterAll(() => under.close());

  it('chats over several turns, streamed and not, each turn with the whole history', async () => {
    const chat = ai.chats.create({ model });
    expect(spoken(await chat.sendMessage({ message: 'first: avocet' }))).toContain('avocet');
    const streamed = await drained(await chat.sendMessageStream({ message: 'second: godwit' }));
    expect(spoken(...streamed)).toContain('godwit');
    expect(spoken(await chat.sendMessage({ message: 'third: whimbrel' }))).toContain('whimbrel');
    // The client keeps each chunk of a stream as a content of its own.
    const roles = chat.getHistory().map(({ role }) => role);
    expect(roles.filter((role, index) => role !== roles[index - 1])).toEqual(
      ['first', 'second', 'third'].flatMap(() => ['user', 'model']),
    );
    const inputs = under.upstreamCalls().map(({ inputTokens }) => inputTokens);
    expect(inputs).toEqual(inputs.toSorted((left, right) => left - right));
    expect(new Set(inputs).size).toBe(3);
  });

  it('carries thought signatures through three steps of function calls', async () => {
    const chat = ai.chats.create({ model, config: { tools } });
    const first = await chat.sendMessage({ message: 'find_city for me' });
    expect(first.functionCalls?.map(({ name }) => name)).toEqual(['find_city']);
    const second = await chat.sendMessage({
      message: answersTo(first.candidates?.[0]?.content),
      config: { tools, ...callAgain },
    });
    expect(second.functionCalls).toHaveLength(1);
    const third = await chat.sendMessage({ message: answersTo(second.candidates?.[0]?.content) });
    expect(spoken(third)).toContain('The function answered.');
    const signatures = chat
      .getHistory()
      .flatMap(({ parts }) => parts ?? [])
      .filter(({ functionCall }) => functionCall !== undefined)
      .map(({ thoughtSignature }) => thoughtSignature);
    expect(signatures).toEqual([expect.any(String), expect.any(String)]);
  });

  it('carries the signature of streamed function calls', async () => {
    const chat = ai.chats.create({ model, config: { tools } });
    const chunks = await drained(await chat.sendMessageStream({ message: 'read_weather now' }));
    const calls = chunks.flatMap(({ candidates }) => candidates?.[0]?.content?.parts ?? []);
    expect(calls.map(({ functionCall }) => functionCall?.name)).toEqual(['read_weather']);
    const answered = await drained(await chat.sendMessageStream({ message: answersTo({ parts: calls }) }));
    expect(spoken(...answered)).toContain('The function answered.');
  });

  it('carries parallel calls, of which only the first is signed', async () => {
    const question: Content = { role: 'user', parts: [{ text: 'find_city and read_weather' }] };
    const asked = await ai.models.generateContent({ model, contents: [question], config: { tools } });
    const content = asked.candidates?.[0]?.content;
    expect(content?.parts?.map(({ functionCall }) => functionCall?.name)).toEqual([
      'find_city',
      'read_weather',
    ]);
    expect(content?.parts?.map(({ thoughtSignature }) => typeof thoughtSignature)).toEqual([
      'string',
      'undefined',
    ]);
    const contents = [question, content ?? {}, { role: 'user', parts: answersTo(content) }];
    const answered = await ai.models.generateContent({ model, contents, config: { tools } });
    expect(spoken(answered)).toContain('The function answered.');
  });

  it.each([
    ['taken away', undefined],
    ['made up', Buffer.from('not a signature').toString('base64')],
  ])('go on all the same with a signature that was %s, after one more call', async (_what, signature) => {
    const question: Content = { role: 'user', parts: [{ text: 'find_city' }] };
    const asked = await ai.models.generateContent({ model, contents: [question], config: { tools } });
    const functionCall = asked.functionCalls?.[0] ?? {};
    const before = under.upstreamCalls().length;
    const answer = await ai.models.generateContent({
      model,
      contents: [
        question,
        {
          role: 'model',
          parts: [{ functionCall, ...(signature === undefined ? {} : { thoughtSignature: signature }) }],
        },
        { role: 'user', parts: answersTo(asked.candidates?.[0]?.content) },
      ],
      config: { tools },
    });
    expect(answer.candidates?.[0]?.finishReason).toBe('STOP');
    expect(
      under
        .upstreamCalls()
        .slice(before)
        .map(({ status }) => status),
    ).toEqual([400, 200]);
  });
});
