import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { GenerateContentResponse } from '../../../src/core/gemini-wire.js';
import { type Emulator, startEmulator } from '../../../src/emulator/emulator.js';
import { call, events, generated, saying, send, textOf } from '../../helpers/emulator-client.js';

let emulator: Emulator;
beforeAll(async () => {
  emulator = await startEmulator({ seed: 7 });
});
afterAll(() => emulator.close());

describe('generateContent', () => {
  it('echoes the prompt with counts that add up, and signs on Gemini 3', async () => {
    const response = await generated(emulator, saying('What is a fjord?'));
    const usage = response.usageMetadata ?? {};
    expect(textOf(response)).toContain('What is a fjord?');
    expect(response).toMatchObject({ modelVersion: 'gemini-3.8-flash', responseId: expect.any(String) });
    expect(response.candidates?.[0]).toMatchObject({ finishReason: 'STOP', index: 0 });
    expect(response.candidates?.[0]?.content?.parts?.at(-1)?.thoughtSignature).toEqual(expect.any(String));
    expect(usage.promptTokenCount).toBe(4);
    expect(usage.thoughtsTokenCount).toBeGreaterThan(0);
    expect(usage.totalTokenCount).toBe(4 + usage.candidatesTokenCount! + usage.thoughtsTokenCount!);
  });

  it('answers the same request with the same bytes', async () => {
    const [first, second] = [await generated(emulator, saying('a')), await generated(emulator, saying('a'))];
    expect(first).toEqual(second);
    expect(await generated(emulator, saying('b'))).not.toEqual(first);
  });

  it('stops at maxOutputTokens and at a stop sequence', async () => {
    const short = await generated(
      emulator,
      saying('x'.repeat(100), { generationConfig: { maxOutputTokens: 10 } }),
    );
    expect(short.candidates?.[0]?.finishReason).toBe('MAX_TOKENS');
    expect(short.usageMetadata!.candidatesTokenCount! + short.usageMetadata!.thoughtsTokenCount!).toBe(10);
    const stopped = await generated(
      emulator,
      saying('abcdef', { generationConfig: { stopSequences: ['de'] } }),
    );
    expect(textOf(stopped)).toBe('You said: "abc');
  });

  it('thinks as told, and shows its thoughts when asked', async () => {
    const off = saying('a', { generationConfig: { thinkingConfig: { thinkingBudget: 0 } } });
    expect((await generated(emulator, off, 'gemini-2.5-flash')).usageMetadata).not.toHaveProperty(
      'thoughtsTokenCount',
    );
    const shown = await generated(
      emulator,
      saying('a', { generationConfig: { thinkingConfig: { includeThoughts: true } } }),
    );
    expect(shown.candidates?.[0]?.content?.parts?.map((part) => part.thought === true)).toEqual([
      true,
      false,
    ]);
  });

  it.each([
    [
      'gemini-3.8-flash',
      { thinkingLevel: 'MINIMAL' },
      'Thinking level MINIMAL is not supported for this model.',
    ],
    ['gemini-4-argon', { thinkingBudget: 100 }, 'Thinking budget is not supported for this model.'],
  ])('refuses on %s a thinking setting it does not have', async (model, thinkingConfig, message) => {
    const answer = await call(
      emulator,
      'generateContent',
      saying('a', { generationConfig: { thinkingConfig } }),
      { model },
    );
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.text)).toMatchObject({ error: { message, status: 'INVALID_ARGUMENT' } });
  });

  it('gives as many candidates as asked and counts all of them', async () => {
    const one = await generated(emulator, saying('Hi'));
    const three = await generated(emulator, saying('Hi', { generationConfig: { candidateCount: 3 } }));
    expect(three.candidates?.map((candidate) => candidate.index)).toEqual([0, 1, 2]);
    expect(three.usageMetadata!.candidatesTokenCount!).toBeGreaterThan(
      one.usageMetadata!.candidatesTokenCount! * 2,
    );
  });

  it('counts media by modality, grounded searches as tool use, and images as output', async () => {
    const parts = [
      { text: 'see' },
      { inlineData: { mimeType: 'image/png', data: 'AAAA' } },
      { fileData: { mimeType: 'application/pdf', fileUri: 'https://example.com/a.pdf' } },
    ];
    const request = { contents: [{ role: 'user', parts }], tools: [{ googleSearch: {} }] };
    const response = await generated(emulator, request, 'gemini-3-pro-image');
    const usage = response.usageMetadata!;
    expect(usage.promptTokensDetails).toEqual([
      { modality: 'TEXT', tokenCount: expect.any(Number) },
      { modality: 'IMAGE', tokenCount: 258 },
      { modality: 'DOCUMENT', tokenCount: 258 },
    ]);
    expect(usage.toolUsePromptTokenCount).toBeGreaterThan(0);
    expect(usage.candidatesTokensDetails).toContainEqual({ modality: 'IMAGE', tokenCount: 1290 });
    expect(usage.totalTokenCount).toBe(
      usage.promptTokenCount! +
        usage.candidatesTokenCount! +
        usage.thoughtsTokenCount! +
        usage.toolUsePromptTokenCount!,
    );
    expect(response.candidates?.[0]).toHaveProperty('groundingMetadata');
  });

  it('reflects unknown fields of the request, and keeps those of parts in the ledger', async () => {
    const response = await generated(emulator, { ...saying('a'), x_lossless: { deep: [1, null] } });
    expect(response.unknownFieldsSeen).toEqual({ x_lossless: { deep: [1, null] } });
    await generated(emulator, { contents: [{ role: 'user', parts: [{ text: 'a', xMark: 3 }] }] });
    expect(emulator.ledger.calls.at(-1)?.unknownPartFields).toEqual({ xMark: 3 });
  });

  it('tells the service tier in header and counts, and only on the Developer API', async () => {
    const flex = await call(emulator, 'generateContent', saying('a', { serviceTier: 'flex' }));
    expect(flex.headers).toMatchObject({
      'x-gemini-service-tier': 'flex',
      'server-timing': expect.stringContaining('gfet4t7'),
    });
    expect(JSON.parse(flex.text)).toMatchObject({ usageMetadata: { serviceTier: 'flex' } });
    const token = emulator.tokens.issue('robot', 60);
    const path = '/v1beta1/projects/p/locations/us/publishers/google/models/gemini-3.8-flash:generateContent';
    const vertex = await send(emulator.url + path, JSON.stringify(saying('a')), {
      authorization: `Bearer ${token}`,
    });
    expect(vertex.headers).not.toHaveProperty('server-timing');
    expect(JSON.parse(vertex.text)).toMatchObject({ usageMetadata: { trafficType: 'ON_DEMAND' } });
  });

  it('continues a long answer of Argon where it stopped', async () => {
    emulator.scenarios.add({ text: 'abcd'.repeat(40_000), times: 2, match: { model: 'gemini-4-argon' } });
    const first = await generated(emulator, saying('long'), 'gemini-4-argon');
    const continuationToken = first.candidates?.[0]?.continuationToken;
    expect(first.candidates?.[0]?.finishReason).toBe('CONTINUATION');
    expect(first.usageMetadata!.candidatesTokenCount! + first.usageMetadata!.thoughtsTokenCount!).toBe(
      32_768,
    );
    const rest = await generated(emulator, { ...saying('long'), continuationToken }, 'gemini-4-argon');
    expect(rest.candidates?.[0]?.finishReason).toBe('STOP');
    expect(textOf(first, rest)).toHaveLength(160_000);
  });
});

