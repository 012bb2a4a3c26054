import { describe, expect, it } from '@jest/globals';
import type { Operation } from '../../../src/core/call.js';
import type { JsonObject } from '../../../src/core/json.js';
import { assertAnswerable } from '../../../src/gemini/request-check.js';

const content = { parts: [{ text: 'Hello' }] };
const refused = (field: string, what: string) =>
  expect.objectContaining({
    reason: 'INVALID_REQUEST',
    message: `"${field}" ${what}.`,
    metadata: { field },
  });
const asking = (inlineData: unknown) => () =>
  assertAnswerable('generate', { contents: [{ parts: [{ inlineData } as JsonObject] }] });
const base64 = (bytes: string) => Buffer.from(bytes, 'latin1').toString('base64');

describe('assertAnswerable', () => {
  it.each<[Operation, JsonObject]>([
    ['generate', { contents: [content], systemInstruction: content, unknown: 1 }],
    ['generate', { contents: [{ role: 'odd', parts: [{ functionCall: {} }, { unknown: 1 }] }] }],
    ['count_tokens', { contents: [content] }],
    ['count_tokens', { generateContentRequest: { contents: [content] } }],
    ['embed', { content }],
    ['batch_embed', { requests: [{ content }] }],
  ])('lets %s of %j pass', (operation, request) => {
    expect(() => assertAnswerable(operation, request)).not.toThrow();
  });

  it.each<[Operation, JsonObject, string, string]>([
    ['generate', {}, 'contents', 'is missing'],
    ['generate', { contents: null }, 'contents', 'must be a list'],
    ['generate', { contents: 'text' }, 'contents', 'must be a list'],
    ['generate', { contents: [] }, 'contents', 'must not be empty'],
    ['generate', { contents: ['x'] }, 'contents[0]', 'must be an object'],
    ['generate', { contents: [content, {}] }, 'contents[1].parts', 'is missing'],
    ['generate', { contents: [{ parts: [] }] }, 'contents[0].parts', 'must not be empty'],
    ['generate', { contents: [{ parts: [null] }] }, 'contents[0].parts[0]', 'must be an object'],
    ['generate', { contents: [{ parts: [{ text: 7 }] }] }, 'contents[0].parts[0].text', 'must be a text'],
    ['generate', { contents: [content], systemInstruction: 'x' }, 'systemInstruction', 'must be an object'],
    ['generate', { contents: [content], systemInstruction: {} }, 'systemInstruction.parts', 'is missing'],
    ['count_tokens', {}, 'contents', 'is missing'],
    ['count_tokens', { generateContentRequest: 7 }, 'generateContentRequest', 'must be an object'],
    ['count_tokens', { generateContentRequest: {} }, 'generateContentRequest.contents', 'is missing'],
    ['embed', {}, 'content', 'is missing'],
    ['embed', { content: { parts: [] } }, 'content.parts', 'must not be empty'],
    ['batch_embed', {}, 'requests', 'is missing'],
    ['batch_embed', { requests: [{ content }, 7] }, 'requests[1]', 'must be an object'],
    ['batch_embed', { requests: [{}] }, 'requests[0].content', 'is missing'],
  ])('refuses %s of %j', (operation, request, field, what) => {
    expect(() => assertAnswerable(operation, request)).toThrow(refused(field, what));
  });

  const at = 'contents[0].parts[0].inlineData';
  it.each([
    [7, at, 'must be an object'],
    [{ data: 'AA==' }, `${at}.mimeType`, 'must be a media type'],
    [{ mimeType: '', data: 'AA==' }, `${at}.mimeType`, 'must be a media type'],
    [{ mimeType: 'audio/mp3' }, `${at}.data`, 'must be base64'],
    [{ mimeType: 'audio/mp3', data: '' }, `${at}.data`, 'must be base64'],
    ...['A', 'AAAAA', 'AA!=', '!!!!', 'AAA=AAAA', 'AA AA', 'data:audio/mp3;base64,AAAA'].map(
      (data) => [{ mimeType: 'audio/mp3', data }, `${at}.data`, 'is not valid base64'] as const,
    ),
    [{ mimeType: 'image/png', data: base64('no image') }, `${at}.data`, 'is no image (image/png)'],
    [{ mimeType: 'IMAGE/JPEG', data: 'AAAA' }, `${at}.data`, 'is no image (IMAGE/JPEG)'],
    [{ mimeType: 'image/webp', data: base64('RIFFxxxxWAVE') }, `${at}.data`, 'is no image (image/webp)'],
  ])('refuses the data %j', (data, field, what) => {
    expect(asking(data)).toThrow(refused(field, what));
  });

  it.each([
    ['image/png', '\x89PNG\r\n\x1A\n rest'],
    ['image/jpg', '\xFF\xD8\xFF\xE0'],
    ['image/gif', 'GIF89a'],
    ['image/webp', 'RIFFxxxxWEBP'],
    ['image/png', '\xFF\xD8\xFF\xE0'],
    ['image/svg+xml', '<svg/>'],
    ['application/pdf', 'no PDF, and Google’s to judge'],
  ])('takes %s that begins as one does, or is not looked at', (mimeType, bytes) => {
    expect(asking({ mimeType, data: Buffer.from(bytes, 'latin1').toString('base64') })).not.toThrow();
  });

  it.each(['AAAA', 'AAA=', 'AA==', 'AAA', 'AA', '-_-_'])('takes %s for base64', (data) => {
    expect(asking({ mimeType: 'audio/mp3', data })).not.toThrow();
  });
});
