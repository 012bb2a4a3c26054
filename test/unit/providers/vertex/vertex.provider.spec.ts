import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { systemClock } from '../../../../src/core/clock.js';
import type { Attempt } from '../../../../src/core/provider.js';
import { startEmulator, type Emulator } from '../../../../src/emulator/emulator.js';
import type { GoogleProvider } from '../../../../src/providers/google-wire/google-provider.js';
import { endpointOf, vertexProvider } from '../../../../src/providers/vertex/vertex.provider.js';
import { attemptFixture, eventsFrom } from '../../../helpers/attempts.js';
import { eventually } from '../../../helpers/eventually.js';
import { startUpstream, type HttpUpstream } from '../../../helpers/http-upstream.js';
import { BOUNDS, HTTP, sendJson } from '../google-wire/wire.js';
import { exchangeable, serviceAccountKey } from './fixtures.js';

const PARENT = '/v1beta1/projects/emulated-project/locations/europe-west4';

let emulator: Emulator;
const open: { close(): Promise<void> }[] = [];
beforeEach(async () => {
  emulator = await startEmulator();
  open.push(emulator);
});
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close();
});

function vertexAt(baseUrl: string, key = serviceAccountKey(emulator, 'robot')): GoogleProvider {
  const provider = vertexProvider(
    {
      project: 'emulated-project',
      location: 'europe-west4',
      baseUrl,
      credentials: exchangeable(key),
      http: HTTP,
      bounds: BOUNDS,
    },
    systemClock,
  );
  open.push(provider);
  return provider;
}

/** A provider before an upstream that takes everything and answers so. */
async function before(answer: object = { candidates: [{ finishReason: 'STOP' }] }) {
  const upstream: HttpUpstream = await startUpstream((res) => sendJson(res, answer));
  open.push(upstream);
  const provider = vertexAt(upstream.url);
  const sent = async (overrides: Partial<Attempt>) => {
    const events = await eventsFrom(provider.generate(attemptFixture(overrides)));
    const { url, body } = upstream.requests.at(-1)!;
    return { url, body: JSON.parse(body) as unknown, events };
  };
  return { upstream, provider, sent };
}

const hello = { content: { parts: [{ text: 'hello' }] }, model: 'models/other' };

