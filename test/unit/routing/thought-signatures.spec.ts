import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import type { GenerateContentRequest, Part } from '../../../src/core/gemini-wire.js';
import type { JsonObject } from '../../../src/core/json.js';
import { findModel, modelPage, type EmulatedModel } from '../../../src/emulator/models.js';
import { checkSignatures } from '../../../src/emulator/request-checks.js';
import { signCall, signText } from '../../../src/emulator/signatures.js';
import {
  BYPASS_SIGNATURE,
  familyOf,
  signaturesOf,
  withBypassSignatures,
} from '../../../src/routing/thought-signatures.js';

const SEED = 7;
const MODELS = modelPage(100, undefined)?.models ?? [];
const FAMILIES = [...Map.groupBy(MODELS, ({ family }) => family).values()].flatMap(([first]) => first ?? []);

const user = (...parts: Part[]) => ({ role: 'user', parts });
const model = (...parts: Part[]) => ({ role: 'model', parts });
const call = (name: string, thoughtSignature?: string): Part => ({
  functionCall: { name, args: {} },
  ...(thoughtSignature === undefined ? {} : { thoughtSignature }),
});
const result = (name: string): Part => ({ functionResponse: { name, response: {} } });
const bypassed = (contents: object[]) =>
  withBypassSignatures({ contents } as JsonObject)['contents'] as unknown as { parts: Part[] }[];

/** Signatures as conversations carry them: of every family, of another seed, altered, stand-ins, none, and no text. */
const signature = fc.oneof(
  fc.constantFrom(undefined, '', BYPASS_SIGNATURE, Buffer.from(BYPASS_SIGNATURE).toString('base64'), 7),
  fc
    .tuple(fc.constantFrom(...FAMILIES), fc.nat(1))
    .map(([{ family }, off]) => signCall(SEED + off, family, { name: 'f', args: {} })),
  fc.constantFrom(...FAMILIES).map(({ family }) => signText(SEED, family, 1)),
  fc.base64String(),
);
const payload = fc.constantFrom<Part>(
  { text: 'x' },
  { text: 'x', thought: true },
  { functionCall: { name: 'f', args: {} } },
  { functionCall: { name: 'g', args: { a: [1] } }, partMetadata: { kept: true } },
  result('f'),
  { inlineData: { mimeType: 'image/png', data: '' } },
);
const part = fc
  .tuple(payload, signature)
  .map(
    ([fields, thoughtSignature]) =>
      (thoughtSignature === undefined ? fields : { ...fields, thoughtSignature }) as Part,
  );
const content = fc.record(
  {
    role: fc.constantFrom('user', 'model', 'model', 'function'),
    parts: fc.array(part, { maxLength: 4 }),
    other: fc.constant(1),
  },
  { requiredKeys: ['role'] },
);
const request = fc
  .array(content, { maxLength: 8 })
  .map((contents): GenerateContentRequest => ({ contents, unknown: { kept: true } }));

describe('signaturesOf', () => {
  it('lists what the model’s parts carry, oldest first, and no stand-ins', () => {
    const contents = [
      user({ text: 'x', thoughtSignature: 'of-the-user' }),
      model({ text: 'x' }, { text: '', thoughtSignature: 'A' }),
      user(result('f')),
      model(call('f', 'B'), call('g', BYPASS_SIGNATURE), call('h', '')),
      model(call('f', 'context_engineering_is_the_way_to_go')),
      model(call('f', Buffer.from(BYPASS_SIGNATURE).toString('base64'))),
    ];
    expect(signaturesOf({ contents })).toEqual(['A', 'B']);
  });

  it.each([
    {},
    { contents: 'text' },
    { contents: [null, 3, { role: 'model' }, { role: 'model', parts: [0] }] },
  ])('finds none in %j', (odd) => {
    expect(signaturesOf(odd as JsonObject)).toEqual([]);
    expect(withBypassSignatures(odd as JsonObject)).toBe(odd);
  });
});

