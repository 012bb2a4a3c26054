import {
  HarmBlockThreshold,
  HarmCategory,
  ThinkingLevel,
  Type,
  type GenerateContentConfig,
  type GoogleGenAI,
} from '@google/genai';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import { drained, googleClient, reasonOf, refusalOf, spoken } from '../../helpers/google-clients.js';

const model = 'gemini-3.8-flash';
const PNG =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const PDF = base64(
  '%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n%%EOF\n',
);
const WAV = base64(
  'RIFF\x2c\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data\x08\0\0\0\0\0\0\0\0\0\0\0',
);
const MP4 = base64('\0\0\0\x18ftypisom\0\0\x02\0isommp41\0\0\0\x08free');

function base64(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('base64');
}

describe('what a request of the official client may hold', () => {
  let under: GatewayUnderTest;
  let ai: GoogleGenAI;
  beforeAll(async () => {
    under = await gatewayUnderTest();
    ai = googleClient(under);
  });
  afterAll(() => under.close());

  const generate = (config: GenerateContentConfig, contents = 'tell me') =>
    ai.models.generateContent({ model, contents, config });

  it('a response schema, which the answer follows', async () => {
    const answer = await generate({
      responseMimeType: 'application/json',
      responseSchema: {
        type: Type.OBJECT,
        properties: {
          bird: { type: Type.STRING, enum: ['knot', 'ruff'] },
          count: { type: Type.INTEGER, minimum: 1, maximum: 9 },
        },
        required: ['bird', 'count'],
      },
    });
    const made = JSON.parse(spoken(answer)) as { bird: string; count: number };
    expect(['knot', 'ruff']).toContain(made.bird);
    expect([1, 2, 3, 4, 5, 6, 7, 8, 9]).toContain(made.count);
  });

  it('a JSON schema with references, which the streamed answer follows', async () => {
    const stream = await ai.models.generateContentStream({
      model,
      contents: 'tell me more',
      config: {
        responseMimeType: 'application/json',
        responseJsonSchema: {
          type: 'object',
          properties: { birds: { type: 'array', items: { $ref: '#/$defs/bird' }, minItems: 2, maxItems: 2 } },
          required: ['birds'],
          $defs: { bird: { type: 'object', properties: { rare: { type: 'boolean' } }, required: ['rare'] } },
        },
      },
    });
    const made = JSON.parse(spoken(...(await drained(stream)))) as { birds: { rare: unknown }[] };
    expect(made.birds.map(({ rare }) => typeof rare)).toEqual(['boolean', 'boolean']);
  });

  it('a system instruction, which is billed with the prompt', async () => {
    const systemInstruction = 'Answer as a patient ornithologist would.';
    const plain = await generate({});
    const instructed = await generate({ systemInstruction });
    const more =
      (instructed.usageMetadata?.promptTokenCount ?? 0) - (plain.usageMetadata?.promptTokenCount ?? 0);
    expect(more).toBeGreaterThanOrEqual(systemInstruction.length / 4 - 1);
  });

  it('safety settings, a seed, stop sequences and sampling', async () => {
    const answer = await generate(
      {
        safetySettings: [
          {
            category: HarmCategory.HARM_CATEGORY_HARASSMENT,
            threshold: HarmBlockThreshold.BLOCK_ONLY_HIGH,
          },
        ],
        seed: 7,
        temperature: 0.2,
        topP: 0.9,
        topK: 20,
        stopSequences: ['plover'],
      },
      'sandpiper plover turnstone',
    );
    expect(spoken(answer)).toContain('sandpiper ');
    expect(spoken(answer)).not.toContain('plover');
  });

  it('a thinking level, with the thoughts told apart from the answer and counted apart', async () => {
    const low = await generate({ thinkingConfig: { thinkingLevel: ThinkingLevel.LOW } });
    const high = await generate({
      thinkingConfig: { thinkingLevel: ThinkingLevel.HIGH, includeThoughts: true },
    });
    const thoughts = high.candidates?.[0]?.content?.parts?.filter(({ thought }) => thought === true);
    expect(thoughts).toHaveLength(1);
    expect(spoken(high)).not.toContain(thoughts?.[0]?.text);
    expect(high.usageMetadata?.thoughtsTokenCount).toBeGreaterThan(
      low.usageMetadata?.thoughtsTokenCount ?? 0,
    );
    expect(high.usageMetadata?.thoughtsTokenCount).toBe(under.upstreamCalls().at(-1)?.thoughtsTokens);
  });

  it('a thinking budget, down to none', async () => {
    const contents = 'no thinking';
    const none = await ai.models.generateContent({
      model: 'gemini-2.5-flash',
      contents,
      config: { thinkingConfig: { thinkingBudget: 0 } },
    });
    expect(none.usageMetadata).not.toHaveProperty('thoughtsTokenCount');
    const { status, error } = await refusalOf(
      generate({ thinkingConfig: { thinkingLevel: ThinkingLevel.MINIMAL } }),
    );
    expect([status, reasonOf(error), error.message]).toEqual([
      400,
      'INVALID_REQUEST',
      'Thinking level MINIMAL is not supported for this model.',
    ]);
  });

  it('several candidates, unary and streamed', async () => {
    const { candidates } = await generate({ candidateCount: 2 });
    expect(candidates?.map(({ index, finishReason }) => [index, finishReason])).toEqual([
      [0, 'STOP'],
      [1, 'STOP'],
    ]);
    const stream = await ai.models.generateContentStream({
      model,
      contents: 'twice',
      config: { candidateCount: 2 },
    });
    const indices = (await drained(stream)).flatMap(
      (chunk) => chunk.candidates?.map(({ index }) => index) ?? [],
    );
    expect(new Set(indices)).toEqual(new Set([0, 1]));
  });

  it.each([
    ['a PNG', 'image/png', PNG, 'IMAGE'],
    ['a PDF', 'application/pdf', PDF, 'DOCUMENT'],
    ['a WAV', 'audio/wav', WAV, 'AUDIO'],
    ['an MP4', 'video/mp4', MP4, 'VIDEO'],
  ])('%s inline and by URI, counted by its modality', async (_name, mimeType, data, modality) => {
    for (const part of [
      { inlineData: { mimeType, data } },
      { fileData: { mimeType, fileUri: `gs://b/x` } },
    ]) {
      const answer = await ai.models.generateContent({
        model,
        contents: [{ role: 'user', parts: [{ text: 'what is this' }, part] }],
      });
      const details = answer.usageMetadata?.promptTokensDetails;
      expect(details?.map((detail) => String(detail.modality)).toSorted()).toEqual(
        ['TEXT', modality].toSorted(),
      );
      expect(under.upstreamCalls().at(-1)?.inputTokens).toBe(answer.usageMetadata?.promptTokenCount);
    }
  });

  it('all of them at once, streamed', async () => {
    const parts = [
      { text: 'compare' },
      { inlineData: { mimeType: 'image/png', data: PNG } },
      { inlineData: { mimeType: 'application/pdf', data: PDF } },
      { inlineData: { mimeType: 'audio/wav', data: WAV } },
      { inlineData: { mimeType: 'video/mp4', data: MP4 } },
    ];
    const stream = await ai.models.generateContentStream({ model, contents: [{ role: 'user', parts }] });
    const last = (await drained(stream)).at(-1);
    expect(last?.usageMetadata?.promptTokensDetails).toHaveLength(5);
  });
});
