import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { GenerateContentRequest, GenerateContentResponse } from '../../../../src/core/gemini-wire.js';
import type { Provider } from '../../../../src/core/provider.js';
import { openAiWing } from '../../../../src/emulator/openai-chat.js';
import { openAiCompatibleProvider } from '../../../../src/providers/openai-compatible/openai-compatible.provider.js';
import { attemptFixture, eventsFrom } from '../../../helpers/attempts.js';
import { ManualClock } from '../../../helpers/manual-clock.js';
import { serveWings, type WingServer } from '../../../helpers/wing-server.js';

const clock = new ManualClock();
const parts = [{ text: 'Let me see. ' }, { functionCall: { name: 'look', args: { at: [1, 2] } } }];
const received: GenerateContentRequest[] = [];
let server: WingServer;
let provider: Provider;

function answer(model: string, request: GenerateContentRequest): GenerateContentResponse {
  received.push(request);
  return {
    candidates: [{ content: { role: 'model', parts }, finishReason: 'STOP' }],
    usageMetadata: { promptTokenCount: 9, candidatesTokenCount: 4, thoughtsTokenCount: 2 },
    modelVersion: model,
  };
}

beforeAll(async () => {
  server = await serveWings(openAiWing({ clock, answer, embed: () => [1, 2], apiKeys: ['good'] }));
  provider = openAiCompatibleProvider(
    {
      baseUrl: `${server.origin}/openai/v1`,
      apiKeys: [{ id: 'good', current: () => 'good' }],
      http: { connectTimeoutMs: 1_000, keepAliveMs: 1_000, maxConnections: 4, http2: false },
      bounds: { maxAnswerBytes: 100_000, maxEventBytes: 10_000 },
    },
    clock,
  );
});

afterAll(async () => {
  await provider.close();
  await server.close();
});

const tools = [{ functionDeclarations: [{ name: 'look', parameters: { type: 'OBJECT' } }] }];
const contents = [
  {
    role: 'user',
    parts: [{ text: 'What is it?' }, { inlineData: { mimeType: 'image/png', data: 'AAAA' } }],
  },
];

describe('an emulated OpenAI upstream', () => {
  it.each([false, true])('gets what was asked and its answer comes back, streamed: %s', async (stream) => {
    received.length = 0;
    const request = { contents, tools, generationConfig: { maxOutputTokens: 64 } };
    const events = await eventsFrom(provider.generate(attemptFixture({ stream, request })));
    expect(received).toMatchObject([
      {
        contents,
        tools: [{ functionDeclarations: [{ name: 'look' }] }],
        generationConfig: { maxOutputTokens: 64 },
      },
    ]);
    const got = events.flatMap((event) =>
      event.type === 'chunk' ? (event.value.candidates?.[0]?.content?.parts ?? []) : [],
    );
    expect(got.map((part) => part.text ?? '').join('')).toBe('Let me see. ');
    expect(got.at(-1)).toMatchObject({ functionCall: { name: 'look', args: { at: [1, 2] } } });
    expect(events.at(-1)).toMatchObject({
      verdict: 'ok',
      finishReason: 'STOP',
      modelVersion: 'some-model',
      usage: { inputTokens: 9, outputTokens: 4, thoughtsTokens: 2, totalTokens: 15 },
    });
  });

  it('gives embeddings', async () => {
    const request = { content: { parts: [{ text: 'a' }] } };
    const [chunk] = await eventsFrom(provider.generate(attemptFixture({ operation: 'embed', request })));
    expect(chunk).toMatchObject({ value: { embedding: { values: [1, 2] } } });
  });

  it('is there', async () => {
    expect(await provider.probe(new AbortController().signal)).toEqual({ ok: true });
  });
});
