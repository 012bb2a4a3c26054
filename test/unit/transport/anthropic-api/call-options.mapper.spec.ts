import { describe, expect, it } from '@jest/globals';
import { callOptions } from '../../../../src/transport/anthropic-api/call-options.mapper.js';
import { refusalOf } from './fixtures.js';

const model = 'gemini-3.8-flash';

describe('what a message says about its call', () => {
  it('is a model or a task, and how long the client waits', () => {
    expect(callOptions({ model }, {})).toEqual({ model, metadata: {} });
    expect(callOptions({ model: 'task:chat' }, { 'x-stainless-timeout': '1.5' })).toEqual({
      task: 'chat',
      timeoutMs: 1_500,
      metadata: {},
    });
    expect(refusalOf(() => callOptions({}, {})).field).toBe('model');
  });

  it('is who asks: the body before the header', () => {
    const headers = {
      'x-gateway-user': 'of-header',
      'x-gateway-feature': 'inbox',
      'x-gateway-conversation': 'c-1',
    };
    const told = { feature: 'inbox', conversation: 'c-1' };
    expect(callOptions({ model, metadata: null }, headers).metadata).toEqual({ ...told, user: 'of-header' });
    expect(callOptions({ model, metadata: { user_id: 'of-body' } }, headers).metadata).toEqual({
      ...told,
      user: 'of-body',
    });
  });

  it('refuses what it cannot do for anyone', () => {
    const metadata = (value: string | object): string | undefined =>
      refusalOf(() => callOptions({ model, metadata: value as never }, {})).field;
    expect(metadata('x')).toBe('metadata');
    expect(metadata({ mood: 'good' })).toBe('metadata.mood');
    expect(metadata({ user_id: 'x'.repeat(129) })).toBe('metadata.user_id');
    for (const name of ['anthropic-user-profile-id', 'anthropic-workspace-id'])
      expect(refusalOf(() => callOptions({ model }, { [name]: 'x' })).field).toBe(name);
  });
});
