import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { GenerationEvent } from '../../../../src/core/generation.js';
import type { Provider } from '../../../../src/core/provider.js';
import {
  openAiCompatibleProvider,
  type OpenAiCompatibleOptions,
} from '../../../../src/providers/openai-compatible/openai-compatible.provider.js';
import { attemptFixture, eventsFrom } from '../../../helpers/attempts.js';
import { type HttpUpstream, startUpstream } from '../../../helpers/http-upstream.js';
import { ManualClock } from '../../../helpers/manual-clock.js';

const STREAM = [
  ': keep-alive\n\n',
  'data: {"id":"c1","model":"gpt-x","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n',
  'data: {"id":"c1","model":"gpt-x","choices":[{"index":0,"delta":{"content":"Grüß "}}]}\r\n\r\n',
  'event: x\ndata: {"id":"c1","model":"gpt-x","choices":[{"index":0,"delta":{"content":"dich 👋"}}]}\n\n',
  'data: {"id":"c1","model":"gpt-x","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
  'data: {"id":"c1","model":"gpt-x","choices":[],"usage":{"prompt_tokens":2,"completion_tokens":3}}\n\n',
  'data: [DONE]\n\n',
].join('');

const opened: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const one of opened.splice(0).toReversed()) await one.close();
});

type Answer = (res: ServerResponse, req: IncomingMessage) => void;

async function open(
  answer: Answer,
  options: Partial<OpenAiCompatibleOptions> = {},
): Promise<{ provider: Provider; upstream: HttpUpstream; clock: ManualClock }> {
  const clock = new ManualClock();
  const upstream = await startUpstream(answer);
  const provider = openAiCompatibleProvider(
    {
      baseUrl: `${upstream.url}/v1`,
      apiKeys: ['key-one', 'key-two'].map((key) => ({ id: key, current: () => key })),
      http: { connectTimeoutMs: 1_000, keepAliveMs: 1_000, maxConnections: 4, http2: false },
      bounds: { maxAnswerBytes: 100_000, maxEventBytes: 10_000 },
      ...options,
    },
    clock,
  );
  opened.push(provider, upstream);
  return { provider, upstream, clock };
}

const json =
  (value: unknown, status = 200, headers: Record<string, string> = {}): Answer =>
  (res) =>
    res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));

const sse =
  (text: string): Answer =>
  (res) =>
    res.writeHead(200, { 'content-type': 'text/event-stream' }).end(text);

/** Begins a stream and leaves it open; resolves when the connection has closed. */
function openEnded(text: string): { answer: Answer; closed: Promise<unknown> } {
  const { promise: closed, resolve } = Promise.withResolvers<unknown>();
  const answer: Answer = (res) => {
    res.on('close', resolve);
    res.writeHead(200, { 'content-type': 'text/event-stream' }).write(text);
  };
  return { answer, closed };
}

const streamed = (overrides = {}) => attemptFixture({ stream: true, ...overrides });

const textOf = (events: readonly GenerationEvent[]): string =>
  events
    .flatMap((event) => (event.type === 'chunk' ? (event.value.candidates ?? []) : []))
    .flatMap((candidate) => candidate.content?.parts ?? [])
    .map((part) => part.text)
    .join('');

