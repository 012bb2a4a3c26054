import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { APICallError, embedMany, generateText, jsonSchema, Output, stepCountIs, streamText, tool } from 'ai';
import { plainFetch } from '../../helpers/emulator-client.js';
import { DEFAULT_CONFIG, gatewayUnderTest, TEST_KEY, type GatewayUnderTest } from '../../helpers/gateway.js';
import { calledIn, recordedUpstream, type RecordedUpstream } from './recorded-upstream.js';

const find_city = tool({
  description: 'Finds a city.',
  inputSchema: jsonSchema<{ place?: string }>({ type: 'object', properties: { place: { type: 'string' } } }),
  execute: () => Promise.resolve({ city: 'Rye' }),
});

describe('the AI SDK', () => {
  let upstream: RecordedUpstream;
  let under: GatewayUnderTest;
  beforeAll(async () => {
    under = await gatewayUnderTest({
      config: async (emulator) => {
        upstream = await recordedUpstream(emulator.url);
        return DEFAULT_CONFIG.replaceAll('${emulator}', upstream.url);
      },
    });
  });
  afterAll(async () => {
    await under.close();
    await upstream.close();
  });

  const gateway = () =>
    createOpenAICompatible({
      name: 'gateway',
      apiKey: TEST_KEY,
      baseURL: `${under.url}/openai/v1`,
      includeUsage: true,
      supportsStructuredOutputs: true,
      fetch: plainFetch,
    });
  const asking = (prompt: string) => ({ model: gateway()('gemini-3.8-flash'), prompt, maxRetries: 0 });

  it('generates a text, with tokens that add up', async () => {
    const { text, usage, finishReason } = await generateText(asking('the word is bittern'));
    expect(text).toContain('bittern');
    expect(finishReason).toBe('stop');
    expect(usage.totalTokens).toBe((usage.inputTokens ?? 0) + (usage.outputTokens ?? 0));
    expect(usage.outputTokenDetails.reasoningTokens).toBeGreaterThan(0);
  });

  it('streams a text', async () => {
    const result = streamText(asking('the word is dotterel'));
    const pieces: string[] = [];
    for await (const piece of result.textStream) pieces.push(piece);
    expect(pieces.length).toBeGreaterThan(2);
    expect(pieces.join('')).toContain('dotterel');
    expect(await result.finishReason).toBe('stop');
    expect((await result.usage).totalTokens).toBeGreaterThan(0);
  });

  it('runs tools over several steps, whole and streamed, signatures in their places', async () => {
    const settings = { ...asking('find_city for me'), tools: { find_city }, stopWhen: stepCountIs(3) };
    const { text, steps } = await generateText(settings);
    expect(steps).toHaveLength(2);
    expect(text).toContain('The function answered.');
    expect(calledIn(upstream.asked().at(-1))[0]?.thoughtSignature).toMatch(/^RW11U2ln/);
    const streamed = streamText(settings);
    expect(await streamed.text).toContain('The function answered.');
    expect(calledIn(upstream.asked().at(-1))[0]?.thoughtSignature).toMatch(/^RW11U2ln/);
  });

  it('makes an object to a schema', async () => {
    const { output } = await generateText({
      ...asking('a person'),
      output: Output.object({
        schema: jsonSchema<{ name: string }>({
          type: 'object',
          properties: { name: { type: 'string' } },
          required: ['name'],
          additionalProperties: false,
        }),
      }),
    });
    expect(output).toEqual({ name: expect.any(String) });
  });

  it('embeds texts', async () => {
    const { embeddings } = await embedMany({
      model: gateway().embeddingModel('gemini-embedding-001'),
      values: ['a text', 'another'],
    });
    expect(embeddings.map((vector) => vector.length)).toEqual([3072, 3072]);
  });

  it('reads errors', async () => {
    const thrown: unknown = await generateText({
      ...asking('x'),
      model: gateway()('gpt-4o'),
    }).catch((error: unknown) => error);
    expect(APICallError.isInstance(thrown) && [thrown.statusCode, thrown.message]).toEqual([
      404,
      expect.stringContaining('No project serves "gpt-4o"'),
    ]);
  });
});
