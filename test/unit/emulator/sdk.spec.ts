import { ApiError, FunctionCallingConfigMode, GoogleGenAI } from '@google/genai';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Emulator, startEmulator } from '../../../src/emulator/emulator.js';
import { call, plainFetch, send, saying } from '../../helpers/emulator-client.js';

let emulator: Emulator;
let ai: GoogleGenAI;
beforeAll(async () => {
  emulator = await startEmulator();
  ai = new GoogleGenAI({
    apiKey: 'sdk-key',
    apiVersion: 'v1beta',
    httpOptions: { baseUrl: emulator.url, fetch: plainFetch },
    automaticContinuation: false,
  } as ConstructorParameters<typeof GoogleGenAI>[0]);
});
afterAll(() => emulator.close());

const model = 'gemini-3.8-flash';

describe('the official client', () => {
  it('generates', async () => {
    const response = await ai.models.generateContent({ model, contents: 'Hello, emulator' });
    expect(response.candidates?.[0]?.content?.parts?.[0]?.text).toContain('Hello, emulator');
    expect(emulator.ledger.calls.at(-1)).toMatchObject({
      key: 'sdk-key',
      apiClient: expect.stringContaining('google-genai-sdk'),
    });
  });

  it('streams', async () => {
    let text = '';
    let finish: string | undefined;
    for await (const chunk of await ai.models.generateContentStream({ model, contents: 'Hello, stream' })) {
      text += chunk.candidates?.[0]?.content?.parts?.[0]?.text ?? '';
      finish = chunk.candidates?.[0]?.finishReason;
    }
    expect([text.includes('Hello, stream'), finish]).toEqual([true, 'STOP']);
  });

  it('keeps a conversation with function calls going', async () => {
    const config = {
      tools: [
        {
          functionDeclarations: [
            { name: 'look_up', parametersJsonSchema: { type: 'object', properties: {} } },
          ],
        },
      ],
    };
    const chat = ai.chats.create({ model, config });
    const first = await chat.sendMessage({
      message: 'Hello',
      config: { ...config, toolConfig: { functionCallingConfig: { mode: FunctionCallingConfigMode.ANY } } },
    });
    const name = first.functionCalls?.[0]?.name ?? '';
    const second = await chat.sendMessage({
      message: [{ functionResponse: { name, response: { ok: true } } }],
    });
    expect([name, second.text]).toEqual(['look_up', expect.stringContaining('The function answered.')]);
  });

  it('counts tokens, and the same as generation', async () => {
    const counted = await ai.models.countTokens({ model, contents: 'Count these tokens' });
    const generated = await ai.models.generateContent({ model, contents: 'Count these tokens' });
    expect(counted.totalTokens).toBe(generated.usageMetadata?.promptTokenCount);
  });

  it('embeds, with the length asked for', async () => {
    const embedded = await ai.models.embedContent({
      model: 'gemini-embedding-001',
      contents: ['one', 'two'],
      config: { outputDimensionality: 64 },
    });
    expect(embedded.embeddings?.map((each) => each.values?.length)).toEqual([64, 64]);
    const usual = await ai.models.embedContent({ model: 'gemini-embedding-001', contents: 'one' });
    expect(usual.embeddings?.[0]?.values).toHaveLength(3072);
  });

  it('lists models page by page and finds one', async () => {
    const names: (string | undefined)[] = [];
    for await (const each of await ai.models.list({ config: { pageSize: 5 } })) names.push(each.name);
    expect(names).toContain('models/gemini-embedding-2');
    expect(new Set(names).size).toBe(names.length);
    expect(await ai.models.get({ model })).toMatchObject({
      name: `models/${model}`,
      inputTokenLimit: 1_048_576,
    });
    await expect(ai.models.get({ model: 'gemini-9' })).rejects.toBeInstanceOf(ApiError);
  });

  it('uses cached content, which is billed inside the prompt', async () => {
    const cache = await ai.caches.create({ model, config: { contents: 'word '.repeat(2000), ttl: '60s' } });
    const cachedContent = cache.name ?? '';
    const { usageMetadata = {} } = await ai.models.generateContent({
      model,
      contents: 'Hi',
      config: { cachedContent },
    });
    expect(usageMetadata.cachedContentTokenCount).toBe(cache.usageMetadata?.totalTokenCount);
    expect(usageMetadata.promptTokenCount).toBe(usageMetadata.cachedContentTokenCount! + 1);
    const missing = ai.models.generateContent({
      model,
      contents: 'Hi',
      config: { cachedContent: 'cachedContents/none' },
    });
    await expect(missing).rejects.toThrow('CachedContent not found');
  });

  it('works on Vertex paths, where old embeddings predict', async () => {
    const authorization = `Bearer ${emulator.tokens.issue('robot', 60)}`;
    const root = `${emulator.url}/v1beta1/projects/p/locations/l/publishers/google/models`;
    const predicted = await send(
      `${root}/gemini-embedding-001:predict`,
      JSON.stringify({ instances: [{ content: 'a' }], parameters: { outputDimensionality: 8 } }),
      { authorization },
    );
    expect(JSON.parse(predicted.text)).toMatchObject({
      predictions: [
        { embeddings: { values: expect.any(Array), statistics: { token_count: 1, truncated: false } } },
      ],
    });
    const embedded = await send(
      `${root}/gemini-embedding-2:embedContent`,
      JSON.stringify({ content: { parts: [{ text: 'a' }] } }),
      {
        authorization,
      },
    );
    expect(JSON.parse(embedded.text)).toMatchObject({
      usageMetadata: { promptTokenCount: 1 },
      truncated: false,
    });
  });
});

describe('the parts of the wire that the client does not reach', () => {
  it('countTokens takes contents or a whole request, not both', async () => {
    const whole = {
      model: `models/${model}`,
      ...saying('abcd', { systemInstruction: { parts: [{ text: 'efgh' }] } }),
    };
    const counted = await call(emulator, 'countTokens', { generateContentRequest: whole });
    expect(JSON.parse(counted.text)).toMatchObject({ totalTokens: 2 });
    expect(
      (await call(emulator, 'countTokens', { ...saying('a'), generateContentRequest: whole })).status,
    ).toBe(400);
  });

  it.each([
    ['embedContent', {}, 'content is not specified'],
    ['embedContent', { content: { parts: [] }, outputDimensionality: 9999 }, 'output_dimensionality'],
    ['batchEmbedContents', { requests: [] }, 'requests is not specified'],
    ['batchEmbedContents', { requests: Array.from({ length: 101 }, () => ({})) }, 'at most 100'],
    ['predict', { instances: [] }, 'instances must not be empty'],
  ])('%s refuses %j', async (method, body, message) => {
    const answer = await call(emulator, method, body, { model: 'gemini-embedding-001' });
    expect([answer.status, answer.text]).toEqual([400, expect.stringContaining(message)]);
  });
});
