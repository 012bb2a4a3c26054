import { JobState, type GoogleGenAI } from '@google/genai';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { gatewayUnderTest, TEST_KEY, type GatewayUnderTest } from '../../helpers/gateway.js';
import {
  CLIENT_SETTINGS,
  googleClient,
  lineOf,
  named,
  refusalOf,
  type ClientSetting,
} from '../../helpers/google-clients.js';

const model = 'gemini-3.8-flash';
const SLOW_MS = 3_600_000;

describe.each(Object.keys(CLIENT_SETTINGS) as ClientSetting[])(
  'resources of the official client, %s',
  (setting) => {
    let under: GatewayUnderTest;
    let ai: GoogleGenAI;
    beforeAll(async () => {
      under = await gatewayUnderTest();
      ai = googleClient(under, setting);
    });
    afterAll(() => under.close());

    it('cached contents are made, found, listed, prolonged, used and deleted', async () => {
      const made = await ai.caches.create({
        model,
        config: { contents: 'word '.repeat(2_000), displayName: 'words', ttl: '60s' },
      });
      const name = made.name ?? '';
      expect(await ai.caches.get({ name })).toMatchObject({ name, displayName: 'words' });
      const listed: (string | undefined)[] = [];
      for await (const cache of await ai.caches.list()) listed.push(cache.name);
      expect(listed).toEqual([name]);
      const prolonged = await ai.caches.update({ name, config: { ttl: '7200s' } });
      expect(Date.parse(prolonged.expireTime ?? '')).toBeGreaterThan(Date.parse(made.expireTime ?? ''));
      const { usageMetadata } = await ai.models.generateContent({
        model,
        contents: 'how many words',
        config: { cachedContent: name, httpOptions: { headers: named('cached') } },
      });
      expect(usageMetadata?.cachedContentTokenCount).toBe(made.usageMetadata?.totalTokenCount);
      const call = under.upstreamCalls().at(-1);
      expect(await lineOf(under, 'cached')).toMatchObject({
        cached_tokens: call?.cachedTokens,
        input_tokens: call?.inputTokens,
      });
      await ai.caches.delete({ name });
      const { status, error } = await refusalOf(ai.caches.get({ name }));
      expect([status, error.message]).toEqual([403, 'CachedContent not found (or permission denied)']);
    });

    it('an error of Google’s about a resource passes through as it is', async () => {
      const { status, error } = await refusalOf(
        ai.caches.create({ model, config: { contents: 'too little' } }),
      );
      expect([status, error.status]).toEqual([400, 'INVALID_ARGUMENT']);
      expect(error.message).toContain('Cached content is too small');
    });

    it('batches are made, found, listed and deleted', async () => {
      const made = await ai.batches.create({
        model,
        src: [{ contents: [{ role: 'user', parts: [{ text: 'a question in a batch: twite' }] }] }],
        config: { displayName: 'questions' },
      });
      const name = made.name ?? '';
      const done = await ai.batches.get({ name });
      expect(done).toMatchObject({ name, displayName: 'questions', state: JobState.JOB_STATE_SUCCEEDED });
      const [answer] = done.dest?.inlinedResponses ?? [];
      expect(JSON.stringify(answer?.response)).toContain('twite');
      const listed: (string | undefined)[] = [];
      for await (const batch of await ai.batches.list()) listed.push(batch.name);
      expect(listed).toEqual([name]);
      await ai.batches.delete({ name });
      expect((await refusalOf(ai.batches.get({ name }))).status).toBe(404);
    });

    it('leave no key in the log', () => {
      expect(under.logText()).not.toContain(TEST_KEY);
      expect(under.logText()).not.toContain('upstream-key');
    });
  },
);

describe('a batch that takes its time', () => {
  let under: GatewayUnderTest;
  beforeAll(async () => {
    under = await gatewayUnderTest({ emulator: { surroundings: { batchCompletionMs: SLOW_MS } } });
  });
  afterAll(() => under.close());

  it('is pending, and cancelled where its owner cancels it', async () => {
    const ai = googleClient(under);
    const src = [{ contents: [{ role: 'user', parts: [{ text: 'later' }] }] }];
    const { name = '', state } = await ai.batches.create({ model, src });
    expect(state).toBe(JobState.JOB_STATE_PENDING);
    await ai.batches.cancel({ name });
    expect((await ai.batches.get({ name })).state).toBe(JobState.JOB_STATE_CANCELLED);
  });
});
