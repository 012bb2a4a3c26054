import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import { jsonOf } from '../../helpers/rest-answers.js';

describe('the page of the API', () => {
  let under: GatewayUnderTest;
  beforeAll(async () => {
    under = await gatewayUnderTest();
  });
  afterAll(() => under.close());

  const get = (path: string, headers: Record<string, string> = {}) =>
    jsonOf(under.call(path, undefined, { headers: { authorization: '', ...headers } }));

  it.each([
    ['/docs', 'text/html', 'swagger-ui-init.js'],
    ['/docs/', 'text/html', './swagger-ui-init.js'],
    ['/docs/swagger-ui-init.js', 'application/javascript', '/v1/generate'],
    ['/docs/swagger-ui.css', 'text/css', '.swagger-ui'],
    ['/docs-yaml', 'text/yaml', '/v1/generate:'],
  ])('has all that it needs: %s', async (path, type, content) => {
    const { status, headers, text } = await get(path);
    expect(status).toBe(200);
    expect(headers['content-type']).toContain(type);
    expect(headers['x-request-id']).toEqual(expect.any(String));
    expect(Number(headers['content-length'])).toBe(Buffer.byteLength(text));
    expect(text).toContain(content);
  });

  it('describes every route once, with its key, however often it is asked for', async () => {
    const [first, second] = [await get('/docs/openapi.json'), await get('/docs/openapi.json')];
    expect(second.text).toBe(first.text);
    const { paths } = first.json as unknown as Record<string, Record<string, Record<string, unknown>>>;
    expect(paths?.['/v1/models']?.['get']).toMatchObject({
      tags: ['generation'],
      security: [{ bearer: [] }],
      summary: 'List the models and tasks that can be asked for',
    });
    expect(paths?.['/v1/generate']?.['post']).toMatchObject({ requestBody: { required: true } });
  });

  it('is the same from every gateway of a process', async () => {
    const another = await gatewayUnderTest();
    try {
      const [one, other] = [
        await get('/docs/openapi.json'),
        await jsonOf(another.call('/docs/openapi.json')),
      ];
      expect(other.json).toEqual(one.json);
    } finally {
      await another.close();
    }
  });

  it('need not be sent again to who has it', async () => {
    const { headers } = await get('/docs/swagger-ui.css');
    const again = await get('/docs/swagger-ui.css', { 'if-none-match': String(headers['etag']) });
    expect({ status: again.status, text: again.text }).toEqual({ status: 304, text: '' });
  });

  it('is a problem document where there is none of it', async () => {
    for (const path of ['/docs/nothing', '/docs/..%2fpackage.json', '/docs/LICENSE']) {
      const { status, json } = await get(path);
      expect({ status, json }).toMatchObject({ status: 404, json: { code: 'INVALID_REQUEST' } });
    }
  });

  it('is made by a library that no start has to load', () => {
    const root = join(import.meta.dirname, '../../../src');
    const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.ts'),
    );
    const importing = (what: RegExp) =>
      files.filter((name) => what.test(readFileSync(join(root, name), 'utf8')));
    expect(importing(/from '@nestjs\/swagger'/)).toEqual(['transport/http/api-docs.page.ts']);
    expect(importing(/^import (?!type )[^;]*api-docs\.page\.js'/m)).toEqual([]);
    expect(importing(/import\('\.\/api-docs\.page\.js'\)/)).toEqual(['transport/http/api-docs.ts']);
  });
});