describe('streamGenerateContent', () => {
  it('sends events whose text is that of the whole answer and whose counts grow to its counts', async () => {
    const whole = await generated(emulator, saying('Tell me of the 🌊 sea'));
    const answer = await call(emulator, 'streamGenerateContent?alt=sse', saying('Tell me of the 🌊 sea'));
    const chunks = events(answer.text);
    expect(answer.headers['content-type']).toBe('text/event-stream');
    expect(chunks.length).toBeGreaterThan(2);
    expect(textOf(...chunks)).toBe(textOf(whole));
    const totals = chunks.map((chunk) => chunk.usageMetadata!.totalTokenCount!);
    expect(totals).toEqual(totals.toSorted((a, b) => a - b));
    expect(chunks.at(-1)?.usageMetadata).toEqual(whole.usageMetadata);
    expect(chunks.map((chunk) => chunk.candidates?.[0]?.finishReason)).toEqual([
      ...chunks.slice(1).map(() => undefined),
      'STOP',
    ]);
    expect(
      chunks.every((chunk) => chunk.responseId === whole.responseId && chunk.modelVersion !== undefined),
    ).toBe(true);
  });

  it('is one JSON array without alt=sse', async () => {
    const answer = await call(emulator, 'streamGenerateContent', saying('Hi'));
    const chunks = JSON.parse(answer.text) as GenerateContentResponse[];
    expect(answer.headers['content-type']).toContain('application/json');
    expect(chunks.length).toBeGreaterThan(2);
    expect(textOf(...chunks)).toContain('Hi');
  });

  it('cuts no character in two', async () => {
    emulator.scenarios.add({ text: '🌊'.repeat(7), chunks: 5 });
    const answer = await call(emulator, 'streamGenerateContent?alt=sse', saying('a'));
    expect(events(answer.text).every((chunk) => textOf(chunk).isWellFormed())).toBe(true);
  });
});

