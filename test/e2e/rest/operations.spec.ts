import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import { jsonOf } from '../../helpers/rest-answers.js';

interface OpenApi {
  readonly openapi: string;
  readonly paths: Record<
    string,
    Record<string, { requestBody?: { content: Record<string, { schema: object }> } }>
  >;
}

describe('the other routes of the REST surface', () => {
  let under: GatewayUnderTest;
  beforeAll(async () => {
    under = await gatewayUnderTest();
  });
  afterAll(() => under.close());

  it('counts the tokens of a prompt, and more with a system instruction', async () => {
    const count = async (body: object) =>
      (await jsonOf(under.call('/v1/count-tokens', { task: 'chat', prompt: 'count these words', ...body })))
        .json;
    const plain = await count({});
    expect(plain).toEqual({
      id: expect.any(String),
      model: 'gemini-3.8-flash',
      totalTokens: expect.any(Number),
    });
    const { totalTokens } = await count({ system: 'and these as well, please' });
    expect(Number(totalTokens)).toBeGreaterThan(Number(plain['totalTokens']));
    expect(under.upstreamCalls().at(-1)?.operation).toBe('countTokens');
  });

  it('embeds texts in their order, in one upstream call', async () => {
    const before = under.upstreamCalls().length;
    const { status, json } = await jsonOf(
      under.call('/v1/embed', {
        model: 'gemini-embedding-001',
        texts: ['a heron stands', 'a heron stands', 'tax law'],
        taskType: 'SEMANTIC_SIMILARITY',
        dimensions: 128,
      }),
    );
    const vectors = json['embeddings'] as number[][];
    expect(status).toBe(200);
    expect(json).toMatchObject({ model: 'gemini-embedding-001', usage: { outputTokens: 0 } });
    expect(vectors.map(({ length }) => length)).toEqual([128, 128, 128]);
    expect(vectors[0]).toEqual(vectors[1]);
    expect(vectors[0]).not.toEqual(vectors[2]);
    expect(under.upstreamCalls().slice(before)).toMatchObject([{ operation: 'batchEmbedContents' }]);
  });

  it('lists models with what they take, and tasks', async () => {
    const { json } = await jsonOf(under.call('/v1/models'));
    expect(json['models']).toContainEqual(
      expect.objectContaining({
        id: 'gemini-embedding-001',
        inputModalities: ['text'],
        outputModalities: [],
        projects: ['main'],
      }),
    );
    expect(json['tasks']).toEqual([
      { id: 'chat', models: ['gemini-3.8-flash'] },
      { id: 'summary', models: ['gemini-3.5-flash-lite', 'gemini-3.8-flash'] },
    ]);
    expect(JSON.stringify(json)).not.toContain('UPSTREAM_KEY');
  });

  it('describes its routes in an OpenAPI document with the very schemas that bodies are checked by', async () => {
    const { json } = await jsonOf(
      under.call('/docs/openapi.json', undefined, { headers: { authorization: '' } }),
    );
    const { openapi, paths } = json as unknown as OpenApi;
    expect(openapi).toBe('3.1.0');
    expect(Object.keys(paths).toSorted()).toEqual([
      '/v1/cache',
      '/v1/count-tokens',
      '/v1/embed',
      '/v1/generate',
      '/v1/models',
      '/v1/quota',
      '/v1/requests/{id}/explain',
    ]);
    const { generateSchema } = await import('../../../src/transport/shared/request-schemas.js');
    expect(paths['/v1/generate']?.['post']?.requestBody?.content['application/json']?.schema).toEqual(
      JSON.parse(JSON.stringify(generateSchema)),
    );
  });

  it('shows the document as a page', async () => {
    const { status, headers, text } = await jsonOf(under.call('/docs'));
    expect(status).toBe(200);
    expect(headers['content-type']).toContain('text/html');
    expect(text).toContain('swagger-ui');
  });
});
