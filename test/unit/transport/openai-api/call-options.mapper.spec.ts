import type { IncomingHttpHeaders } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '../../../../src/core/json.js';
import { callOptions } from '../../../../src/transport/openai-api/call-options.mapper.js';
import { refusalOf } from './fixtures.js';

const options = (body: JsonObject = {}, headers: IncomingHttpHeaders = {}) =>
  callOptions({ model: 'gemini-3.8-flash', ...body }, headers);

describe('callOptions', () => {
  it('asks for a model or, by prefix or header, for a task', () => {
    expect(options()).toEqual({ model: 'gemini-3.8-flash', metadata: {} });
    expect(options({ model: 'models/gemini-3.8-flash' })).toMatchObject({ model: 'gemini-3.8-flash' });
    expect(options({ model: 'task:chat' })).toEqual({ task: 'chat', metadata: {} });
    expect(options({}, { 'x-gateway-task': 'chat' })).toMatchObject({
      model: 'gemini-3.8-flash',
      task: 'chat',
    });
    expect(options({ model: null }, { 'x-gateway-task': 'chat' })).toEqual({ task: 'chat', metadata: {} });
    expect(options({ model: 'task:chat' }, { 'x-gateway-task': 'chat' })).toMatchObject({ task: 'chat' });
  });

  it.each<[JsonObject, IncomingHttpHeaders, string]>([
    [{ model: null }, {}, 'model'],
    [{ model: '' }, {}, 'model'],
    [{ model: 7 }, {}, 'model'],
    [{ model: 'task:' }, {}, 'model'],
    [{ model: 'task:chat' }, { 'x-gateway-task': 'summary' }, 'model'],
    [{ user: '' }, {}, 'user'],
    [{ user: 'u'.repeat(129) }, {}, 'user'],
    [{ safety_identifier: 1 }, {}, 'safety_identifier'],
    [{ user: 'ann', safety_identifier: 'bob' }, {}, 'user'],
    [{ prompt_cache_key: 'k'.repeat(129) }, {}, 'prompt_cache_key'],
    [{ metadata: 'x' }, {}, 'metadata'],
    [{ metadata: { a: 1 } }, {}, 'metadata.a'],
    [{ metadata: { a: 'x'.repeat(513) } }, {}, 'metadata.a'],
    [{ metadata: { ['n'.repeat(65)]: 'x' } }, {}, `metadata.${'n'.repeat(64)}`],
    [
      { metadata: Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`k${index}`, 'v'])) },
      {},
      'metadata',
    ],
    [{ metadata: { feature: 'a b' } }, {}, 'metadata.feature'],
  ])('refuses %j with %j', (body, headers, param) => {
    expect(refusalOf(() => options(body, headers)).param).toBe(param);
  });

  it('tells feature, tags, end user and conversation', () => {
    expect(
      options({
        metadata: { feature: 'search', run: '7' },
        user: 'ann',
        safety_identifier: 'ann',
        prompt_cache_key: 'talk-1',
      }).metadata,
    ).toEqual({ feature: 'search', tags: { run: '7' }, user: 'ann', conversation: 'talk-1' });
    expect(options({ user: 'bob' }).metadata).toEqual({ user: 'bob' });
    expect(options({ safety_identifier: 'cid' }).metadata).toEqual({ user: 'cid' });
  });

  it('takes from headers what the body leaves open; a conversation from its header first', () => {
    const headers = {
      'x-gateway-feature': 'search',
      'x-gateway-user': 'ann',
      'x-gateway-conversation': 'talk-1',
    };
    expect(options({}, headers).metadata).toEqual({ feature: 'search', user: 'ann', conversation: 'talk-1' });
    expect(
      options({ metadata: { feature: 'chat' }, user: 'bob', prompt_cache_key: 'key' }, headers).metadata,
    ).toEqual({ feature: 'chat', user: 'bob', conversation: 'talk-1' });
    expect(options({}, { 'x-gateway-feature': 'not a word' }).metadata).toEqual({});
  });

  it('ends with the client’s own patience, where the client tells it', () => {
    expect(options({}, { 'x-stainless-timeout': '12' }).timeoutMs).toBe(12_000);
    expect(options({}, { 'x-stainless-timeout': 'soon' })).not.toHaveProperty('timeoutMs');
    expect(options({}, { 'x-stainless-timeout': '0' })).not.toHaveProperty('timeoutMs');
  });
});
