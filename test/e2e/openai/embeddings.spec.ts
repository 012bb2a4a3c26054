import type OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import { lineOf } from '../../helpers/google-clients.js';
import { named, openAiClient, seenError } from '../../helpers/openai-clients.js';

const model = 'gemini-embedding-001';

describe('embeddings and models by the official client', () => {
  let under: GatewayUnderTest;
  let ai: OpenAI;
  beforeAll(async () => {
    under = await gatewayUnderTest();
    ai = openAiClient(under);
  });
  afterAll(() => under.close());

  it('embed one text and several, of the length that is asked for', async () => {
    const one = await ai.embeddings.create({ model, input: 'a text' });
    expect(one.data.map(({ embedding }) => embedding.length)).toEqual([3072]);
    const several = await ai.embeddings.create(
      { model, input: ['a text', 'another', 'a third'], dimensions: 16, user: 'ann' },
      named('embed'),
    );
    expect(several).toMatchObject({ object: 'list', model });
    expect(several.data.map(({ index, embedding }) => [index, embedding.length])).toEqual([
      [0, 16],
      [1, 16],
      [2, 16],
    ]);
    const call = under.upstreamCalls().at(-1);
    expect(call).toMatchObject({ operation: 'batchEmbedContents' });
    expect(several.usage).toEqual({ prompt_tokens: call?.inputTokens, total_tokens: call?.inputTokens });
    expect(await lineOf(under, 'embed')).toMatchObject({ input_tokens: call?.inputTokens, outcome: 'ok' });
  });

  it('give the same vectors as numbers and as base64', async () => {
    // The client asks for base64 by itself unless told otherwise, and reads it.
    const asked = { model, input: 'a heron waits', dimensions: 64 };
    const numbers = await ai.embeddings.create({ ...asked, encoding_format: 'float' });
    const decoded = await ai.embeddings.create(asked);
    const vector = numbers.data[0]!.embedding;
    expect([...decoded.data[0]!.embedding]).toEqual([...Float32Array.from(vector)]);
    const { data } = (await (
      await under.call('/openai/v1/embeddings', { ...asked, encoding_format: 'base64' })
    ).body.json()) as { data: [{ embedding: string }] };
    expect(Buffer.from(data[0].embedding, 'base64')).toHaveLength(64 * 4);
  });

  it('say what cannot be embedded', async () => {
    expect(await seenError(ai.embeddings.create({ model, input: [[1, 2]] }))).toMatchObject({
      param: 'input',
    });
    expect(await seenError(ai.embeddings.create({ model: 'nobody', input: 'x' }))).toMatchObject({
      status: 404,
      code: 'model_not_found',
    });
  });

  it('list what can be asked for, and find it by name', async () => {
    const ids: string[] = [];
    for await (const { id, object } of ai.models.list()) {
      expect(object).toBe('model');
      ids.push(id);
    }
    expect(ids).toEqual([
      'gemini-2.5-flash',
      'gemini-3.5-flash-lite',
      'gemini-3.8-flash',
      'gemini-embedding-001',
      'task:chat',
      'task:summary',
    ]);
    expect(await ai.models.retrieve('task:summary')).toMatchObject({
      id: 'task:summary',
      owned_by: 'gateway',
    });
    expect(await seenError(ai.models.retrieve('gpt-4o'))).toMatchObject({
      status: 404,
      code: 'model_not_found',
      param: 'model',
    });
  });
});
