import { GoogleGenAI } from '@google/genai';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import OpenAI from 'openai';
import { fetch, type Response } from 'undici';

import { startEmulator, type Emulator } from '../../../src/emulator/emulator.js';
import { ManualClock } from '../../helpers/manual-clock.js';

const sdkFetch = fetch as unknown as typeof globalThis.fetch;

describe('what stands around the models of a running emulator', () => {
  let emulator: Emulator;
  let ai: GoogleGenAI;

  beforeEach(async () => {
    emulator = await startEmulator({
      clock: new ManualClock(),
      apiKeys: ['good'],
      surroundings: { fileProcessingMs: 1000, batchCompletionMs: 1000, tokenTtlSeconds: 60, projectId: 'p9' },
    });
    ai = new GoogleGenAI({
      apiKey: 'good',
      apiVersion: 'v1beta',
      httpOptions: { baseUrl: emulator.url, fetch: sdkFetch },
    });
  });
  afterEach(() => emulator.close());

  const metadata = (path: string): Promise<Response> =>
    fetch(`${emulator.url}/computeMetadata/v1/${path}`, { headers: { 'metadata-flavor': 'Google' } });

  it('takes files and batches, at the configured pace', async () => {
    const file = await ai.files.upload({ file: new Blob(['x']), config: { mimeType: 'text/plain' } });
    expect(file.state).toBe('PROCESSING');
    const job = await ai.batches.create({ model: 'gemini-3.5-flash', src: [{ contents: 'Hello' }] });
    expect((await ai.batches.get({ name: job.name ?? '' })).state).toBe('JOB_STATE_PENDING');
  });

  it('counts the tokens of a cached content in the answer that uses it', async () => {
    const cached = await ai.caches.create({
      model: 'gemini-3.5-flash',
      config: { contents: 'word '.repeat(2000) },
    });
    const answer = await ai.models.generateContent({
      model: 'gemini-3.5-flash',
      contents: 'Hello',
      config: { cachedContent: cached.name ?? '' },
    });
    const tokens = cached.usageMetadata?.totalTokenCount;
    expect(answer.usageMetadata?.cachedContentTokenCount).toBe(tokens);
  });

  it('wants a key for the Developer API and a token for Vertex', async () => {
    expect((await fetch(`${emulator.url}/v1beta/cachedContents?key=bad`)).status).toBe(400);
    const vertex = `${emulator.url}/v1beta1/projects/p9/locations/eu/cachedContents`;
    expect((await fetch(vertex)).status).toBe(401);
    const { access_token: token } = (await (
      await metadata('instance/service-accounts/default/token')
    ).json()) as { access_token: string };
    expect(emulator.tokens.valid(token)).toBe(true);
    const listed = await fetch(vertex, { headers: { authorization: `Bearer ${token}` } });
    expect(listed.status).toBe(200);
    expect(await (await metadata('project/project-id')).text()).toBe('p9');
  });

  it('hands out secrets', async () => {
    const name = 'projects/p9/secrets/s';
    const added = await fetch(`${emulator.url}/emulator/secrets`, {
      method: 'POST',
      body: JSON.stringify({ name, value: 'v' }),
    });
    expect(added.status).toBe(200);
    const headers = { authorization: `Bearer ${emulator.tokens.issue('robot@p9', 60)}` };
    const accessed = await fetch(`${emulator.url}/v1/${name}/versions/latest:access`, { headers });
    expect(await accessed.json()).toMatchObject({ payload: { data: 'dg==' } });
  });

  it('answers OpenAI clients with documents that fit their schema', async () => {
    const client = new OpenAI({ apiKey: 'any', baseURL: `${emulator.url}/openai/v1`, fetch: sdkFetch });
    const schema = { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] };
    const completion = await client.chat.completions.create({
      model: 'gpt-x',
      messages: [{ role: 'user', content: 'Hello' }],
      response_format: { type: 'json_schema', json_schema: { name: 's', schema } },
    });
    const document: unknown = JSON.parse(completion.choices[0]?.message.content ?? '');
    expect(document).toEqual({ n: expect.any(Number) });
    expect((completion.usage?.prompt_tokens ?? 0) > 0).toBe(true);
    const embedded = await client.embeddings.create({ model: 'e', input: 'Hello', dimensions: 8 });
    expect(embedded.data[0]?.embedding).toHaveLength(8);
    const wrong = await fetch(`${emulator.url}/emulator/openai/scenarios`, { method: 'POST', body: '{}' });
    expect(wrong.status).toBe(400);
  });
});
