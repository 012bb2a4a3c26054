import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Ajv } from 'ajv';
import type { Content, GenerateContentRequest, Part } from '../../../src/core/gemini-wire.js';
import type { JsonObject } from '../../../src/core/json.js';
import { type Emulator, startEmulator } from '../../../src/emulator/emulator.js';
import { call, events, generated, saying, textOf } from '../../helpers/emulator-client.js';

const parameters = {
  type: 'object',
  properties: { city: { type: 'string', minLength: 3 }, days: { type: 'integer', minimum: 1, maximum: 9 } },
  required: ['city', 'days'],
};
const tools = [
  {
    functionDeclarations: [
      { name: 'get_weather', parametersJsonSchema: parameters },
      { name: 'get_time', parameters: { type: 'OBJECT', properties: { zone: { type: 'STRING' } } } },
    ],
  },
];

let emulator: Emulator;
beforeAll(async () => {
  emulator = await startEmulator();
});
afterAll(() => emulator.close());

const asking = (text: string, fields: GenerateContentRequest = {}): GenerateContentRequest =>
  saying(text, { tools, ...fields });
const mode = (functionCallingConfig: JsonObject): GenerateContentRequest => ({
  toolConfig: { functionCallingConfig },
});
const partsOf = async (request: GenerateContentRequest, model?: string): Promise<Part[]> =>
  (await generated(emulator, request, model)).candidates?.[0]?.content?.parts ?? [];
const namesOf = (parts: Part[]): (string | undefined)[] => parts.map((part) => part.functionCall?.name);

/** The conversation after the model's calls and their results. */
async function answered(edit: (parts: Part[]) => Part[] = (parts) => parts): Promise<GenerateContentRequest> {
  const request = asking('Please get_weather and get_time');
  const parts = await partsOf(request);
  const results = parts.map(({ functionCall = {} }) => ({
    functionResponse: { name: functionCall.name ?? '', response: { ok: true } },
  }));
  const history: Content[] = [
    ...(request.contents ?? []),
    { role: 'model', parts: edit(parts) },
    { role: 'user', parts: results },
  ];
  return { ...request, contents: history };
}

async function refusedWith(request: GenerateContentRequest, model?: string): Promise<string> {
  const { text } = await call(emulator, 'generateContent', request, model === undefined ? {} : { model });
  return (JSON.parse(text) as { error?: { message: string } }).error?.message ?? 'accepted';
}

describe('function calls', () => {
  it('are made for the functions that the prompt names, in parallel, with valid arguments', async () => {
    const parts = await partsOf(asking('Please get_time and get_weather'));
    expect(namesOf(parts)).toEqual(['get_weather', 'get_time']);
    expect(new Ajv().validate(parameters, parts[0]?.functionCall?.args)).toBe(true);
    expect(parts.map((part) => part.thoughtSignature !== undefined)).toEqual([true, false]);
  });

  it('are not signed before Gemini 3', async () => {
    const [part] = await partsOf(asking('get_time'), 'gemini-2.5-flash');
    expect(part).toEqual({ functionCall: { name: 'get_time', args: expect.any(Object) } });
  });

  it('obey the mode', async () => {
    expect(namesOf(await partsOf(asking('Hello', mode({ mode: 'ANY' }))))).toEqual(['get_weather']);
    expect(
      namesOf(await partsOf(asking('Hello', mode({ mode: 'ANY', allowedFunctionNames: ['get_time'] })))),
    ).toEqual(['get_time']);
    expect(namesOf(await partsOf(asking('get_time', mode({ mode: 'NONE' }))))).toEqual([undefined]);
    expect(namesOf(await partsOf(asking('Hello')))).toEqual([undefined]);
  });

  it('come as one whole part in a stream', async () => {
    const answer = await call(emulator, 'streamGenerateContent?alt=sse', asking('get_time'));
    const [event, ...more] = events(answer.text);
    expect(more).toEqual([]);
    expect(event?.candidates?.[0]).toMatchObject({
      finishReason: 'STOP',
      content: { parts: [{ functionCall: { name: 'get_time' }, thoughtSignature: expect.any(String) }] },
    });
  });
});

describe('the turn after function calls', () => {
  it('ends in text when the calls come back as they were', async () => {
    expect(textOf(await generated(emulator, await answered()))).toContain('The function answered.');
  });

  it('accepts reordered arguments: they are a map', async () => {
    const reorder = (parts: Part[]): Part[] =>
      parts.map((part) => {
        const call = part.functionCall ?? {};
        const args = Object.fromEntries(Object.entries(call.args ?? {}).toReversed());
        return { ...part, functionCall: { ...call, args } };
      });
    expect(await refusedWith(await answered(reorder))).toBe('accepted');
  });

  it('is refused without the first signature, by name and position', async () => {
    const strip = (parts: Part[]): Part[] => parts.map(({ functionCall = {} }) => ({ functionCall }));
    const request = await answered(strip);
    expect(await refusedWith(request)).toContain(
      'Function call is missing a thought_signature in functionCall parts.',
    );
    expect(await refusedWith(request)).toContain('function call `default_api:get_weather`, position 2');
    expect(await refusedWith(request, 'gemini-2.5-flash')).toBe('accepted');
  });

  it.each([
    ['Invalid', (part: Part): Part => ({ ...part, thoughtSignature: 'bm90IG91cnM=' })],
    [
      'Corrupted',
      (part: Part): Part => ({ ...part, thoughtSignature: `${part.thoughtSignature?.slice(0, -8)}AAAAAAAA` }),
    ],
    [
      'Corrupted',
      (part: Part): Part => ({ ...part, functionCall: { ...part.functionCall, args: { city: 'else' } } }),
    ],
  ])('is refused as %s when signature or call was altered', async (verdict, alter) => {
    const request = await answered(([first = {}, ...rest]) => [alter(first), ...rest]);
    expect(await refusedWith(request)).toBe(`${verdict} thought signature.`);
  });

  it('is refused by another family and by another emulator', async () => {
    const request = await answered();
    expect(await refusedWith(request, 'gemini-4-argon')).toBe('Invalid thought signature.');
    const other = await startEmulator({ seed: 99 });
    const { text } = await call(other, 'generateContent', request);
    await other.close();
    expect(text).toContain('Invalid thought signature.');
  });

  it.each(['skip_thought_signature_validator', 'context_engineering_is_the_way_to_go'])(
    'lets %s pass',
    async (escape) => {
      const request = await answered(([first = {}, ...rest]) => [
        { ...first, thoughtSignature: escape },
        ...rest,
      ]);
      expect(await refusedWith(request)).toBe('accepted');
    },
  );

  it('does not look at turns before the last user text', async () => {
    const request = await answered((parts) => parts.map(({ functionCall = {} }) => ({ functionCall })));
    const contents = [
      ...(request.contents ?? []),
      { role: 'model', parts: [{ text: 'Done' }] },
      ...saying('And now?').contents!,
    ];
    expect(await refusedWith({ ...request, contents })).toBe('accepted');
  });

  it('wants a signature in each step of the turn', async () => {
    const first = await answered();
    const step = { role: 'model', parts: [{ functionCall: { name: 'get_time', args: {} } }] };
    const result = { role: 'user', parts: [{ functionResponse: { name: 'get_time', response: {} } }] };
    const request = { ...first, contents: [...(first.contents ?? []), step, result] };
    expect(await refusedWith(request)).toContain('function call `default_api:get_time`, position 4');
  });
});
