import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '../../../../src/core/json.js';
import { REFUSED_BLOCKS } from '../../../../src/transport/anthropic-api/blocks.mapper.js';
import { toConversation } from '../../../../src/transport/anthropic-api/messages.mapper.js';
import { refusalOf } from './fixtures.js';

const PNG = 'iVBORw0KGgo=';

const asking = (...content: JsonObject[]): JsonObject => ({ messages: [{ role: 'user', content }] });
const partsOf = (...content: JsonObject[]): unknown => toConversation(asking(...content)).contents[0]?.parts;
const image = (source: JsonObject, more: JsonObject = {}): JsonObject => ({ type: 'image', source, ...more });
const document = (source: JsonObject, more: JsonObject = {}): JsonObject => ({
  type: 'document',
  source,
  ...more,
});
const base64 = (media_type: string, data = PNG): JsonObject => ({ type: 'base64', media_type, data });
const url = (address: string): JsonObject => ({ type: 'url', url: address });

describe('media in blocks', () => {
  it('go inline where they come with the request', () => {
    expect(
      partsOf(
        image(base64('image/png'), { transformations: {}, cache_control: { type: 'ephemeral', ttl: '5m' } }),
        document(base64('application/pdf'), { citations: { enabled: false } }),
      ),
    ).toEqual([
      { inlineData: { mimeType: 'image/png', data: PNG } },
      { inlineData: { mimeType: 'application/pdf', data: PNG } },
    ]);
  });

  it('are texts and images where a document is made of them, behind its title and its context', () => {
    expect(
      partsOf(
        document({ type: 'text', media_type: 'text/plain', data: 'plain' }, { title: 'T', context: 'C' }),
        document({ type: 'content', content: 'short' }),
        document({ type: 'content', content: [{ type: 'text', text: 'a' }, image(base64('image/gif'))] }),
      ),
    ).toEqual([
      { text: 'T' },
      { text: 'C' },
      { text: 'plain' },
      { text: 'short' },
      { text: 'a' },
      { inlineData: { mimeType: 'image/gif', data: PNG } },
    ]);
  });

  it('are left for Google to read where they are public URLs', () => {
    expect(
      partsOf(
        image(url('https://example.com/a/heron.JPG?size=2')),
        document(url('https://example.com/paper')),
      ),
    ).toEqual([
      { fileData: { mimeType: 'image/jpeg', fileUri: 'https://example.com/a/heron.JPG?size=2' } },
      { fileData: { mimeType: 'application/pdf', fileUri: 'https://example.com/paper' } },
    ]);
  });

  it('are read by the gateway where it is told to, whatever their URL ends in', () => {
    const reads = ({ hostname }: URL): boolean => hostname === 'images.example.com';
    const { remote, contents } = toConversation(
      asking(
        image(url('https://images.example.com/heron')),
        document(url('https://images.example.com/paper')),
        image(url('https://example.com/a.png')),
      ),
      reads,
    );
    expect(remote.map(({ url: { pathname }, family, path }) => [pathname, family, path])).toEqual([
      ['/heron', 'image/', 'messages[0].content[0].source.url'],
      ['/paper', 'application/pdf', 'messages[0].content[1].source.url'],
    ]);
    expect(remote[0]?.part).toBe(contents[0]?.parts?.[0]);
  });

  it('remember the field that they came from', () => {
    const { origins } = toConversation(asking({ type: 'text', text: 'look' }, image(base64('image/png'))));
    expect([...origins]).toEqual([['contents[0].parts[1]', 'messages[0].content[1].source.data']]);
  });

  const at = 'messages[0].content[0]';
  it.each<[JsonObject, string]>([
    [image(base64('image/png', '')), `${at}.source.data`],
    [image(base64('video/mp4')), `${at}.source.media_type`],
    [image(base64('image/')), `${at}.source.media_type`],
    [image({ type: 'file', file_id: 'f' }), `${at}.source.type`],
    [image({ type: 'text', media_type: 'text/plain', data: 'x' }), `${at}.source.type`],
    [image({ ...base64('image/png'), mood: 1 }), `${at}.source.mood`],
    [image(base64('image/png'), { transformations: { resize: 1 } }), `${at}.transformations`],
    [{ type: 'image' }, `${at}.source`],
    [image(url('')), `${at}.source.url`],
    [image(url('http://example.com/a.png')), `${at}.source.url`],
    [image(url('https://127.0.0.1/a.png')), `${at}.source.url`],
    [image(url('https://metadata.internal/a.png')), `${at}.source.url`],
    [image(url('https://user:secret@example.com/a.png')), `${at}.source.url`],
    [image(url('https://example.com/a')), `${at}.source.url`],
    [document(base64('image/png')), `${at}.source.media_type`],
    [document({ type: 'text', media_type: 'text/html', data: 'x' }), `${at}.source.media_type`],
    [document({ type: 'text', media_type: 'text/plain', data: '' }), `${at}.source.data`],
    [document({ type: 'content', content: [] }), `${at}.source.content`],
    [document({ type: 'content', content: [{ type: 'document' }] }), `${at}.source.content[0].type`],
    [document(base64('application/pdf'), { citations: { enabled: true } }), `${at}.citations`],
    [document(base64('application/pdf'), { title: '' }), `${at}.title`],
    [document(url('https://10.0.0.1/a.pdf')), `${at}.source.url`],
    [{ type: 'text', text: 'x', cache_control: { type: 'ephemeral', ttl: '1h' } }, `${at}.cache_control`],
    [{ type: 'text', text: 'x', citations: [{ type: 'char_location' }] }, `${at}.citations`],
  ])('are refused: %j', (block, field) => {
    const refusal = refusalOf(() => toConversation(asking(block)));
    expect(refusal.field).toBe(field);
    expect(refusal.message).not.toContain('secret');
  });
});

it.each([...REFUSED_BLOCKS])('a block %s is refused in words of its own', (type, why) => {
  const { field, message } = refusalOf(() => toConversation(asking({ type: type ?? null })));
  expect(field).toBe('messages[0].content[0].type');
  expect(message).toBe(`"${field}" is not supported: ${why}.`);
});