describe('withBypassSignatures', () => {
  it('replaces the signatures of calls, gives one to the first call of a step, and takes them from other parts', () => {
    const contents = [
      user({ text: 'go' }),
      model({ text: 'I look.', thoughtSignature: 'A' }, call('f'), call('g'), call('h', 'B')),
      user(result('f'), result('g'), result('h')),
      model(call('f', 'C')),
      user(result('f')),
    ];
    const [, first, , second] = bypassed(contents);
    expect(first?.parts).toEqual([
      { text: 'I look.' },
      call('f', BYPASS_SIGNATURE),
      call('g'),
      call('h', BYPASS_SIGNATURE),
    ]);
    expect(second?.parts).toEqual([call('f', BYPASS_SIGNATURE)]);
  });

  it('gives earlier turns no signature that they had not', () => {
    const contents = [
      user({ text: 'go' }),
      model(call('f'), call('g', 'A')),
      user(result('f'), result('g')),
      model({ text: 'Done.', thoughtSignature: 'B' }),
      user({ text: 'thanks' }),
    ];
    expect(bypassed(contents).slice(1, 4)).toEqual([
      model(call('f'), call('g', BYPASS_SIGNATURE)),
      user(result('f'), result('g')),
      model({ text: 'Done.' }),
    ]);
  });

  it('replaces, not removes, where the model gave an image', () => {
    const image = { inlineData: { mimeType: 'image/png', data: 'AA==' } };
    const contents = [
      user({ text: 'draw' }),
      model({ text: 'Here.', thoughtSignature: 'A' }, { ...image, thoughtSignature: 'B' }),
      user({ text: 'bluer' }),
    ];
    expect(bypassed(contents)[1]?.parts.map(({ thoughtSignature }) => thoughtSignature)).toEqual([
      BYPASS_SIGNATURE,
      BYPASS_SIGNATURE,
    ]);
  });

  it('leaves a request alone that has nothing to replace, and shares what it does not change', () => {
    const plain = { contents: [user({ text: 'x' }), model({ text: 'y' }), user({ text: 'z' })] };
    expect(withBypassSignatures(plain)).toBe(plain);
    const signed = { contents: [...plain.contents, model({ text: 'a' }, call('f', 'A')), user(result('f'))] };
    const { contents } = withBypassSignatures(signed) as typeof signed;
    expect(contents[1]).toBe(signed.contents[1]);
    expect(contents[3]?.parts[0]).toBe(signed.contents[3]?.parts[0]);
  });

  it('makes any conversation pass with every family', () => {
    fc.assert(
      fc.property(request, fc.constantFrom(...FAMILIES), (given, target: EmulatedModel) => {
        const replaced = withBypassSignatures(given);
        expect(signaturesOf(replaced)).toEqual([]);
        expect(checkSignatures(target, replaced, SEED)).toBeUndefined();
      }),
    );
  });

  it('changes nothing but signatures of the model, and never the request that it was given', () => {
    fc.assert(
      fc.property(request, (given) => {
        const before = structuredClone(given);
        const replaced = withBypassSignatures(given);
        expect(given).toEqual(before);
        expect(withBypassSignatures(replaced)).toBe(replaced);
        expect(unsigned(replaced)).toEqual(unsigned(given));
      }),
    );
  });
});

/** The request without the signatures of the model's parts. */
function unsigned(given: JsonObject): unknown {
  const { contents = [], ...rest } = structuredClone(given) as GenerateContentRequest;
  for (const { role, parts } of contents)
    for (const one of (role === 'model' && parts) || []) delete one.thoughtSignature;
  return { ...rest, contents };
}

describe('familyOf', () => {
  it.each([
    ['gemini-3.8-flash', 'gemini-3'],
    ['gemini-3-pro-image', 'gemini-3'],
    ['gemini-4-argon', 'gemini-4'],
    ['gemini-2.5-pro', 'gemini-2'],
    ['publishers/google/models/gemini-3.5-flash', 'gemini-3'],
    ['gemini-flash-latest', 'gemini-flash-latest'],
  ])('reads %s as %s', (name, family) => {
    expect(familyOf(name)).toBe(family);
  });

  it('tells the models of the emulator apart as the emulator does', () => {
    expect(MODELS.length).toBeGreaterThan(10);
    for (const { id } of MODELS) expect(familyOf(id)).toBe(findModel(id)?.family);
  });
});