describe('vertexProvider', () => {
  it.each([
    ['global', 'https://aiplatform.googleapis.com'],
    ['us', 'https://aiplatform.us.rep.googleapis.com'],
    ['eu', 'https://aiplatform.eu.rep.googleapis.com'],
    ['europe-west4', 'https://europe-west4-aiplatform.googleapis.com'],
  ])('finds %s at %s', (location, endpoint) => {
    expect(endpointOf(location)).toBe(endpoint);
  });

  it.each([
    ['generate', 'm', 'generateContent'],
    ['count_tokens', 'm', 'countTokens'],
    ['embed', 'gemini-embedding-2', 'embedContent'],
    ['embed', 'gemini-embedding-001', 'predict'],
    ['batch_embed', 'gemini-embedding-001', 'predict'],
  ] as const)('asks for %s of %s at :%s of its project and location', async (operation, model, method) => {
    const { sent } = await before();
    const request = operation === 'batch_embed' ? { requests: [hello] } : hello;
    expect((await sent({ operation, model, request })).url).toBe(
      `${PARENT}/publishers/google/models/${model}:${method}`,
    );
  });

  it('sends the caller’s very text, with a token', async () => {
    const { upstream, sent } = await before();
    await sent({ requestText: '{ "contents": [] }' });
    expect(upstream.requests[0]?.body).toBe('{ "contents": [] }');
    expect(upstream.requests[0]?.headers.authorization).toMatch(/^Bearer ya29\.|^Bearer /);
    expect(upstream.requests[0]?.headers['x-goog-api-key']).toBeUndefined();
  });

  it('takes the wrapper off a request to be counted', async () => {
    const { sent } = await before({ totalTokens: 1 });
    const inner = { contents: [], systemInstruction: { parts: [] }, model: 'models/x' };
    const counted = await sent({ operation: 'count_tokens', request: { generateContentRequest: inner } });
    expect(counted.body).toEqual({ contents: [], systemInstruction: { parts: [] } });
    expect((await sent({ operation: 'count_tokens', request: { contents: [] } })).body).toEqual({
      contents: [],
    });
  });

  it('names no model in the body of an embedding, and embeds one content per call', async () => {
    const { provider, sent } = await before({ embedding: { values: [1] } });
    const model = 'gemini-embedding-2';
    const { content } = hello;
    expect((await sent({ operation: 'embed', model, request: hello })).body).toEqual({ content });
    const batch = await sent({ operation: 'batch_embed', model, request: { requests: [hello] } });
    expect(batch.body).toEqual({ content });
    expect(batch.events[0]).toMatchObject({ value: { embeddings: [{ values: [1] }] } });
    for (const requests of [[hello, hello], [], 7])
      await expect(
        provider.generate(attemptFixture({ operation: 'batch_embed', model, request: { requests } })),
      ).rejects.toMatchObject({ reason: 'INVALID_REQUEST', metadata: { field: 'requests' } });
  });

  it('gives predictions in the Developer API’s form', async () => {
    const predictions = [{ embeddings: { values: [1], statistics: { token_count: 2 } } }];
    const { sent } = await before({ predictions });
    const { body, events } = await sent({
      operation: 'batch_embed',
      model: 'gemini-embedding-001',
      request: { requests: [hello] },
    });
    expect(body).toEqual({ instances: [{ content: 'hello' }] });
    expect(events[0]).toMatchObject({
      value: { embeddings: [{ values: [1] }] },
      usage: { inputTokens: 2 },
    });
    expect(events[0]).not.toHaveProperty('text');
  });

  it('generates, streams and embeds over Vertex paths with a token of its key file', async () => {
    const provider = vertexAt(emulator.url);
    const model = 'gemini-3.8-flash';
    const request = { contents: [{ role: 'user', parts: [{ text: 'the word is heron' }] }] };
    for (const stream of [false, true]) {
      const events = await eventsFrom(provider.generate(attemptFixture({ model, stream, request })));
      const said = events.flatMap((event) =>
        event.type === 'chunk' ? [event.value.candidates?.[0]?.content?.parts] : [],
      );
      expect(JSON.stringify(said)).toContain('heron');
      expect(events.at(-1)).toMatchObject({ type: 'finish', verdict: 'ok' });
    }
    const embedding = await eventsFrom(
      provider.generate(
        attemptFixture({ operation: 'embed', model: 'gemini-embedding-001', request: hello }),
      ),
    );
    expect(embedding[0]).toMatchObject({ value: { embedding: { values: expect.any(Array) } } });
    expect(emulator.ledger.calls.map(({ path, project }) => `${project} ${path}`)).toEqual([
      `emulated-project ${PARENT}/publishers/google/models/${model}:generateContent`,
      `emulated-project ${PARENT}/publishers/google/models/${model}:streamGenerateContent`,
      `emulated-project ${PARENT}/publishers/google/models/gemini-embedding-001:predict`,
    ]);
  });

  it.each([
    ['/v1beta/cachedContents?pageSize=2', `${PARENT}/cachedContents?pageSize=2`],
    ['/v1/cachedContents/abc', `${PARENT}/cachedContents/abc`],
  ])('forwards %s to its project', async (path, expected) => {
    const { upstream, provider } = await before();
    const { signal } = new AbortController();
    const response = await provider.forward({ method: 'GET', path, headers: {}, body: undefined, signal });
    for await (const _ of response.body);
    expect(upstream.requests[0]).toMatchObject({ method: 'GET', url: expected });
    expect(upstream.requests[0]?.headers.authorization).toMatch(/^Bearer \S+$/);
  });

  it.each(['/v1beta/files', '/v1beta/cachedContentsX', '/v1beta/batches/1', '/x/cachedContents'])(
    'has no %s to forward to',
    async (path) => {
      const { upstream, provider } = await before();
      const { signal } = new AbortController();
      await expect(
        provider.forward({ method: 'GET', path, headers: {}, body: undefined, signal }),
      ).rejects.toMatchObject({ reason: 'UNIMPLEMENTED' });
      expect(upstream.requests).toEqual([]);
    },
  );

  it('looks whether token and model service are good', async () => {
    const { signal } = new AbortController();
    expect(await vertexAt(emulator.url).probe(signal)).toEqual({ ok: true });
    const key = serviceAccountKey(emulator, 'robot').replace('robot@', 'stranger@');
    expect(await vertexAt(emulator.url, key).probe(signal)).toEqual({
      ok: false,
      detail: expect.stringMatching(/^UPSTREAM_AUTH: /),
    });
    const refusing = await startUpstream((res) => sendJson(res, '{"error":{"code":403}}', 403));
    open.push(refusing);
    expect(await vertexAt(refusing.url).probe(signal)).toMatchObject({ ok: false });
  });

  it('does not wait for a token longer than the call may take, nor once its caller left', async () => {
    const held: ServerResponse[] = [];
    const silent = await startUpstream((res) => void held.push(res));
    open.push(silent);
    const key = JSON.parse(serviceAccountKey(emulator, 'robot')) as object;
    const provider = vertexAt(emulator.url, JSON.stringify({ ...key, token_uri: `${silent.url}/token` }));
    const timeouts = { firstEventMs: 30, idleGapMs: 10_000, totalMs: 10_000 };
    await expect(provider.generate(attemptFixture({ timeouts }))).rejects.toMatchObject({
      metadata: { timeout: 'first_event' },
    });
    const caller = new AbortController();
    const left = expect(provider.generate(attemptFixture({ signal: caller.signal }))).rejects.toMatchObject({
      reason: 'CANCELLED',
    });
    await eventually(() => held.length > 0);
    caller.abort();
    await left;
    await expect(provider.generate(attemptFixture({ signal: AbortSignal.abort() }))).rejects.toMatchObject({
      reason: 'CANCELLED',
    });
    expect(emulator.ledger.calls).toEqual([]);
    for (const res of held) sendJson(res, { error: 'invalid_grant' }, 400);
  });
});
