import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '../../../../src/core/json.js';
import {
  validCountTokensBody,
  validEmbedBody,
  validGenerateBody,
} from '../../../../src/transport/shared/request-validation.js';

const good: JsonObject = { task: 't', prompt: 'Hello' };
const refused = (field: string, what = '') =>
  expect.objectContaining({
    reason: 'INVALID_REQUEST',
    metadata: { field },
    ...(what === '' ? {} : { message: `"${field}" ${what}.` }),
  });

describe('validGenerateBody', () => {
  it('gives back a good body as it is', () => {
    const body = {
      ...good,
      media: [
        { mimeType: 'image/png', data: 'AAAA' },
        { mimeType: 'video/mp4', uri: 'gs://a/b' },
      ],
      generation: { temperature: 0, thinkingBudget: -1 },
      schema: { type: 'object' },
      tools: [{ googleSearch: {} }],
      tags: { a: 'b' },
      stream: true,
      timeoutMs: 1,
    };
    expect(validGenerateBody(body)).toBe(body);
    expect(
      validGenerateBody({ model: 'm', contents: [{ parts: [{ unknown: 1 }], unknown: 2 }] }),
    ).toBeDefined();
    expect(validGenerateBody({ task: 't', model: 'm', prompt: 'x' })).toBeDefined();
  });

  it.each<[JsonObject, string, string?]>([
    [{ ...good, odd: 1 }, 'odd', 'is not a known field'],
    [{ ...good, generation: { odd: 1 } }, 'generation.odd', 'is not a known field'],
    [{ ...good, ['x'.repeat(500)]: 1 }, 'x'.repeat(100), 'is not a known field'],
    [{ prompt: 'x' }, 'task', 'or model must be given'],
    [{ task: 't' }, 'prompt', 'or contents must be given, and not both'],
    [
      { ...good, contents: [{ parts: [{ text: 'x' }] }] },
      'prompt',
      'or contents must be given, and not both',
    ],
    [{ ...good, prompt: '' }, 'prompt', 'must not be empty'],
    [{ ...good, task: 7 }, 'task'],
    [{ task: 't', contents: [] }, 'contents'],
    [{ task: 't', contents: [{}] }, 'contents[0].parts', 'is missing'],
    [{ task: 't', contents: [{ parts: ['x'] }] }, 'contents[0].parts[0]'],
    [
      { task: 't', contents: [{ role: 'me', parts: [{}] }] },
      'contents[0].role',
      'must be one of user, model, function',
    ],
    [{ ...good, media: [{ mimeType: 'image/png' }] }, 'media[0]', 'must have either data or uri'],
    [
      { ...good, media: [{ mimeType: 'image/png', data: 'A', uri: 'u' }] },
      'media[0]',
      'must have either data or uri',
    ],
    [{ ...good, media: [{ mimeType: 'odd', data: 'A' }] }, 'media[0].mimeType'],
    [{ ...good, generation: { temperature: 3 } }, 'generation.temperature'],
    [{ ...good, generation: { stopSequences: ['1', '2', '3', '4', '5', '6'] } }, 'generation.stopSequences'],
    [{ ...good, priority: 'urgent' }, 'priority', 'must be one of interactive, standard, batch'],
    [{ ...good, timeoutMs: 0 }, 'timeoutMs'],
    [{ ...good, feature: 'a b' }, 'feature'],
    [{ ...good, tags: { a: 1 } }, 'tags.a'],
    [{ ...good, stream: 'yes' }, 'stream'],
  ])('refuses %j and names %s', (body, field, what = '') => {
    expect(() => validGenerateBody(body)).toThrow(refused(field, what));
  });

  it('is not misled by names that objects have by themselves', () => {
    expect(() =>
      validGenerateBody(JSON.parse('{"task":"t","prompt":"x","__proto__":1}') as JsonObject),
    ).toThrow(refused('__proto__', 'is not a known field'));
    expect(() => validGenerateBody({ ...good, constructor: 1 })).toThrow(
      refused('constructor', 'is not a known field'),
    );
  });
});

describe('validCountTokensBody', () => {
  it('takes what can be counted, and no settings of the answer’s delivery', () => {
    expect(validCountTokensBody({ ...good, system: 's', tools: [] })).toBeDefined();
    expect(() => validCountTokensBody({ ...good, stream: true })).toThrow(refused('stream'));
  });
});

describe('validEmbedBody', () => {
  it('takes texts, up to a hundred', () => {
    const texts = Array.from({ length: 100 }, () => 'x');
    expect(validEmbedBody({ model: 'm', texts, dimensions: 1 })).toBeDefined();
    expect(() => validEmbedBody({ model: 'm', texts: [...texts, 'x'] })).toThrow(refused('texts'));
  });

  it.each<[JsonObject, string]>([
    [{ model: 'm' }, 'texts'],
    [{ texts: ['x'] }, 'task'],
    [{ model: 'm', texts: [] }, 'texts'],
    [{ model: 'm', texts: ['x', ''] }, 'texts[1]'],
    [{ model: 'm', texts: ['x'], dimensions: 0 }, 'dimensions'],
    [{ model: 'm', texts: ['x'], prompt: 'x' }, 'prompt'],
  ])('refuses %j and names %s', (body, field) => {
    expect(() => validEmbedBody(body)).toThrow(refused(field));
  });
});
