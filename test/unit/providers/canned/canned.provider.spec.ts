import { describe, expect, it } from '@jest/globals';
import { NO_USAGE } from '../../../../src/core/usage.js';
import { CannedProvider } from '../../../../src/providers/canned/canned.provider.js';
import { attemptFixture, eventsFrom } from '../../../helpers/attempts.js';

const parts = [{ text: 'See ' }, { inlineData: { mimeType: 'image/png', data: 'AA==' } }];
const provider = new CannedProvider({
  answers: { sorry: { text: 'Try again later.' }, none: { json: { found: [] } }, picture: { parts } },
});
const answer = (model: string) => eventsFrom(provider.generate(attemptFixture({ model })));

describe('CannedProvider', () => {
  it('gives the text of the answer that the model names, at no cost', async () => {
    const modelVersion = 'canned/sorry';
    const content = { role: 'model', parts: [{ text: 'Try again later.' }] };
    expect(await answer('sorry')).toEqual([
      {
        type: 'chunk',
        value: { candidates: [{ index: 0, content, finishReason: 'STOP' }], modelVersion },
        usage: NO_USAGE,
      },
      { type: 'finish', verdict: 'ok', finishReason: 'STOP', usage: NO_USAGE, modelVersion },
    ]);
  });

  it.each([
    ['none', [{ text: '{"found":[]}' }]],
    ['picture', parts],
  ])('gives JSON as text and parts as they are: %s', async (name, expected) => {
    const [chunk] = await answer(name);
    expect(chunk).toMatchObject({ value: { candidates: [{ content: { parts: expected } }] } });
  });

  it('refuses a name that has no answer, also one that every object has', async () => {
    await expect(answer('missing')).rejects.toMatchObject({ reason: 'MODEL_NOT_FOUND' });
    await expect(answer('toString')).rejects.toMatchObject({ reason: 'MODEL_NOT_FOUND' });
  });

  it.each(['count_tokens', 'embed', 'batch_embed'] as const)('refuses to %s', async (operation) => {
    const attempt = attemptFixture({ model: 'sorry', operation });
    await expect(provider.generate(attempt)).rejects.toMatchObject({ reason: 'UNIMPLEMENTED' });
  });

  it('is always there', async () => {
    expect(await provider.probe()).toEqual({ ok: true });
    await provider.close();
  });
});