describe('generate', () => {
  it('posts a chat completion with a key and reads the answer', async () => {
    const message = { role: 'assistant', content: 'Hi' };
    const { provider, upstream, clock } = await open(
      json({ model: 'gpt-x', choices: [{ index: 0, message, finish_reason: 'stop' }] }),
    );
    const events = await eventsFrom(provider.generate(attemptFixture()));
    expect(textOf(events)).toBe('Hi');
    expect(events.at(-1)).toMatchObject({ type: 'finish', verdict: 'ok', modelVersion: 'gpt-x' });
    expect(upstream.requests).toMatchObject([
      {
        method: 'POST',
        url: '/v1/chat/completions',
        headers: { authorization: 'Bearer key-one', 'content-type': 'application/json' },
      },
    ]);
    expect(JSON.parse(upstream.requests[0]?.body ?? '')).toEqual({
      model: 'some-model',
      messages: [{ role: 'user', content: 'Hello' }],
    });
    expect(clock.armed).toBe(0);
  });

  it('takes keys in turn, and none where there are none', async () => {
    const { provider, upstream } = await open(json({}, 404));
    for (let calls = 0; calls < 3; calls += 1)
      await provider.generate(attemptFixture()).catch(() => undefined);
    expect(upstream.requests.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer key-one',
      'Bearer key-two',
      'Bearer key-one',
    ]);
    const keyless = await open(json({}, 404), { apiKeys: [] });
    await keyless.provider.generate(attemptFixture()).catch(() => undefined);
    expect(keyless.upstream.requests[0]?.headers).not.toHaveProperty('authorization');
  });

  it('names the bound on output as the options say', async () => {
    const request = { contents: [], generationConfig: { maxOutputTokens: 9 } };
    const { provider, upstream } = await open(json({}, 404), { outputTokensField: 'max_tokens' });
    await provider.generate(attemptFixture({ request })).catch(() => undefined);
    expect(JSON.parse(upstream.requests[0]?.body ?? '')).toMatchObject({ max_tokens: 9 });
  });

  it('refuses what it cannot map, and to count tokens, without a call', async () => {
    const { provider, upstream, clock } = await open(json({}));
    const request = { contents: [], cachedContent: 'x' };
    await expect(provider.generate(attemptFixture({ request }))).rejects.toMatchObject({
      metadata: { field: 'cachedContent' },
    });
    await expect(provider.generate(attemptFixture({ operation: 'count_tokens' }))).rejects.toMatchObject({
      reason: 'UNIMPLEMENTED',
    });
    expect(upstream.requests).toEqual([]);
    expect(clock.armed).toBe(0);
  });

  it.each(['embed', 'batch_embed'] as const)('asks the embeddings endpoint to %s', async (operation) => {
    const { provider, upstream } = await open(json({ data: [{ index: 0, embedding: [1, 2] }] }));
    const one = { content: { parts: [{ text: 'a' }] } };
    const request = operation === 'embed' ? one : { requests: [one] };
    const [chunk] = await eventsFrom(provider.generate(attemptFixture({ operation, request, stream: true })));
    const values = { values: [1, 2] };
    expect(chunk).toMatchObject({
      value: operation === 'embed' ? { embedding: values } : { embeddings: [values] },
    });
    expect(upstream.requests).toMatchObject([{ url: '/v1/embeddings' }]);
  });

  it('maps a refused call, with the wait that the upstream asks for', async () => {
    const { provider, clock } = await open(json({ error: { code: 'x' } }, 429, { 'retry-after': '2' }));
    await expect(provider.generate(attemptFixture())).rejects.toMatchObject({
      reason: 'UPSTREAM_RATE_LIMITED',
      retryAfterMs: 2_000,
      metadata: { upstreamStatus: 429, upstreamReason: 'x' },
    });
    expect(clock.armed).toBe(0);
  });

  it('fails with UPSTREAM_PROTOCOL for an answer that is too large, no JSON, or broken off', async () => {
    const answers = [
      json('x'.repeat(200_000)),
      sse('<html>'),
      json({ choices: [{ index: 0, message: {} }] }),
    ];
    for (const answer of answers) {
      const { provider } = await open(answer);
      await expect(provider.generate(attemptFixture())).rejects.toMatchObject({
        reason: 'UPSTREAM_PROTOCOL',
      });
    }
  });

  it('fails with UPSTREAM_UNAVAILABLE where nothing listens or the connection breaks', async () => {
    const { provider, upstream } = await open((res) => res.destroy());
    await expect(provider.generate(attemptFixture())).rejects.toMatchObject({
      reason: 'UPSTREAM_UNAVAILABLE',
    });
    opened.splice(opened.indexOf(upstream), 1);
    await upstream.close();
    await expect(provider.generate(attemptFixture())).rejects.toMatchObject({
      reason: 'UPSTREAM_UNAVAILABLE',
    });
  });
});

