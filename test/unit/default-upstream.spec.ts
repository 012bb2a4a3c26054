import { describe, expect, it } from '@jest/globals';
import { request } from 'undici';
import { defaultUpstream } from '../../src/default-upstream.js';
import { project, snapshot } from './routing/fixtures.js';

const EMPTY = snapshot({ models: {} });

describe('defaultUpstream', () => {
  it('is none where projects are configured', async () => {
    const config = snapshot({ models: {}, projects: [project('a')] });
    expect(await defaultUpstream(config, { GEMINI_API_KEY: 'k' })).toBeUndefined();
  });

  it('is Google where there is a key', async () => {
    const upstream = await defaultUpstream(EMPTY, { GEMINI_API_KEY: 'secret-key' });
    expect(upstream).toMatchObject({
      defaults: {
        projects: [
          {
            id: 'gemini',
            provider: 'gemini',
            credentials: { apiKeys: [{ secret: 'env:GEMINI_API_KEY' }] },
          },
        ],
      },
      environment: {},
      notice: expect.stringContaining('Google'),
    });
    expect(JSON.stringify(upstream)).not.toContain('secret-key');
    await upstream?.close();
  });

  it('is the emulator otherwise, says so, and closes it', async () => {
    const upstream = (await defaultUpstream(EMPTY, { GEMINI_API_KEY: '' }))!;
    const [{ baseUrl, id }] = upstream.defaults['projects'] as [{ baseUrl: string; id: string }];
    expect(id).toBe('emulator');
    expect(upstream.environment).toEqual({ GATEWAY_EMULATOR_KEY: 'emulator' });
    expect(upstream.notice).toContain('made up by the built-in emulator');
    const { statusCode, body } = await request(`${baseUrl}/v1beta/models?key=emulator`);
    await body.dump();
    expect(statusCode).toBe(200);
    await upstream.close();
    await expect(request(`${baseUrl}/v1beta/models?key=emulator`)).rejects.toThrow();
  });
});
