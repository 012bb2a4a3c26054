import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { request } from 'undici';
import { type Emulator, startEmulator } from '../../../src/emulator/emulator.js';
import { saying, send, type WireAnswer } from '../../helpers/emulator-client.js';
import { ManualClock } from '../../helpers/manual-clock.js';

const MODEL = 'models/gemini-3.8-flash:generateContent';
const VERTEX = `/v1beta1/projects/acme/locations/europe-west4/publishers/google/${MODEL}`;

let emulator: Emulator;
const clock = new ManualClock();
beforeAll(async () => {
  emulator = await startEmulator({ clock, apiKeys: ['good'], keyProjects: { good: 'acme' } });
});
afterAll(() => emulator.close());

const post = (path: string, headers: Record<string, string> = {}): Promise<WireAnswer> =>
  send(emulator.url + path, JSON.stringify(saying('a')), headers);

describe('the Developer API', () => {
  it.each(['/v1/', '/v1beta/', '/v1alpha/'])('accepts a key in header or query under %s', async (prefix) => {
    expect((await post(prefix + MODEL, { 'x-goog-api-key': 'good' })).status).toBe(200);
    expect((await post(`${prefix}${MODEL}?key=good`)).status).toBe(200);
    expect(emulator.ledger.calls.at(-1)).toMatchObject({
      key: 'good',
      project: 'acme',
      path: prefix + MODEL,
    });
  });

  it('accepts a token that was issued', async () => {
    const authorization = `Bearer ${emulator.tokens.issue('robot', 60)}`;
    expect((await post(`/v1beta/${MODEL}`, { authorization })).status).toBe(200);
  });

  it('answers a bad key with 400 and no key with 403', async () => {
    const bad = await post(`/v1beta/${MODEL}`, { 'x-goog-api-key': 'bad' });
    expect(JSON.parse(bad.text)).toMatchObject({
      error: { code: 400, status: 'INVALID_ARGUMENT', details: [{ reason: 'API_KEY_INVALID' }, {}] },
    });
    expect(emulator.ledger.calls.at(-1)).toMatchObject({ key: 'bad', outcome: 'bad-key' });
    expect(JSON.parse((await post(`/v1beta/${MODEL}`)).text)).toMatchObject({
      error: { code: 403, status: 'PERMISSION_DENIED' },
    });
  });

  it('wants a key for files, caches and batches as well', async () => {
    for (const path of ['files', 'cachedContents', 'batches']) {
      const response = await request(`${emulator.url}/v1beta/${path}`);
      expect([path, response.statusCode]).toEqual([path, 403]);
      await response.body.dump();
    }
  });
});

describe('Vertex', () => {
  it('accepts issued tokens until they expire or are revoked', async () => {
    const [first, second] = [emulator.tokens.issue('robot', 60), emulator.tokens.issue('robot', 120)];
    const statusWith = async (token: string): Promise<number> =>
      (await post(VERTEX, { authorization: `Bearer ${token}` })).status;
    expect(await statusWith(first)).toBe(200);
    expect(emulator.ledger.calls.at(-1)).toMatchObject({ key: first, project: 'acme' });
    clock.advance(60_000);
    expect([await statusWith(first), await statusWith(second)]).toEqual([401, 200]);
    emulator.tokens.revoke(second);
    expect(await statusWith(second)).toBe(401);
  });

  it('answers no token, and one it did not issue, with 401', async () => {
    for (const headers of [{}, { authorization: 'Bearer stolen' }])
      expect(JSON.parse((await post(VERTEX, headers)).text)).toMatchObject({
        error: { code: 401, status: 'UNAUTHENTICATED' },
      });
  });
});

it('answers a path that is none with Google’s page', async () => {
  const response = await request(`${emulator.url}/v2/nothing`);
  expect([response.statusCode, response.headers['content-type']]).toEqual([404, 'text/html; charset=UTF-8']);
  await response.body.dump();
});
