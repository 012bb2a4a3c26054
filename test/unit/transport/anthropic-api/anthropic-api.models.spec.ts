import { describe, expect, it } from '@jest/globals';
import { modelInfo, modelPage } from '../../../../src/transport/anthropic-api/anthropic-api.models.js';

const model = (id: string, more: object = {}) => ({
  id,
  status: 'ga',
  contextTokens: 1_000,
  maxOutputTokens: 100,
  inputModalities: [],
  outputModalities: [],
  projects: [],
  ...more,
});
const catalog = {
  overview: () => ({
    models: [model('gemini-3.8-flash'), model('gemini-2.5-flash', { status: 'deprecated' })],
    tasks: [{ id: 'chat', models: ['gemini-3.8-flash'] }],
  }),
};

describe('models in Anthropic’s shape', () => {
  it('are one page of the models and, by the name that asks for them, the tasks', () => {
    const page = modelPage(catalog);
    expect(page).toMatchObject({ has_more: false, first_id: 'gemini-3.8-flash', last_id: 'task:chat' });
    expect(page['data']).toMatchObject([
      {
        type: 'model',
        id: 'gemini-3.8-flash',
        lifecycle: 'active',
        max_input_tokens: 1_000,
        max_tokens: 100,
      },
      { id: 'gemini-2.5-flash', lifecycle: 'deprecated' },
      { id: 'task:chat', display_name: 'task:chat', max_input_tokens: null, max_tokens: null },
    ]);
    const none = { overview: () => ({ models: [], tasks: [] }) };
    expect(modelPage(none)).toEqual({ data: [], has_more: false, first_id: null, last_id: null });
  });

  it('are found by name', () => {
    expect(modelInfo(catalog, 'gemini-3.8-flash')).toMatchObject({ id: 'gemini-3.8-flash' });
    expect(modelInfo(catalog, 'task:chat')).toMatchObject({ id: 'task:chat' });
    for (const name of ['chat', 'task:', 'claude-opus-5']) expect(modelInfo(catalog, name)).toBeUndefined();
  });
});