describe('a stream', () => {
  it('gives texts as they come, and one finish', async () => {
    const { provider, clock } = await open(sse(STREAM));
    const events = await eventsFrom(provider.generate(streamed()));
    expect(textOf(events)).toBe('Grüß dich 👋');
    expect(events.map(({ type }) => type)).toEqual(['chunk', 'chunk', 'chunk', 'chunk', 'finish']);
    expect(events.at(-1)).toMatchObject({ verdict: 'ok', usage: { totalTokens: 5 } });
    expect(clock.armed).toBe(0);
  });

  it('ends without [DONE] and without its last blank line as long as a finish reason came', async () => {
    const { provider } = await open(
      sse('data: {"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}'),
    );
    const events = await eventsFrom(provider.generate(streamed()));
    expect(events.map(({ type }) => type)).toEqual(['chunk', 'finish']);
  });

  it.each([
    ['an event', 'data: {"error":{"message":"x","type":"overloaded_error"}}\n\n', 'UPSTREAM_OVERLOADED'],
    ['a document outside any event', '{"error":{"message":"x",\n"code":429}}', 'UPSTREAM_RATE_LIMITED'],
    ['something that is no answer', 'data: nonsense\n\n', 'UPSTREAM_PROTOCOL'],
    ['an event that is too large', `data: ${'x'.repeat(20_000)}\n\n`, 'UPSTREAM_PROTOCOL'],
    ['the end before a finish reason', 'data: [DONE]\n\n', 'UPSTREAM_PROTOCOL'],
    ['nothing more', '', 'UPSTREAM_PROTOCOL'],
  ])('delivers what came before %s, then fails, with the tokens counted so far', async (_, rest, reason) => {
    const begun = 'data: {"choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":2}}\n\n';
    const { provider, clock } = await open(sse(begun + rest));
    const iterator = (await provider.generate(streamed()))[Symbol.asyncIterator]();
    expect(await iterator.next()).toMatchObject({ value: { type: 'chunk' } });
    await expect(iterator.next()).rejects.toMatchObject({ reason, usage: { totalTokens: 2 } });
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
    expect(clock.armed).toBe(0);
  });

  it('closes the connection when its reader leaves, also while an event is awaited', async () => {
    const { answer, closed } = openEnded('data: {"choices":[{"delta":{"content":"a"}}]}\n\n');
    const { provider, clock } = await open(answer);
    const iterator = (await provider.generate(streamed()))[Symbol.asyncIterator]();
    await iterator.next();
    const pending = iterator.next();
    await iterator.return?.();
    expect(await pending).toEqual({ done: true, value: undefined });
    await closed;
    expect(clock.armed).toBe(0);
  });

  it('closes the connection when the caller aborts, before the answer and within it', async () => {
    for (const begun of ['', 'data: {"choices":[{"delta":{"content":"a"}}]}\n\n']) {
      const abort = new AbortController();
      const { answer, closed } = openEnded(begun);
      const { provider, clock } = await open(answer);
      const iterator = (await provider.generate(streamed({ signal: abort.signal })))[Symbol.asyncIterator]();
      if (begun !== '') await iterator.next();
      const pending = iterator.next();
      abort.abort();
      await expect(pending).rejects.toMatchObject({ reason: 'CANCELLED' });
      await closed;
      expect(clock.armed).toBe(0);
    }
  });
});

describe('probe', () => {
  it('lists models with a key', async () => {
    const { provider, upstream } = await open(json({ data: [] }));
    expect(await provider.probe(new AbortController().signal)).toEqual({ ok: true });
    expect(upstream.requests).toMatchObject([
      { method: 'GET', url: '/v1/models', headers: { authorization: 'Bearer key-one' } },
    ]);
  });

  it('leaves the connection free for the next request', async () => {
    const http = { connectTimeoutMs: 1_000, keepAliveMs: 1_000, maxConnections: 1, http2: false };
    const { provider } = await open(json({ data: [{ id: 'x'.repeat(90_000) }] }), { http });
    const signal = AbortSignal.timeout(2_000);
    for (let times = 0; times < 3; times += 1) expect(await provider.probe(signal)).toEqual({ ok: true });
  });

  it('gives up when told to', async () => {
    const { provider } = await open(() => undefined);
    const abort = new AbortController();
    const probing = provider.probe(abort.signal);
    abort.abort();
    expect(await probing).toMatchObject({ ok: false });
  });

  it('says why not', async () => {
    const { provider } = await open(json({ error: { message: 'Bad key sk-12345678.' } }, 401));
    const { ok, detail } = await provider.probe(new AbortController().signal);
    expect(ok).toBe(false);
    expect(detail).toContain('UPSTREAM_AUTH');
    expect(detail).not.toContain('sk-');
  });
});

describe('close', () => {
  it('lets a call in flight finish', async () => {
    let response: ServerResponse | undefined;
    const { provider, upstream } = await open((res) => void (response = res));
    const answer = eventsFrom(provider.generate(attemptFixture()));
    while (upstream.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    const closed = provider.close();
    opened.splice(opened.indexOf(provider), 1);
    if (response !== undefined)
      json({ choices: [{ message: { content: 'Hi' }, finish_reason: 'stop' }] })(response, response.req);
    expect(textOf(await answer)).toBe('Hi');
    await closed;
    expect(await provider.probe(new AbortController().signal)).toMatchObject({ ok: false });
  });
});
