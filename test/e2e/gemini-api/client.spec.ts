import type { GoogleGenAI } from '@google/genai';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import {
  CLIENT_SETTINGS,
  drained,
  googleClient,
  lineOf,
  named,
  reasonOf,
  refusalOf,
  spoken,
  type ClientSetting,
} from '../../helpers/google-clients.js';

const model = 'gemini-3.8-flash';

describe.each(Object.keys(CLIENT_SETTINGS) as ClientSetting[])('the official client, %s', (setting) => {
  let under: GatewayUnderTest;
  let ai: GoogleGenAI;
  beforeAll(async () => {
    under = await gatewayUnderTest();
    ai = googleClient(under, setting);
  });
  afterAll(() => under.close());

  it('generates with one upstream call, whose tokens the caller and the log see', async () => {
    const answer = await ai.models.generateContent({
      model,
      contents: 'the word is bittern',
      config: { httpOptions: { headers: named('unary') } },
    });
    expect(spoken(answer)).toContain('bittern');
    expect(answer.candidates?.[0]?.finishReason).toBe('STOP');
    const [call, ...more] = under.upstreamCalls();
    expect(more).toEqual([]);
    expect(call).toMatchObject({
      operation: 'generateContent',
      stream: false,
      aborted: false,
      outcome: 'ok',
    });
    expect(answer.usageMetadata).toMatchObject({
      promptTokenCount: call?.inputTokens,
      candidatesTokenCount: call?.outputTokens,
      thoughtsTokenCount: call?.thoughtsTokens,
    });
    expect(await lineOf(under, 'unary')).toMatchObject({
      model_used: model,
      target: `main/${model}`,
      status_code: 200,
      retry_count: 0,
      input_tokens: call?.inputTokens,
      output_tokens: call?.outputTokens,
      thoughts_tokens: call?.thoughtsTokens,
      cached_tokens: 0,
      finish_reason: 'STOP',
      outcome: 'ok',
    });
  });

  it('sends the upstream the gateway’s key, never the caller’s', () => {
    expect(under.upstreamCalls().map(({ key }) => key)).toEqual(['upstream-key']);
  });

  it('says in the headers who answered', async () => {
    const { sdkHttpResponse } = await ai.models.generateContent({
      model,
      contents: 'hello',
      config: { httpOptions: { headers: named('my-own-id') } },
    });
    expect(sdkHttpResponse?.headers).toMatchObject({
      'x-request-id': 'my-own-id',
      'x-gateway-model': model,
      'x-gateway-target': `main/${model}`,
      'x-gateway-attempts': '1',
      'x-gateway-cache': 'bypass',
    });
  });

  it('streams with one upstream call, cumulative counts and one finish', async () => {
    const before = under.upstreamCalls().length;
    const stream = await ai.models.generateContentStream({
      model,
      contents: 'the word is dotterel',
      config: { httpOptions: { headers: named('stream') } },
    });
    const chunks = await drained(stream);
    expect(chunks.length).toBeGreaterThan(2);
    expect(spoken(...chunks)).toContain('dotterel');
    expect(chunks.flatMap(({ candidates }) => candidates?.[0]?.finishReason ?? [])).toEqual(['STOP']);
    const [call, ...more] = under.upstreamCalls().slice(before);
    expect(more).toEqual([]);
    expect(call).toMatchObject({
      operation: 'streamGenerateContent',
      stream: true,
      chunksSent: chunks.length,
    });
    expect(chunks.at(-1)?.usageMetadata).toMatchObject({ candidatesTokenCount: call?.outputTokens });
    const line = await lineOf(under, 'stream');
    expect(line).toMatchObject({
      input_tokens: call?.inputTokens,
      output_tokens: call?.outputTokens,
      thoughts_tokens: call?.thoughtsTokens,
      outcome: 'ok',
    });
    expect(line['ttft_ms']).toBeLessThanOrEqual(line['latency_ms'] as number);
  });

  it('counts tokens as generation does', async () => {
    const contents = 'count these few words';
    const { totalTokens } = await ai.models.countTokens({ model, contents });
    const { usageMetadata } = await ai.models.generateContent({ model, contents });
    expect(totalTokens).toBe(usageMetadata?.promptTokenCount);
  });

  it('embeds one text and several', async () => {
    const embed = (contents: string | string[], outputDimensionality: number) =>
      ai.models.embedContent({
        model: 'gemini-embedding-001',
        contents,
        config: { outputDimensionality, httpOptions: { headers: named(`embed-${outputDimensionality}`) } },
      });
    const one = await embed('a text', 32);
    expect(one.embeddings?.map(({ values }) => values?.length)).toEqual([32]);
    const several = await embed(['a text', 'another', 'a third'], 16);
    expect(several.embeddings?.map(({ values }) => values?.length)).toEqual([16, 16, 16]);
    expect(several.embeddings?.[1]?.values).not.toEqual(several.embeddings?.[2]?.values);
    const call = under.upstreamCalls().at(-1);
    expect(call).toMatchObject({ operation: 'batchEmbedContents', model: 'gemini-embedding-001' });
    expect(await lineOf(under, 'embed-16')).toMatchObject({ input_tokens: call?.inputTokens, outcome: 'ok' });
  });

  it('lists the models that the gateway serves, page by page, and finds one', async () => {
    const names: (string | undefined)[] = [];
    for await (const { name } of await ai.models.list({ config: { pageSize: 3 } })) names.push(name);
    expect(names).toEqual([
      'models/gemini-2.5-flash',
      'models/gemini-3.5-flash-lite',
      'models/gemini-3.8-flash',
      'models/gemini-embedding-001',
    ]);
    expect(await ai.models.get({ model })).toMatchObject({
      name: `models/${model}`,
      inputTokenLimit: 1_048_576,
    });
    const missing = await refusalOf(ai.models.get({ model: 'gemini-0' }));
    expect([missing.status, reasonOf(missing.error)]).toEqual([404, 'MODEL_NOT_FOUND']);
  });
});
