import { ApiError, GoogleGenAI } from '@google/genai';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { fetch } from 'undici';

import { cachedContentsWing, type CachedContents } from '../../../src/emulator/cached-contents.js';
import { ManualClock } from '../../helpers/manual-clock.js';
import { serveWings, type WingServer } from '../../helpers/wing-server.js';

describe('cached contents wing', () => {
  let clock: ManualClock;
  let server: WingServer;
  let cachedContents: CachedContents;
  let ai: GoogleGenAI;

  beforeEach(async () => {
    clock = new ManualClock();
    const built = cachedContentsWing({ clock, countTokens: (body) => JSON.stringify(body).length });
    cachedContents = built;
    server = await serveWings(built.wing);
    ai = new GoogleGenAI({
      apiKey: 'k',
      apiVersion: 'v1beta',
      httpOptions: { baseUrl: server.origin, fetch: fetch as unknown as typeof globalThis.fetch },
    });
  });
  afterEach(() => server.close());

  const create = (ttl?: string): ReturnType<GoogleGenAI['caches']['create']> =>
    ai.caches.create({
      model: 'gemini-3.5-flash',
      config: { contents: 'x'.repeat(2000), ...(ttl !== undefined && { ttl }) },
    });

  it('describes what it cached for the official client and tells its tokens', async () => {
    const created = await create();
    expect(created).toMatchObject({
      name: expect.stringMatching(/^cachedContents\/\w+$/),
      model: 'models/gemini-3.5-flash',
      displayName: '',
      expireTime: new Date(clock.wallMs() + 3_600_000).toISOString(),
    });
    const tokens = created.usageMetadata?.totalTokenCount ?? 0;
    expect(tokens).toBeGreaterThan(2000);
    expect(cachedContents.tokensOf(created.name ?? '')).toBe(tokens);
    expect(await ai.caches.get({ name: created.name ?? '' })).toMatchObject({ name: created.name });
  });

  it('forgets a content when its time is over, and says what Google says', async () => {
    const { name = '' } = await create('300s');
    clock.advance(299_999);
    expect(cachedContents.tokensOf(name)).toBeDefined();
    clock.advance(1);
    expect(cachedContents.tokensOf(name)).toBeUndefined();
    const error = (await ai.caches.get({ name }).catch((thrown: unknown) => thrown)) as ApiError;
    expect(error.status).toBe(403);
    expect(JSON.parse(error.message)).toEqual({
      error: {
        code: 403,
        message: 'CachedContent not found (or permission denied)',
        status: 'PERMISSION_DENIED',
      },
    });
  });

  it('changes the expiry and nothing else', async () => {
    const { name = '' } = await create('300s');
    const updated = await ai.caches.update({ name, config: { ttl: '600s' } });
    expect(updated.expireTime).toBe(new Date(clock.wallMs() + 600_000).toISOString());
    const patch = await fetch(`${server.origin}/v1beta/${name}`, {
      method: 'PATCH',
      body: JSON.stringify({ model: 'models/other' }),
    });
    expect(patch.status).toBe(400);
    const past = await fetch(`${server.origin}/v1beta/${name}`, {
      method: 'PATCH',
      body: JSON.stringify({ expireTime: '2001-01-01T00:00:00Z' }),
    });
    expect(past.status).toBe(400);
  });

  it('lists in pages and deletes', async () => {
    const first = await create();
    const second = await create();
    const pager = await ai.caches.list({ config: { pageSize: 1 } });
    expect(pager.page.map((content) => content.name)).toEqual([second.name]);
    expect((await pager.nextPage()).map((content) => content.name)).toEqual([first.name]);
    await ai.caches.delete({ name: first.name ?? '' });
    expect(cachedContents.tokensOf(first.name ?? '')).toBeUndefined();
  });

  it('refuses a content that is too small, has no model or has a ttl that is none', async () => {
    const small = ai.caches.create({ model: 'm', config: { contents: 'x' } });
    await expect(small).rejects.toThrow(
      /Cached content is too small. total_token_count=\d+, min_total_token_count=1024/,
    );
    const noModel = await fetch(`${server.origin}/v1beta/cachedContents`, { method: 'POST', body: '{}' });
    expect(noModel.status).toBe(400);
    await expect(create('5 minutes')).rejects.toThrow('expiration');
    const noJson = await fetch(`${server.origin}/v1beta/cachedContents`, { method: 'POST', body: '{' });
    expect(noJson.status).toBe(400);
  });

  it('keeps the contents of a Vertex location apart', async () => {
    await create();
    const collection = `${server.origin}/v1beta1/projects/p/locations/eu/cachedContents`;
    const model = 'projects/p/locations/eu/publishers/google/models/gemini-3.5-flash';
    const body = JSON.stringify({ model, contents: 'x'.repeat(2000) });
    const created = (await (await fetch(collection, { method: 'POST', body })).json()) as { name: string };
    expect(created.name).toMatch(/^projects\/p\/locations\/eu\/cachedContents\//);
    expect(await (await fetch(collection)).json()).toMatchObject({ cachedContents: [created] });
    expect(await (await fetch(collection.replace('/eu/', '/us/'))).json()).toEqual({});
    const missing = await fetch(`${collection}/none`);
    expect(missing.status).toBe(404);
  });
});
