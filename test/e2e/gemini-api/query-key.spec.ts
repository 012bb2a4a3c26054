import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { gatewayUnderTest, TEST_KEY, type GatewayUnderTest } from '../../helpers/gateway.js';
import { lineOf, named } from '../../helpers/google-clients.js';
import { jsonOf } from '../../helpers/rest-answers.js';

const MODEL = '/v1beta/models/gemini-3.8-flash';
const body = { contents: [{ parts: [{ text: 'hello' }] }] };
const WRONG = 'wrong-key-5512';

describe('a key in the query', () => {
  let under: GatewayUnderTest;
  beforeAll(async () => {
    under = await gatewayUnderTest();
  });
  afterAll(() => under.close());

  const ask = (path: string, sent: unknown, id: string, headers: Record<string, string> = {}) =>
    jsonOf(under.call(path, sent, { headers: named(id, { authorization: '', ...headers }) }));

  it.each<[path: string, sent: unknown]>([
    [`${MODEL}:generateContent?key=`, body],
    [`${MODEL}:streamGenerateContent?alt=sse&key=`, body],
    [`${MODEL}:streamGenerateContent?key=`, body],
    [`/gemini/v1/models/gemini-3.8-flash:countTokens?key=`, body],
    ['/v1beta/models?pageSize=1&key=', undefined],
    ['/v1beta/files?pageSize=1&key=', undefined],
    ['/gemini/v1/cachedContents?key=', undefined],
  ])('is taken at %s…', async (path, sent) => {
    const id = `at-${path.replaceAll(/\W+/g, '-')}`;
    expect((await ask(path + TEST_KEY, sent, id)).status).toBe(200);
    expect(await lineOf(under, id)).toMatchObject({ status_code: 200 });
  });

  it('is taken percent-encoded, and refused where it is wrong', async () => {
    const encoded = TEST_KEY.replaceAll('-', '%2D').replaceAll('e', '%65');
    expect((await ask(`${MODEL}:generateContent?key=${encoded}`, body, 'encoded')).status).toBe(200);
    expect((await ask(`${MODEL}:generateContent?key=${WRONG}`, body, 'wrong')).status).toBe(401);
    expect((await ask(`${MODEL}:generateContent?key=`, body, 'empty')).status).toBe(401);
    await lineOf(under, 'wrong');
    expect(under.logText()).not.toContain(encoded);
  });

  it('does not count beside a key in a header', async () => {
    const path = `${MODEL}:generateContent?key=${TEST_KEY}`;
    expect((await ask(path, body, 'beside', { 'x-goog-api-key': WRONG })).status).toBe(401);
  });

  it('is not sent on', () => {
    for (const { key, path } of under.emulator.ledger.calls) {
      expect(key).toBe('upstream-key');
      expect(path).not.toContain(TEST_KEY);
    }
  });

  it('stands in no log line, right or wrong, found or not', async () => {
    expect((await ask(`/v1beta/nothing?key=${TEST_KEY}`, body, 'nowhere')).status).toBe(404);
    expect((await ask(`${MODEL}:generateContent?key=${TEST_KEY}`, '{', 'broken')).status).toBe(400);
    expect((await ask(`/v1beta/models/%E0%A4%A?key=${TEST_KEY}`, body, 'unreadable')).status).toBe(400);
    await lineOf(under, 'broken');
    await lineOf(under, 'nowhere');
    expect(under.logText()).not.toContain(TEST_KEY);
    expect(under.logText()).not.toContain(WRONG);
  });
});
