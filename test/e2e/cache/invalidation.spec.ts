import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { GatewayUnderTest } from '../../helpers/gateway.js';
import { jsonOf } from '../../helpers/rest-answers.js';
import { as, ask, cachingGateway, KEYS, stateOf } from './cache-gateway.js';

let gateway: GatewayUnderTest;
beforeAll(async () => {
  gateway = await cachingGateway();
});
afterAll(() => gateway.close());

const forget = (query: string, key?: string) =>
  jsonOf(
    gateway.call(`/v1/cache?${query}`, undefined, {
      method: 'DELETE',
      ...(key === undefined ? {} : { headers: as(key) }),
    }),
  );

/** Which of these have no stored answer any more. Each is stored afterwards. */
async function missing(
  questions: readonly (readonly [key: string, task: string])[],
): Promise<readonly string[]> {
  const states: string[] = [];
  for (const [key, task] of questions)
    states.push(
      stateOf(await ask(gateway, { task, prompt: 'shall we forget', tags: { release: task } }, as(key))),
    );
  return states;
}

describe('DELETE /v1/cache', () => {
  const QUESTIONS = [
    [KEYS.acme, 'cached'],
    [KEYS.acme, 'tools'],
    [KEYS.umbrella, 'cached'],
  ] as const;

  it('forgets what has everything that is named', async () => {
    await missing(QUESTIONS);
    expect((await forget('task=cached')).json).toEqual({ forgotten: { task: 'cached' } });
    expect(await missing(QUESTIONS)).toEqual(['miss', 'hit', 'miss']);
    await forget('task=cached&tenant=acme');
    expect(await missing(QUESTIONS)).toEqual(['miss', 'hit', 'hit']);
    await forget('tenant=acme');
    expect(await missing(QUESTIONS)).toEqual(['miss', 'miss', 'hit']);
    await forget('tag=release');
    expect(await missing(QUESTIONS)).toEqual(['miss', 'miss', 'miss']);
    await forget('tag=release%3Dtools');
    expect(await missing(QUESTIONS)).toEqual(['hit', 'miss', 'hit']);
    await forget('prompt=letter%402');
    expect(await missing(QUESTIONS)).toEqual(['hit', 'hit', 'hit']);
  });

  it('forgets the answer to one question by its key', async () => {
    const body = { prompt: 'just this one' };
    const { headers } = await ask(gateway, body);
    await ask(gateway, { prompt: 'and not that' });
    await forget(`key=${String(headers['x-gateway-cache-key'])}`);
    expect(stateOf(await ask(gateway, body))).toBe('miss');
    expect(stateOf(await ask(gateway, { prompt: 'and not that' }))).toBe('hit');
  });

  it('reaches the own tenant alone for keys without the scope "admin"', async () => {
    await missing(QUESTIONS);
    const { json } = await forget('task=cached', KEYS.umbrella);
    expect(json).toEqual({ forgotten: { task: 'cached', tenant: 'umbrella' } });
    expect(await missing(QUESTIONS)).toEqual(['hit', 'hit', 'miss']);
    const refused = await forget('tenant=acme', KEYS.umbrella);
    expect([refused.status, refused.json['code']]).toEqual([403, 'PERMISSION_DENIED']);
    expect(await missing(QUESTIONS)).toEqual(['hit', 'hit', 'hit']);
  });

  it.each([
    ['', 'tenant'],
    ['task=', 'task'],
    ['task=a&task=b', 'task'],
    ['key=abc', 'key'],
    ['everything=true', 'everything'],
  ])('refuses "%s", naming the field', async (query, field) => {
    const { status, json } = await forget(query);
    expect([status, json['field']]).toEqual([400, field]);
  });

  it('needs a key', async () => {
    expect((await forget('task=cached', 'nobody’s'.replace('’', ''))).status).toBe(401);
  });
});
