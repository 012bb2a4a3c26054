import { getEventListeners } from 'node:events';
import { afterEach, describe, expect, it } from '@jest/globals';
import { systemClock } from '../../../../src/core/clock.js';
import { GatewayError } from '../../../../src/core/gateway-error.js';
import type { Operation } from '../../../../src/core/call.js';
import { geminiProvider } from '../../../../src/providers/gemini/gemini.provider.js';
import { startEmulator } from '../../../../src/emulator/emulator.js';
import { attemptFixture, eventsFrom } from '../../../helpers/attempts.js';
import { startUpstream } from '../../../helpers/http-upstream.js';
import { BOUNDS, geminiAt, HTTP, sendJson } from '../google-wire/wire.js';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close();
});

async function before(keys?: readonly string[]) {
  const upstream = await startUpstream((res, req) =>
    req.url?.includes('alt=sse')
      ? res.writeHead(200).end('data: {"candidates":[{"finishReason":"STOP"}]}\n\n')
      : sendJson(res, '{"candidates":[{"finishReason":"STOP"}]}'),
  );
  const provider = geminiAt(upstream.url, keys);
  open.push(upstream, provider);
  return { upstream, provider };
}

describe('geminiProvider', () => {
  it.each<[Operation, boolean, string]>([
    ['generate', false, 'generateContent'],
    ['generate', true, 'streamGenerateContent?alt=sse'],
    ['count_tokens', false, 'countTokens'],
    ['embed', false, 'embedContent'],
    ['batch_embed', false, 'batchEmbedContents'],
  ])('asks for %s (streamed: %p) at :%s', async (operation, stream, method) => {
    const { upstream, provider } = await before();
    const request = { requests: [] };
    await eventsFrom(provider.generate(attemptFixture({ operation, stream, request, model: 'a/b?' })));
    expect(upstream.requests[0]).toMatchObject({
      method: 'POST',
      url: `/v1beta/models/a%2Fb%3F:${method}`,
      headers: { 'content-type': 'application/json', 'x-goog-api-key': 'key-1' },
    });
  });

  it('uses its keys in turn', async () => {
    const { upstream, provider } = await before(['a', 'b']);
    for (let at = 0; at < 4; at += 1) await eventsFrom(provider.generate(attemptFixture()));
    expect(upstream.requests.map(({ headers }) => headers['x-goog-api-key'])).toEqual(['a', 'b', 'a', 'b']);
  });

  it('takes the key as it is at each call, and no key for UPSTREAM_AUTH', async () => {
    const { upstream } = await before();
    let key = 'old';
    const options = { baseUrl: upstream.url, http: HTTP, bounds: BOUNDS };
    const provider = geminiProvider({ ...options, apiKeys: [{ id: 'k', current: () => key }] }, systemClock);
    const without = geminiProvider({ ...options, apiKeys: [] }, systemClock);
    open.push(provider, without);
    await eventsFrom(provider.generate(attemptFixture()));
    key = 'new';
    await eventsFrom(provider.generate(attemptFixture()));
    expect(upstream.requests.map(({ headers }) => headers['x-goog-api-key'])).toEqual(['old', 'new']);
    await expect(without.generate(attemptFixture())).rejects.toMatchObject({ reason: 'UPSTREAM_AUTH' });
    expect(upstream.requests).toHaveLength(2);
  });

  it.each([
    [
      'sets a key aside that Google names as the trouble',
      'API_KEY_SERVICE_BLOCKED',
      'Blocked.',
      ['a', 'b', 'b'],
      'UPSTREAM_AUTH',
    ],
    [
      'sets no key aside for what the caller named',
      undefined,
      'You do not have permission to access the File x.',
      ['a', 'b', 'a'],
      'PERMISSION_DENIED',
    ],
    [
      'sets no key aside without a reason',
      undefined,
      'The caller does not have permission',
      ['a', 'b', 'a'],
      'UPSTREAM_AUTH',
    ],
  ])('%s', async (_, reason, message, keys, mapped) => {
    const details =
      reason === undefined ? [] : [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason }];
    let calls = 0;
    const upstream = await startUpstream((res) =>
      calls++ === 0
        ? sendJson(res, { error: { code: 403, message, status: 'PERMISSION_DENIED', details } }, 403)
        : sendJson(res, '{"candidates":[{"finishReason":"STOP"}]}'),
    );
    const provider = geminiAt(upstream.url, ['a', 'b']);
    open.push(upstream, provider);
    await expect(provider.generate(attemptFixture())).rejects.toMatchObject({
      reason: mapped,
      ...(reason === undefined ? {} : { metadata: { otherCredentials: true } }),
    });
    for (let more = 0; more < 2; more += 1) await eventsFrom(provider.generate(attemptFixture()));
    expect(upstream.requests.map(({ headers }) => headers['x-goog-api-key'])).toEqual(keys);
  });

  it('names the model where the body has to, as the upstream calls it', async () => {
    const { upstream, provider } = await before();
    const inner = { contents: [], model: 'models/other', unknown: 1 };
    await eventsFrom(
      provider.generate(
        attemptFixture({ operation: 'count_tokens', request: { generateContentRequest: inner, more: 1 } }),
      ),
    );
    const requests = [{ content: { parts: [] }, model: 'models/other' }, { content: { parts: [] } }, 7];
    await eventsFrom(
      provider.generate(
        attemptFixture({ operation: 'batch_embed', request: { requests, more: 1 }, requestText: '{}' }),
      ),
    );
    const one = { content: { parts: [] }, model: 'models/other' };
    await eventsFrom(
      provider.generate(attemptFixture({ operation: 'embed', request: one, requestText: '{}' })),
    );
    const [counted, embedded, alone] = upstream.requests.map(({ body }) => JSON.parse(body) as unknown);
    expect(alone).toEqual({ ...one, model: 'models/some-model' });
    expect(counted).toEqual({ generateContentRequest: { ...inner, model: 'models/some-model' }, more: 1 });
    expect(embedded).toEqual({
      requests: [
        { content: { parts: [] }, model: 'models/some-model' },
        { content: { parts: [] }, model: 'models/some-model' },
        7,
      ],
      more: 1,
    });
  });

  it('makes the text of a request that has none', async () => {
    const { upstream, provider } = await before();
    const request = { contents: [], generationConfig: { temperature: 0 } };
    await eventsFrom(provider.generate(attemptFixture({ request })));
    expect(upstream.requests[0]?.body).toBe(JSON.stringify(request));
  });

  it('forwards a request with its own key and the answer as it is', async () => {
    const { upstream, provider } = await before(['project-key']);
    const { signal } = new AbortController();
    const headers = { 'content-type': 'text/plain', 'x-goog-upload-protocol': 'raw' };
    async function* body() {
      yield Buffer.from('so ');
      yield Buffer.from('many bytes');
    }
    const response = await provider.forward({
      method: 'POST',
      path: '/upload/v1beta/files?x=1',
      headers,
      body: body(),
      signal,
    });
    const pieces: Uint8Array[] = [];
    for await (const piece of response.body) pieces.push(piece);
    expect(Buffer.concat(pieces).toString()).toBe('{"candidates":[{"finishReason":"STOP"}]}');
    expect(response.status).toBe(200);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    expect(upstream.requests[0]).toMatchObject({
      url: '/upload/v1beta/files?x=1',
      headers: { ...headers, 'x-goog-api-key': 'project-key' },
      body: 'so many bytes',
    });
  });

  it('says of a forwarded request whether its caller left or the upstream failed', async () => {
    const { upstream, provider } = await before();
    const request = { method: 'GET', path: '/v1beta/files', headers: {}, body: undefined };
    const reason = new GatewayError('CANCELLED', 'The caller went away.');
    const left = provider.forward({ ...request, signal: AbortSignal.abort(reason) });
    await expect(left).rejects.toMatchObject({ reason: 'CANCELLED' });
    await upstream.close();
    open.shift();
    const { signal } = new AbortController();
    await expect(provider.forward({ ...request, signal })).rejects.toMatchObject({
      reason: 'UPSTREAM_UNAVAILABLE',
    });
  });

  it('finds a good key good and a bad key bad', async () => {
    const emulator = await startEmulator({ apiKeys: ['good'] });
    const [good, bad] = [geminiAt(emulator.url, ['good']), geminiAt(emulator.url, ['bad'])];
    open.push(emulator, good, bad);
    const { signal } = new AbortController();
    expect(await good.probe(signal)).toEqual({ ok: true });
    const found = await bad.probe(signal);
    expect(found).toEqual({ ok: false, detail: expect.stringMatching(/^UPSTREAM_AUTH: /) });
    expect(found.detail).not.toContain('bad');
  });
});
