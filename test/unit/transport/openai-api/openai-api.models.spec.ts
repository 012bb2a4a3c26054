import { describe, expect, it } from '@jest/globals';
import { modelList, modelOf } from '../../../../src/transport/openai-api/openai-api.models.js';

const model = (id: string) => ({
  id,
  status: 'ga',
  contextTokens: 1,
  inputModalities: [],
  outputModalities: [],
  projects: [],
});
const catalog = {
  overview: () => ({
    models: [model('gemini-3.8-flash')],
    tasks: [{ id: 'chat', models: ['gemini-3.8-flash'] }],
  }),
};

describe('models in OpenAI’s shape', () => {
  it('are the models and, by the name that asks for them, the tasks', () => {
    expect(modelList(catalog)).toEqual({
      object: 'list',
      data: [
        { id: 'gemini-3.8-flash', object: 'model', created: 0, owned_by: 'google' },
        { id: 'task:chat', object: 'model', created: 0, owned_by: 'gateway' },
      ],
    });
  });

  it('are found by name', () => {
    expect(modelOf(catalog, 'gemini-3.8-flash')).toMatchObject({
      id: 'gemini-3.8-flash',
      owned_by: 'google',
    });
    expect(modelOf(catalog, 'task:chat')).toMatchObject({ id: 'task:chat', owned_by: 'gateway' });
    for (const name of ['chat', 'task:gemini-3.8-flash', 'task:', 'gpt-4'])
      expect(modelOf(catalog, name)).toBeUndefined();
  });
});