describe('a request that is none', () => {
  it.each([
    ['{}', '* GenerateContentRequest.contents: contents is not specified\n'],
    ['{"contents":[]}', '* GenerateContentRequest.contents: contents is not specified\n'],
    [
      '{"contents":[{"parts":[{"text":3}]}]}',
      "Invalid value at 'contents[0].parts[0].text': the value must be a string.",
    ],
    [
      '{"contents":[{"parts":[{"inlineData":{"data":"&&"}}]}]}',
      "Invalid value at 'contents[0].parts[0].inline_data.data' (TYPE_BYTES), Base64 decoding failed",
    ],
    ['[1', 'Invalid JSON payload received. Expected an object.'],
  ])('%s is refused with 400', async (body, message) => {
    const url = `${emulator.url}/v1beta/models/gemini-3.8-flash:generateContent`;
    const answer = await send(url, body, { 'x-goog-api-key': 'k' });
    expect([answer.status, JSON.parse(answer.text)]).toEqual([
      400,
      { error: { code: 400, message, status: 'INVALID_ARGUMENT' } },
    ]);
  });

  it('is 404 for a model that does not exist, or not for the method', async () => {
    const unknown = await call(emulator, 'generateContent', saying('a'), { model: 'gemini-9' });
    expect(JSON.parse(unknown.text)).toMatchObject({
      error: {
        code: 404,
        message: expect.stringContaining('models/gemini-9 is not found for API version v1beta'),
      },
    });
    expect((await call(emulator, 'embedContent', saying('a'))).status).toBe(404);
  });

  it('is 400 for a server deadline under 10 s', async () => {
    const headers = { 'x-goog-api-key': 'k', 'x-server-timeout': '9' };
    const answer = await call(emulator, 'generateContent', saying('a'), { headers });
    expect(answer.text).toContain('Manually set deadline 9s is too short. Minimum allowed deadline is 10s.');
    expect(emulator.ledger.calls.at(-1)?.serverTimeout).toBe('9');
  });

  it('is 400 for more input than the model takes', async () => {
    const answer = await call(emulator, 'generateContent', saying('a'.repeat(4_194_308)));
    expect(answer.text).toContain(
      'The input token count exceeds the maximum number of tokens allowed (1048576).',
    );
  });
});
